// `npm run check:teeth [words ...]`: switches each protective rule of test/teeth/*.json off in turn, in a copy of the tree, and runs the
// test that has to notice (`named`: only tests whose names contain it). Words choose the teeth whose name, file or test contains one
// of them; `--only NAME`, also several times, takes single ones; `--why` prints which test noticed and what it said. Each test file
// runs once with every rule in place. Exits 1 when a test stays green, when the rule's text is not in the source exactly once, or
// when the test is red, or finds nothing to run, with the rule in place. A test that skips itself here (it needs root, say) is counted
// apart: as root in an ordinary container all of them run.
import { spawn } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
/** Milliseconds that one run may take; a broken rule may well make it hang. */
const patience = 120_000;
/** Milliseconds for a whole test file with every rule in place. */
const baselinePatience = 300_000;
/** Runs side by side, each in a copy of its own. */
const lanes = 2;
const vitest = join(root, 'node_modules/vitest/vitest.mjs');
const left = new Set(['node_modules', '.git', 'dist', 'coverage', 'results']);

/** @typedef {{ name: string, file: string, find: string, replace: string, test: string, named?: string, why: string }} Tooth */

/** @returns {Tooth[]} */
function readTeeth() {
  const folder = join(root, 'test/teeth');
  const files = readdirSync(folder).filter((name) => name.endsWith('.json'));
  return files.flatMap((name) => JSON.parse(readFileSync(join(folder, name), 'utf8')));
}

/** A tree whose temporary files are its own too, so that all that a hanging test leaves behind can be found. */
function copyTree() {
  const copy = mkdtempSync(join(tmpdir(), 'teeth-'));
  chmodSync(copy, 0o711);
  cpSync(root, copy, { recursive: true, filter: (from) => !left.has(basename(from)) });
  symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'));
  mkdirSync(join(copy, 't'), { mode: 0o1777 });
  chmodSync(join(copy, 't'), 0o1777);
  return copy;
}

/** A pattern for -t that takes tests whose names contain one of these. */
const pattern = (names) => names.map((name) => name.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')).join('|');

/**
 * Runs a test file, or those of its tests whose names contain one of `names`.
 * @param {{ copy: string, test: string, names: readonly (string | undefined)[], bail?: boolean }} wish
 * @returns {Promise<{ hung: boolean, tests: { name: string, passed: boolean, said: string }[], skipped: string[] }>}
 */
async function runTests({ copy, test, names, bail = false }) {
  const report = join(copy, 'report.json');
  rmSync(report, { force: true });
  const only = names.includes(undefined) ? [] : ['-t', pattern([...new Set(names)])];
  const args = [vitest, 'run', test, ...only, bail ? '--bail=1' : '--bail=0', '--reporter=json', `--outputFile=${report}`];
  const child = spawn(process.execPath, args, { cwd: copy, stdio: 'ignore', env: { ...process.env, TMPDIR: join(copy, 't') } });
  let hung = false;
  const timer = setTimeout(
    () => {
      hung = true;
      child.kill('SIGKILL');
    },
    bail ? patience : baselinePatience,
  );
  await new Promise((resolve) => child.once('close', resolve));
  clearTimeout(timer);
  await endLeftovers(copy);
  return { hung, ...(hung ? { tests: [], skipped: [] } : readReport(report)) };
}

function readReport(report) {
  let all;
  try {
    all = JSON.parse(readFileSync(report, 'utf8')).testResults.flatMap((file) => file.assertionResults);
  } catch {
    return { tests: [], skipped: [] };
  }
  const ran = ({ status }) => status === 'passed' || status === 'failed';
  const tests = all.filter(ran).map(({ status, fullName, failureMessages }) => ({
    name: fullName,
    passed: status === 'passed',
    said: (failureMessages[0] ?? '').split('\n', 1)[0],
  }));
  return { tests, skipped: all.filter((test) => !ran(test)).map(({ fullName }) => fullName) };
}

/** Ends every process that was started from the copy, or for a folder in it, and empties its temporary folder. */
async function endLeftovers(copy) {
  for (let looks = 0; looks < 20; looks += 1) {
    const found = readdirSync('/proc').filter((pid) => /^\d+$/.test(pid) && Number(pid) !== process.pid && belongs(pid, copy));
    if (found.length === 0) break;
    for (const pid of found) {
      try {
        process.kill(Number(pid), 'SIGKILL');
      } catch {
        // Gone by itself.
      }
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  for (const name of readdirSync(join(copy, 't'))) rmSync(join(copy, 't', name), { recursive: true, force: true, maxRetries: 3 });
}

function belongs(pid, copy) {
  const read = (look) => {
    try {
      return look();
    } catch {
      return '';
    }
  };
  return (
    read(() => readFileSync(`/proc/${pid}/cmdline`, 'latin1')).includes(copy) ||
    read(() => readlinkSync(`/proc/${pid}/cwd`)).startsWith(copy) ||
    read(() => readFileSync(`/proc/${pid}/environ`, 'latin1')).includes(copy)
  );
}

/** Verdict on a tooth whose test does not run on this machine or as this user; the test itself says why. */
const notHere = 'not here';

/** Why a tooth cannot be judged although every rule is in place, if so: the text of its rule, or its test. */
function unsound(tooth, source, baseline) {
  const times = source.split(tooth.find).length - 1;
  if (times !== 1) return `text found ${times} times`;
  if (baseline.hung) return 'hangs with it';
  const isOwn = (name) => name.includes(tooth.named ?? '');
  const own = baseline.tests.filter(({ name }) => isOwn(name));
  if (own.some(({ passed }) => !passed)) return 'red with it';
  if (own.length > 0) return undefined;
  return baseline.skipped.some(isOwn) ? notHere : 'nothing ran';
}

/**
 * @param {{ copy: string, tooth: Tooth, baseline: Awaited<ReturnType<typeof runTests>> }} wish
 * @returns {Promise<{ verdict: string, noticed?: { name: string, said: string } }>}
 */
async function bite({ copy, tooth, baseline }) {
  const path = join(copy, tooth.file);
  const source = readFileSync(path, 'utf8');
  const fault = unsound(tooth, source, baseline);
  if (fault !== undefined)
    return { verdict: fault, noticed: fault === notHere ? undefined : baseline.tests.find(({ passed }) => !passed) };
  try {
    writeFileSync(
      path,
      source.replace(tooth.find, () => tooth.replace),
    );
    const { hung, tests } = await runTests({ copy, test: tooth.test, names: [tooth.named], bail: true });
    if (hung) return { verdict: 'bites', noticed: { name: tooth.test, said: `not over after ${patience / 1000} s` } };
    const noticed = tests.find(({ passed }) => !passed);
    if (noticed) return { verdict: 'bites', noticed };
    return { verdict: tests.length > 0 ? 'STAYS GREEN' : 'nothing ran' };
  } finally {
    writeFileSync(path, source);
  }
}

/** The teeth that were asked for, by test file, long groups first so that the lanes end together. */
function chosen(words) {
  const names = words.flatMap((word, at) => (words[at - 1] === '--only' ? [word] : []));
  const parts = words.filter((word, at) => !word.startsWith('--') && words[at - 1] !== '--only');
  const wanted = ({ name, file, test }) =>
    names.includes(name) ||
    parts.some((part) => `${name} ${file} ${test}`.includes(part)) ||
    (names.length === 0 && parts.length === 0);
  const groups = new Map();
  for (const tooth of readTeeth().filter(wanted)) groups.set(tooth.test, [...(groups.get(tooth.test) ?? []), tooth]);
  return [...groups.values()].sort((one, other) => other.length - one.length);
}

const words = process.argv.slice(2);
const groups = chosen(words);
const total = groups.flat().length;
const copies = [];
const started = Date.now();
let bites = 0;
let untried = 0;

async function lane(waiting) {
  const copy = copyTree();
  copies.push(copy);
  for (const teeth of waiting) {
    const test = teeth[0].test;
    const baseline = await runTests({ copy, test, names: teeth.map(({ named }) => named) });
    for (const tooth of teeth) {
      const since = Date.now();
      const { verdict, noticed } = await bite({ copy, tooth, baseline });
      if (verdict === 'bites') bites += 1;
      if (verdict === notHere) untried += 1;
      const seconds = `${((Date.now() - since) / 1000).toFixed(1)} s`.padStart(7);
      console.log(`${verdict.padEnd(16)} ${seconds}  ${tooth.file.padEnd(42)} ${tooth.name}`);
      if (noticed && (words.includes('--why') || verdict !== 'bites')) console.log(`  ${noticed.name}: ${noticed.said}`);
    }
  }
}

/** Nothing of the copies may stay, neither programs nor folders. */
async function clear() {
  for (const copy of copies) {
    await endLeftovers(copy);
    rmSync(copy, { recursive: true, force: true, maxRetries: 3 });
  }
}
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => void clear().finally(() => process.exit(1)));

try {
  const waiting = groups.values();
  await Promise.all(Array.from({ length: Math.min(lanes, groups.length) }, () => lane(waiting)));
} finally {
  await clear();
}
const minutes = ((Date.now() - started) / 60_000).toFixed(1);
const rest = untried === 0 ? '' : `, ${untried} cannot be tried here`;
console.log(`${bites} of ${total} protective rules are noticed when they are missing${rest} (${minutes} min).`);
process.exit(bites + untried === total && bites > 0 ? 0 : 1);
