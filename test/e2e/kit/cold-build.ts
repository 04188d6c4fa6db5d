import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { readdir, readFile, stat } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { checkoutRoot } from '../../../bench/load/program.ts';

const run = promisify(execFile);
const nonce = randomUUID();

/**
 * Files of an example that make every layer of its images a new one, the packages' too, whatever the engine has built before: a comment in
 * each service's .npmrc. The same for as long as this process lives.
 * @param name folder in examples/
 */
export async function coldFiles(name: string): Promise<Record<string, string>> {
  const folder = join(checkoutRoot(), 'examples', name);
  const files: Record<string, string> = {};
  for (const service of await readdir(folder)) {
    const text = await readFile(join(folder, service, '.npmrc'), 'utf8').catch(() => null);
    if (text !== null) files[`${service}/.npmrc`] = `${text}; ${nonce}\n`;
  }
  return files;
}

export interface BuildParts {
  readonly builds: number;
  /** From the first line of each build's log to its last, ms. */
  readonly buildMs: number;
  /** Of these, what npm says it took to download and install the packages, ms. */
  readonly packagesMs: number;
}

/** Where the time of an app's builds went, by the logs they wrote. @param home of the installation */
export async function buildParts(home: string, app: string): Promise<BuildParts> {
  const folder = join(home, 'logs', app, 'builds');
  const logs = await readdir(folder);
  let [buildMs, packagesMs] = [0, 0];
  for (const log of logs) {
    const { birthtimeMs, mtimeMs } = await stat(join(folder, log));
    buildMs += mtimeMs - birthtimeMs;
    for (const [, amount, unit] of (await readFile(join(folder, log), 'utf8')).matchAll(installed))
      packagesMs += Number(amount) * (units[unit ?? ''] ?? Number.NaN);
  }
  return { builds: logs.length, buildMs, packagesMs };
}

/** E.g. `added 343 packages, and audited 344 packages in 12s`. */
const installed = /^added \d+ packages?.* in (\d+(?:\.\d+)?)(ms|s|m)$/gm;
const units: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000 };

const busyLoop = `const from = performance.now(), before = process.cpuUsage();
while (performance.now() - from < 500);
const { user, system } = process.cpuUsage(before);
process.stdout.write(String((user + system) / 1000 / (performance.now() - from)));`;

/** Share of the machine's processors that programs get which ask for all of them, for half a second: 1 where nothing else runs. */
export async function shareOfMachine(): Promise<number> {
  const shares = await Promise.all(
    Array.from({ length: availableParallelism() }, async () => Number((await run(process.execPath, ['-e', busyLoop])).stdout)),
  );
  return Math.min(1, shares.reduce((sum, share) => sum + share, 0) / shares.length);
}
