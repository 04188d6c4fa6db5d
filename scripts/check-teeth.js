// `npm run check:teeth [words]`: switches each protective rule of test/teeth/*.json off in turn, in a copy of the tree, and runs the
// test that has to notice (`named`: only tests whose names contain it). `--only NAME` takes one. Exits 1 when a test stays green,
// when the rule's text is not in the source exactly once, or when the test is red, or finds nothing to run, with the rule in place.
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
/** Runs side by side, each in a copy of its own. */
const lanes = 2;
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

/** @returns {Promise<'green' | 'red' | 'nothing ran'>} */
async function runTest(copy, { test, named }) {
  const report = join(copy, 'report.json');
  rmSync(report, { force: true });
  const vitest = join(copy, 'node_modules/vitest/vitest.mjs');
  const only = named === undefined ? [] : ['-t', named.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')];
  const args = [vitest, 'run', test, ...only, '--bail=1', '--reporter=json', `--outputFile=${report}`];
  const child = spawn(process.execPath, args, { cwd: copy, stdio: 'ignore', env: { ...process.env, TMPDIR: join(copy, 't') } });
  let hung = false;
  const timer = setTimeout(() => {
    hung = true;
    child.kill('SIGKILL');
  }, patience);
  await new Promise((resolve) => child.once('close', resolve));
  clearTimeout(timer);
  await endLeftovers(copy);
  if (hung) return 'red';
  try {
    const { numFailedTests, numPassedTests, success } = JSON.parse(readFileSync(report, 'utf8'));
    if (numFailedTests > 0) return 'red';
    return success && numPassedTests > 0 ? 'green' : 'nothing ran';
  } catch {
    return 'nothing ran';
  }
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

/** Runs of the tests with every rule in place, each asked for once. */
const sound = new Map();
const soundness = (copy, tooth) => {
  const key = `${tooth.test} ${tooth.named ?? ''}`;
  if (!sound.has(key)) sound.set(key, runTest(copy, tooth));
  return sound.get(key);
};

/** @param {Tooth} tooth */
async function bite(copy, tooth) {
  const path = join(copy, tooth.file);
  const source = readFileSync(path, 'utf8');
  const times = source.split(tooth.find).length - 1;
  if (times !== 1) return `text found ${times} times`;
  const before = await soundness(copy, tooth);
  if (before !== 'green') return `${before} with it`;
  try {
    writeFileSync(
      path,
      source.replace(tooth.find, () => tooth.replace),
    );
    const after = await runTest(copy, tooth);
    return { red: 'bites', green: 'STAYS GREEN', 'nothing ran': 'nothing ran' }[after];
  } finally {
    writeFileSync(path, source);
  }
}

const words = process.argv.slice(2);
const wanted =
  words[0] === '--only' ? (t) => t.name === words[1] : (t) => `${t.name} ${t.file} ${t.test}`.includes(words[0] ?? '');
const teeth = readTeeth().filter(wanted);
const copies = [];
let bad = 0;
try {
  const waiting = teeth.values();
  const lane = async () => {
    const copy = copyTree();
    copies.push(copy);
    for (const tooth of waiting) {
      const verdict = await bite(copy, tooth);
      if (verdict !== 'bites') bad += 1;
      console.log(`${verdict.padEnd(16)} ${tooth.file.padEnd(42)} ${tooth.name}`);
    }
  };
  await Promise.all(Array.from({ length: Math.min(lanes, teeth.length) }, lane));
} finally {
  for (const copy of copies) rmSync(copy, { recursive: true, force: true });
}
console.log(`${teeth.length - bad} of ${teeth.length} protective rules are noticed when they are missing.`);
process.exit(bad === 0 && teeth.length > 0 ? 0 : 1);
