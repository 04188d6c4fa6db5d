import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { backendConfig, caddyConfig, haproxyConfig, nginxConfig, type ProxyJob } from './configs.ts';
import { startEmbedded } from './embedded.ts';
import { freePorts, type Running, startPeer, versionOf } from './peer.ts';
import { tableOf } from './table.ts';

export interface Field {
  readonly backend: Running;
  /** The embedded proxy first, then the peers that are installed. */
  readonly proxies: readonly Running[];
  readonly skipped: readonly string[];
  stop(): Promise<void>;
}

export const benchHosts = Array.from({ length: 10 }, (_, index) => `bench-${index}.localhost`);
const root = process.getuid?.() === 0;

/** Starts the backend and every proxy that is installed. @throws Error when there is no nginx for the backend. */
export async function startField(folder: string): Promise<Field> {
  const skipped: string[] = [];
  const running: Running[] = [];
  const stop = async (): Promise<void> => {
    for (const each of running.splice(0)) await each.stop();
  };
  try {
    const backend = await startBackend(folder);
    running.push(backend);
    const embedded = await startEmbedded(join(folder, 'embedded'));
    running.push(embedded);
    await embedded.commit(tableOf({ version: 1, hosts: benchHosts, backendPort: backend.port }));
    for (const start of [startNginx, startHaproxy, startCaddy]) {
      const peer = await start(folder, backend.port);
      if (typeof peer === 'string') skipped.push(peer);
      else running.push(peer);
    }
    return { backend, proxies: running.filter((each) => each !== backend), skipped, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** An nginx that answers from memory-mapped files. @throws Error when nginx is not installed. */
export async function startBackend(folder: string): Promise<Running> {
  const version = await versionOf('nginx', '-v');
  if (version === undefined)
    throw new Error('The backend of this bench is nginx: apt-get install nginx (its service need not run).');
  const own = join(folder, 'backend');
  const files = join(own, 'files');
  await mkdir(files, { recursive: true });
  await writeFile(join(files, '1k'), 'a'.repeat(1024));
  await writeFile(join(files, '64k'), 'b'.repeat(64 * 1024));
  const [port = 0] = await freePorts(1);
  const config = join(own, 'nginx.conf');
  await writeFile(config, backendConfig({ port, folder: own, files, root }));
  return await startPeer({ name: 'backend', program: 'nginx', argv: ['-p', own, '-e', 'stderr', '-c', config], port, version });
}

async function jobIn(folder: string, name: string, backendPort: number): Promise<ProxyJob> {
  const own = join(folder, name);
  await mkdir(own, { recursive: true });
  const [port = 0] = await freePorts(1);
  return { port, backendPort, hosts: benchHosts, folder: own };
}

async function startNginx(folder: string, backendPort: number): Promise<Running | string> {
  const version = await versionOf('nginx', '-v');
  if (version === undefined) return 'nginx: apt-get install nginx';
  const job = await jobIn(folder, 'nginx', backendPort);
  const config = join(job.folder, 'nginx.conf');
  await writeFile(config, nginxConfig(job, root));
  return await startPeer({
    name: 'nginx',
    program: 'nginx',
    argv: ['-p', job.folder, '-e', 'stderr', '-c', config],
    port: job.port,
    version,
  });
}

async function startHaproxy(folder: string, backendPort: number): Promise<Running | string> {
  const version = await versionOf('haproxy', '-v');
  if (version === undefined) return 'HAProxy: apt-get install haproxy';
  const job = await jobIn(folder, 'haproxy', backendPort);
  const config = join(job.folder, 'haproxy.cfg');
  await writeFile(config, haproxyConfig(job));
  return await startPeer({ name: 'haproxy', program: 'haproxy', argv: ['-db', '-f', config], port: job.port, version });
}

async function startCaddy(folder: string, backendPort: number): Promise<Running | string> {
  const version = await versionOf('caddy', 'version');
  if (version === undefined) return 'Caddy: apt-get install caddy';
  const job = await jobIn(folder, 'caddy', backendPort);
  const config = join(job.folder, 'Caddyfile');
  await writeFile(config, caddyConfig(job));
  const environment = { HOME: job.folder, XDG_DATA_HOME: job.folder, XDG_CONFIG_HOME: job.folder, GOMAXPROCS: '1' };
  const argv = ['run', '--config', config, '--adapter', 'caddyfile'];
  return await startPeer({ name: 'caddy', program: 'caddy', argv, port: job.port, version: `caddy ${version}`, environment });
}
