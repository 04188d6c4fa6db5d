// `node scripts/docker-engine.js start DIR` starts a Docker engine of its own below DIR (root only) and prints its socket;
// `stop DIR` ends it and what it left mounted. Nothing of an engine that is already on the machine is touched or used.
// The base image `signalbox-base:bookworm` (Debian, and the Node that runs this script) is made on the first start: nothing is pulled.
// With `--stand-ins` also what tests use in place of public images (test/docker/stand-ins).
import { execFileSync, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, realpathSync, rmSync } from 'node:fs';
import { request } from 'node:http';
import { dirname, join, resolve } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

export const baseImage = 'signalbox-base:bookworm';
/** Folder below test/docker/stand-ins -> the names it goes by. */
const standIns = {
  node: ['node:20-bookworm-slim'],
  python: ['python:3.12-slim-bookworm'],
  postgres: ['postgres:15', 'postgres:16'],
  redis: ['redis:7'],
  mailpit: ['axllent/mailpit:v1.21'],
  pgadmin: ['dpage/pgadmin4:8'],
  caddy: ['caddy:2.10-alpine'],
};
const needed = { dockerd: 'docker.io', iptables: 'iptables', debootstrap: 'debootstrap', ip: 'iproute2' };
const path = `${process.env.PATH ?? ''}:/usr/sbin:/sbin`;

const finds = (program) => path.split(':').some((folder) => folder !== '' && existsSync(join(folder, program)));
/** Where an engine has what; with a bridge of its own. */
export const placesOf = (dir, bridge = bridgeOf(dir)) => ({
  bridge,
  socket: join(dir, 'docker.sock'),
  pid: join(dir, 'docker.pid'),
  log: join(dir, 'dockerd.log'),
  data: join(dir, 'data'),
  run: join(dir, 'exec'),
  base: join(dir, 'base'),
});

/** A bridge of its own, so that an engine of the machine keeps its docker0. */
function bridgeOf(dir) {
  const hash = createHash('sha256').update(dir).digest();
  return { name: `sbx${hash.toString('hex').slice(0, 8)}`, block: 128 + (hash[0] % 60), net: hash[1] };
}

function makeBridge({ name, net, block }) {
  if (existsSync(`/sys/class/net/${name}`)) return;
  const ip = (...words) =>
    execFileSync('ip', words, { stdio: ['ignore', 'ignore', 'pipe'], env: { ...process.env, PATH: path } });
  ip('link', 'add', 'name', name, 'type', 'bridge');
  ip('addr', 'add', `10.${block + 64}.${net}.1/24`, 'dev', name);
  ip('link', 'set', name, 'up');
}

/** Why no engine can be had here, with what would enable it; null when one can. */
export function whyNoEngine() {
  if (process.platform !== 'linux') return 'starting an engine needs Linux';
  if (process.getuid?.() !== 0) return 'starting a Docker engine needs root';
  const missing = Object.entries(needed).filter(([program]) => !finds(program));
  return missing.length === 0 ? null : `no Docker engine: apt-get install -y ${missing.map(([, name]) => name).join(' ')}`;
}

/** Starts the engine unless it runs, and makes the base image unless it is there. Returns the path of its socket. */
export async function startEngine(dir, { args = [] } = {}) {
  const why = whyNoEngine();
  if (why !== null) throw new Error(why);
  const folder = resolve(dir);
  const places = placesOf(folder);
  mkdirSync(folder, { recursive: true, mode: 0o711 });
  if (!(await answers(places.socket))) await launch(places, args);
  if (!(await has(places.socket, baseImage))) await makeBase(places);
  return places.socket;
}

/** Builds the stand-ins that are not there yet. */
export async function makeStandIns(socket) {
  for (const [folder, names] of Object.entries(standIns)) {
    if (await has(socket, names[0])) continue;
    const context = fileURLToPath(new URL(`../test/docker/stand-ins/${folder}`, import.meta.url));
    const tags = names.flatMap((name) => ['--tag', name]);
    execFileSync('docker', ['--host', `unix://${socket}`, 'build', '--quiet', ...tags, context], {
      stdio: ['ignore', 'ignore', 'pipe'],
      env: { ...process.env, PATH: path, DOCKER_BUILDKIT: '0' },
    });
  }
}

/** Starts only the program: for those who stopped it themselves. */
export async function launch(places, args = []) {
  makeBridge(places.bridge);
  const log = openSync(places.log, 'a');
  const child = spawn(
    'dockerd',
    [
      `--host=unix://${places.socket}`,
      `--data-root=${places.data}`,
      `--exec-root=${places.run}`,
      `--pidfile=${places.pid}`,
      '--storage-driver=overlay2',
      `--bridge=${places.bridge.name}`,
      // Away from the ranges that an engine of the machine takes by itself.
      `--default-address-pool=base=10.${places.bridge.block}.0.0/16,size=24`,
      ...args,
    ],
    { detached: true, stdio: ['ignore', log, log], env: { ...process.env, PATH: path } },
  );
  closeSync(log);
  const ended = new Promise((_, reject) => {
    child.once('error', reject);
    child.once('exit', (code) => reject(new Error(`dockerd ended with ${code}:\n${tailOf(places.log)}`)));
  });
  ended.catch(() => {});
  await Promise.race([ended, untilAnswers(places)]);
  child.removeAllListeners('exit');
  child.unref();
}

export async function stopEngine(dir) {
  const places = placesOf(resolve(dir));
  const pid = pidOf(places.pid);
  if (pid === null) return;
  process.kill(pid, 'SIGTERM');
  const deadline = Date.now() + 30_000;
  while (alive(pid)) {
    if (Date.now() > deadline) throw new Error(`dockerd ${pid} does not end:\n${tailOf(places.log)}`);
    await wait(50);
  }
  unmountBelow(resolve(dir));
  if (existsSync(`/sys/class/net/${places.bridge.name}`)) execFileSync('ip', ['link', 'del', places.bridge.name]);
}

/** An ended engine leaves the network of this machine mounted when a container had it, or what containers that it kept have mounted. */
export function unmountBelow(folder) {
  for (const line of readFileSync('/proc/mounts', 'utf8').split('\n').toReversed()) {
    const [, at = ''] = line.split(' ');
    if (at.startsWith(`${folder}/`)) execFileSync('umount', [at]);
  }
}

async function untilAnswers(places) {
  const deadline = Date.now() + 60_000;
  while (!(await answers(places.socket))) {
    if (Date.now() > deadline) throw new Error(`dockerd does not answer:\n${tailOf(places.log)}`);
    await wait(100);
  }
}

const answers = async (socket) => existsSync(socket) && (await ask(socket, '/_ping').catch(() => 0)) === 200;
const has = async (socket, image) => (await ask(socket, `/images/${encodeURIComponent(image)}/json`)) === 200;

const ask = (socketPath, url) =>
  new Promise((done, fail) => {
    const asked = request({ socketPath, path: url, timeout: 5000 }, (answer) => {
      answer.resume().once('end', () => done(answer.statusCode));
    });
    asked.once('timeout', () => asked.destroy(new Error('no answer')));
    asked.once('error', fail).end();
  });

/** Debian's smallest system, with this very Node and its npm. */
async function makeBase(places) {
  const root = places.base;
  rmSync(root, { recursive: true, force: true });
  const quiet = { stdio: ['ignore', 'ignore', 'pipe'], env: { ...process.env, PATH: path } };
  execFileSync('debootstrap', ['--variant=minbase', '--include=ca-certificates', 'bookworm', root], quiet);
  const node = realpathSync(process.execPath);
  execFileSync('cp', [node, join(root, 'usr/bin/node')], quiet);
  mkdirSync(join(root, 'usr/lib/node_modules'), { recursive: true });
  execFileSync('cp', ['-a', npmFolder(node), join(root, 'usr/lib/node_modules/npm')], quiet);
  for (const name of ['npm', 'npx'])
    execFileSync('ln', ['-sf', `../lib/node_modules/npm/bin/${name}-cli.js`, join(root, 'usr/bin', name)], quiet);
  const tar = spawn('tar', ['-C', root, '--exclude=./var/cache/apt/archives/*.deb', '-c', '.'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  // What this machine trusts (a company's own authority) its containers have to trust as well.
  const trusted = 'etc/ssl/certs/ca-certificates.crt';
  if (existsSync(`/${trusted}`)) execFileSync('cp', [`/${trusted}`, join(root, trusted)], quiet);
  const [name, tag] = baseImage.split(':');
  const env = ['NODE_EXTRA_CA_CERTS', 'SSL_CERT_FILE', 'PIP_CERT'].map(
    (variable) => `changes=${encodeURIComponent(`ENV ${variable}=/${trusted}`)}`,
  );
  const status = await new Promise((done, fail) => {
    const asked = request(
      { socketPath: places.socket, method: 'POST', path: `/images/create?fromSrc=-&repo=${name}&tag=${tag}&${env.join('&')}` },
      (answer) => answer.resume().once('end', () => done(answer.statusCode)),
    );
    asked.once('error', fail);
    tar.stdout.pipe(asked);
  });
  rmSync(root, { recursive: true, force: true });
  if (status !== 200) throw new Error(`The engine refused the base image (${status}).`);
}

function npmFolder(node) {
  const places = [join(dirname(node), '../lib/node_modules/npm'), '/usr/lib/node_modules/npm', '/usr/share/nodejs/npm'];
  const found = places.find((place) => existsSync(join(place, 'bin/npm-cli.js')));
  if (found === undefined) throw new Error(`npm is not beside ${node}.`);
  return realpathSync(found);
}

function pidOf(file) {
  if (!existsSync(file)) return null;
  const pid = Number(readFileSync(file, 'utf8'));
  return Number.isInteger(pid) && pid > 1 && alive(pid) ? pid : null;
}

function alive(pid) {
  try {
    process.kill(pid, 0);
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}

const tailOf = (file) => readFileSync(file, 'utf8').split('\n').slice(-15).join('\n');

if (process.argv[1] !== undefined && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) {
  const [verb, dir, option] = process.argv.slice(2);
  if ((verb !== 'start' && verb !== 'stop') || dir === undefined) {
    process.stderr.write('usage: node scripts/docker-engine.js start DIR [--stand-ins] | stop DIR\n');
    process.exitCode = 2;
  } else if (verb === 'start') {
    const socket = await startEngine(dir);
    if (option === '--stand-ins') await makeStandIns(socket);
    process.stdout.write(`${socket}\n`);
  } else await stopEngine(dir);
}
