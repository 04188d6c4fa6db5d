// `npm test [filter]`: the suite, and beside it the examples' own tests; closes with the files that took longest, what was skipped and why,
// and "N passed, N failed, N skipped".
// Where it can (as root, with Debian's packages), the whole suite gets a Docker engine of its own, in a temporary folder, and ends it.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { makeStandIns, startEngine, stopEngine, whyNoEngine } from './docker-engine.js';

const root = fileURLToPath(new URL('..', import.meta.url));
const filters = process.argv.slice(2);
const folder = mkdtempSync(join(tmpdir(), 'signalbox-test-'));
// Whoever is interrupted while a child runs still ends the engine.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => {});
const engine = await ownEngine();
const [suite, ofExamples] = await Promise.all([runSuite(), filters.length === 0 ? runExamples() : []]);
await engine.end();
rmSync(folder, { recursive: true, force: true });
for (const { said } of ofExamples) process.stdout.write(said);
close([suite, ...ofExamples], suite.longest ?? []);

/** An engine for tests, unless there is one, a part of the suite was asked for, or none can be had (its tests say why). */
async function ownEngine() {
  if (filters.length > 0 || (process.env.SIGNALBOX_TEST_DOCKER_HOST ?? '') !== '' || whyNoEngine() !== null)
    return { end: async () => {} };
  // A socket's path is short, and the layers of images are large.
  const place = mkdtempSync('/var/tmp/sbx-engine-');
  const end = async () => {
    await stopEngine(place);
    rmSync(place, { recursive: true, force: true });
  };
  try {
    const socket = await startEngine(place);
    await makeStandIns(socket);
    process.env.SIGNALBOX_TEST_DOCKER_HOST = `unix://${socket}`;
  } catch (error) {
    process.stdout.write(`No Docker engine for the tests: ${error.message}\n`);
    await end();
    return { end: async () => {} };
  }
  return { end };
}

/** @returns {Promise<{ passed: number, failed: number, skipped: string[], longest?: string[] }>} */
async function runSuite() {
  const file = join(folder, 'suite.json');
  const child = spawn(process.execPath, [join(root, 'node_modules/vitest/vitest.mjs'), 'run', ...filters], {
    cwd: root,
    stdio: 'inherit',
    env: { ...process.env, SIGNALBOX_TEST_RESULT: file },
  });
  const status = await endOf(child);
  // A run that ended before it could count has failed, whatever it had seen by then.
  const counted = existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : { passed: 0, failed: 0, skipped: [] };
  if (status !== 0 && counted.failed === 0) counted.failed = 1;
  return counted;
}

/** The exit code; null for a program that was killed, or was never there. */
async function endOf(child) {
  const [status] = await once(child, 'close').catch(() => [null]);
  return status;
}

/** One after the other, beside the small programs that the suite begins with: no test of an example measures time. */
async function runExamples() {
  const done = [];
  for (const example of examples()) done.push(await runExample(example));
  return done;
}

/** Example apps are tested as their authors would: by `node --test`, in their folder. */
function examples() {
  return ['hello', 'gallery', 'gallery/api', 'portfolio/backend', 'portfolio/frontend', 'tasks/backend', 'tasks/frontend']
    .map((name) => ({ name, folder: join(root, 'examples', name) }))
    .filter((example) => existsSync(join(example.folder, 'package.json')) && existsSync(join(example.folder, 'test')));
}

async function runExample({ name, folder: cwd }) {
  const { dependencies = {}, devDependencies = {}, scripts = {} } = JSON.parse(readFileSync(join(cwd, 'package.json'), 'utf8'));
  const needs = Object.keys({ ...dependencies, ...devDependencies }).length > 0;
  if (needs && !existsSync(join(cwd, 'node_modules')))
    return skippedExample(name, `its packages are not installed: npm --prefix examples/${name} ci`);
  if (scripts.build !== undefined && !existsSync(join(cwd, 'dist')) && !existsSync(join(cwd, '.next')))
    return skippedExample(name, `it is not built: npm --prefix examples/${name} run build`);
  const { NODE_TEST_CONTEXT: _outer, ...env } = process.env;
  const child = spawn('npm', ['test', '--silent'], {
    cwd,
    env: { ...env, NODE_OPTIONS: '--test-reporter=tap' },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: 300_000,
  });
  const printed = { stdout: '', stderr: '' };
  for (const stream of ['stdout', 'stderr'])
    child[stream].setEncoding('utf8').on('data', (text) => {
      printed[stream] += text;
    });
  const status = await endOf(child);
  const count = (what) => Number(new RegExp(`^# ${what} (\\d+)$`, 'm').exec(printed.stdout)?.[1] ?? 0);
  const reasons = [...printed.stdout.matchAll(/^ *ok \d+ - (.*) # SKIP ?(.*)$/gm)];
  const skipped = reasons.map(
    ([, test, why]) => `  examples/${name} > ${test}: ${why || 'no reason given (a fault of the test)'}`,
  );
  const failed = Math.max(count('fail') + count('cancelled'), status === 0 ? 0 : 1);
  const all = failed > 0 ? `${printed.stdout}${printed.stderr}` : '';
  return { passed: count('pass'), failed, skipped, said: `${all} examples/${name}: ${count('pass')} passed, ${failed} failed\n` };
}

function skippedExample(name, why) {
  return { passed: 0, failed: 0, skipped: [`  examples/${name}: ${why}`], said: '' };
}

function close(all, longest) {
  if (longest.length > 0)
    process.stdout.write(`\nFiles that take long, and how busy the machine was meanwhile:\n${longest.join('\n')}\n`);
  const sum = (key) => all.reduce((total, result) => total + result[key], 0);
  const skipped = all.flatMap((result) => result.skipped);
  if (skipped.length > 0) process.stdout.write(`\nSkipped here, and what would enable it:\n${byReason(skipped).join('\n')}\n`);
  process.stdout.write(`\n${sum('passed')} passed, ${sum('failed')} failed, ${skipped.length} skipped\n`);
  process.exitCode = sum('failed') === 0 ? 0 : 1;
}

/** Tests that are skipped for the same reason share its line. */
function byReason(lines) {
  const groups = new Map();
  for (const line of lines) {
    const end = line.indexOf(': ');
    const [test, reason] = end < 0 ? [line, ''] : [line.slice(0, end), line.slice(end + 2)];
    groups.set(reason, [...(groups.get(reason) ?? []), test]);
  }
  return [...groups].map(([reason, tests]) =>
    tests.length === 1
      ? `${tests[0]}: ${reason}`
      : `  ${tests.length} tests: ${reason}\n${tests.map((test) => `  ${test}`).join('\n')}`,
  );
}
