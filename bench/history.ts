import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from 'esbuild';
import { openSqliteStore } from '../src/adapters/store/sqlite/store.ts';
import { type AppName, environmentKey, instant, type RolloutId } from '../src/domain/values.ts';
import { aRelease, aRollout, anEnvironment, anEvent, production } from '../test/conformance/store-documents.ts';

/** List pages and start with a long history. Usage: node bench/run.js history [releases] [events] */

const releases = Number(process.argv[2] ?? 100_000);
const events = Number(process.argv[3] ?? 1_000_000);
const apps = Array.from({ length: 20 }, (_, n) => `app-${n}` as AppName);
const samples = 300;

const folder = mkdtempSync(join(process.cwd(), 'node_modules/.cache/history-'));
const home = mkdtempSync(join(tmpdir(), 'signalbox-history-'));
const options = { file: join(home, 'signalbox.db'), lockFile: join(home, 'lock'), workerFile: join(folder, 'worker.mjs') };

try {
  await build({
    entryPoints: ['src/adapters/store/sqlite/worker.ts'],
    outfile: options.workerFile,
    bundle: true,
    packages: 'external',
    platform: 'node',
    target: 'node20',
    format: 'esm',
  });
  const fillMs = await fill();
  const before = resident();
  const started = performance.now();
  const store = await openSqliteStore(options);
  await store.acquire();
  await store.environments();
  await store.rollouts({ active: true }, { limit: 500 });
  const openMs = performance.now() - started;
  const key = environmentKey('app-7' as AppName, production);
  const deep = Math.floor(releases / apps.length / 2);
  const rollout = rolloutIdOf(Math.floor(releases / 2));
  const pages: Record<string, () => Promise<readonly unknown[]>> = {
    'status: environments and active rollouts': async () => [
      ...(await store.environments()),
      ...(await store.rollouts({ active: true }, { limit: 50 })),
    ],
    'newest releases': () => store.releases(key, { limit: 50 }),
    'releases, middle': () => store.releases(key, { limit: 50, before: `${key}/v${deep}` }),
    'newest rollouts': () => store.rollouts({}, { limit: 50 }),
    'rollouts of an environment': () => store.rollouts({ environment: key }, { limit: 50, before: rollout }),
    'newest events': () => store.events({ newest: true, limit: 100 }),
    'events, middle': () => store.events({ after: Math.floor(events / 2), limit: 100 }),
    'events of an app': () => store.events({ app: 'app-7' as AppName, environment: production, newest: true, limit: 100 }),
    'events of a rollout': () => store.events({ rollout, limit: 100 }),
  };
  const rows = [];
  for (const [page, read] of Object.entries(pages)) rows.push({ page, ...(await measure(read)) });
  const result = {
    releases,
    events,
    fillSeconds: round(fillMs / 1000),
    databaseMb: round(statSync(options.file).size / 1e6),
    openMs: round(openMs),
    residentMbOfStore: round(resident() - before),
    pages: rows,
    met: openMs <= 2000 && rows.every((row) => row.p99 <= 50),
  };
  await store.close();
  console.table(rows);
  const { pages: _, ...summary } = result;
  console.table(summary);
  writeFileSync('bench/results/history.json', `${JSON.stringify(result, null, 2)}\n`);
  process.exitCode = result.met ? 0 : 1;
} finally {
  rmSync(folder, { recursive: true, force: true });
  rmSync(home, { recursive: true, force: true });
}

async function fill(): Promise<number> {
  const started = performance.now();
  const store = await openSqliteStore({ ...options, stallAfter: 120_000 });
  const { epoch } = await store.acquire();
  await store.commit({
    epoch,
    at: instant(0),
    environments: apps.map((app) => anEnvironment({ app, key: environmentKey(app, production) })),
  });
  const step = 500;
  const eventsEach = Math.round(events / releases);
  for (let from = 0; from < releases; from += step) {
    const batch = Array.from({ length: Math.min(step, releases - from) }, (_, n) => {
      const app = apps[(from + n) % apps.length] as AppName;
      const release = aRelease(Math.floor((from + n) / apps.length) + 1, { app });
      return { app, release, rollout: aRollout({ id: rolloutIdOf(from + n), release, phase: 'succeeded' }) };
    });
    await store.commit({
      epoch,
      at: instant(from),
      releases: batch.map(({ release }) => release),
      rollouts: batch.map(({ rollout }) => rollout),
      events: batch.flatMap(({ app, rollout }) =>
        Array.from({ length: eventsEach }, (_, n) => anEvent(`event-${n}`, { app, rollout: rollout.id })),
      ),
    });
  }
  await store.close();
  return performance.now() - started;
}

async function measure(read: () => Promise<readonly unknown[]>): Promise<{ rows: number; p50: number; p99: number }> {
  const times: number[] = [];
  let rows = 0;
  for (let n = 0; n < samples; n += 1) {
    const started = performance.now();
    rows = (await read()).length;
    times.push(performance.now() - started);
  }
  times.sort((a, b) => a - b);
  const at = (share: number): number => round(times[Math.min(samples - 1, Math.floor(samples * share))] ?? 0);
  return { rows, p50: at(0.5), p99: at(0.99) };
}

function rolloutIdOf(n: number): RolloutId {
  return `r${String(n).padStart(8, '0')}` as RolloutId;
}

/** Megabytes of resident memory of this process, the store's thread included. */
function resident(): number {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? 0) / 1024;
}

function round(n: number): number {
  return Math.round(n * 10) / 10;
}
