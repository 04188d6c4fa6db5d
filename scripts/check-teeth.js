// `npm run check:teeth [filter]`: switches each protective rule of test/teeth/*.json off in turn, in a copy of the tree, and runs
// the test that has to notice. Exits 1 when one stays green, when its text is no longer in the source, or when a test is red anyway.
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
/** Milliseconds that one test file may take; a broken rule may well make it hang. */
const patience = 120_000;
const left = new Set(['node_modules', '.git', 'dist', 'coverage', 'results']);

/** @typedef {{ name: string, file: string, find: string, replace: string, test: string, why: string }} Tooth */

/** @returns {Tooth[]} */
function readTeeth() {
  const folder = join(root, 'test/teeth');
  const files = readdirSync(folder).filter((name) => name.endsWith('.json'));
  return files.flatMap((name) => JSON.parse(readFileSync(join(folder, name), 'utf8')));
}

function copyTree() {
  const copy = mkdtempSync(join(tmpdir(), 'teeth-'));
  cpSync(root, copy, { recursive: true, filter: (from) => !left.has(basename(from)) });
  symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'));
  return copy;
}

/** @returns {'green' | 'red'} */
function runTest(copy, test) {
  const vitest = join(copy, 'node_modules/vitest/vitest.mjs');
  const args = [vitest, 'run', test, '--bail=1', '--reporter=dot'];
  const done = spawnSync(process.execPath, args, { cwd: copy, stdio: 'ignore', timeout: patience, killSignal: 'SIGKILL' });
  return done.status === 0 ? 'green' : 'red';
}

/** @param {Tooth} tooth */
function bite(copy, tooth) {
  const path = join(copy, tooth.file);
  const source = readFileSync(path, 'utf8');
  const times = source.split(tooth.find).length - 1;
  if (times !== 1) return `text found ${times} times`;
  try {
    writeFileSync(
      path,
      source.replace(tooth.find, () => tooth.replace),
    );
    return runTest(copy, tooth.test) === 'red' ? 'bites' : 'STAYS GREEN';
  } finally {
    writeFileSync(path, source);
  }
}

const filter = process.argv[2] ?? '';
const teeth = readTeeth().filter((t) => `${t.name} ${t.file} ${t.test}`.includes(filter));
const copy = copyTree();
let bad = 0;
try {
  const sound = new Map([...new Set(teeth.map((t) => t.test))].map((test) => [test, runTest(copy, test)]));
  for (const tooth of teeth) {
    const verdict = sound.get(tooth.test) === 'red' ? 'red without it' : bite(copy, tooth);
    if (verdict !== 'bites') bad += 1;
    console.log(`${verdict.padEnd(16)} ${tooth.file.padEnd(42)} ${tooth.name}`);
  }
} finally {
  rmSync(copy, { recursive: true, force: true });
}
console.log(`${teeth.length - bad} of ${teeth.length} protective rules are noticed when they are missing.`);
process.exit(bad === 0 && teeth.length > 0 ? 0 : 1);
