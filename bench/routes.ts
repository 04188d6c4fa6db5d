/**
 * bench:routes: one host against 10,000 in the embedded proxy's table: throughput, time to apply a table, memory. The ordinary table
 * differs from the one before in one app (a deploy, a rollback, an instance that comes or goes); the figures tell of a table in which
 * all have changed and of a new worker's first load, too.
 * `node bench/run.js routes [--quick] [--rounds 9] [--seconds 3] [--hosts 10000]`; exits 1 when a bar is missed. Needs wrk and nginx.
 */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Edition } from '../src/adapters/data-plane/embedded/edition.ts';
import { readArguments } from './kit/arguments.ts';
import { conclude, median, printTable } from './kit/result.ts';
import { type EmbeddedProxy, startEmbedded } from './peers/embedded.ts';
import { startBackend } from './peers/field.ts';
import { type Running, versionOf } from './peers/peer.ts';
import { tableOf } from './peers/table.ts';
import { closedLoop } from './peers/wrk.ts';
import { applyOften, startOften } from './routes/apply.ts';

const options = readArguments({ rounds: [9, 3], seconds: [3, 1], hosts: [10_000, 10_000], applies: [20, 5], starts: [7, 3] });
const hosts = Array.from({ length: options.hosts }, (_, index) => `host-${index}.bench.localhost`);
const connections = 32;

if ((await versionOf('wrk', '--version')) === undefined) throw new Error('bench:routes needs wrk: apt-get install wrk');
const folder = await mkdtemp(join(tmpdir(), 'signalbox-bench-routes-'));
const running: Running[] = [];
try {
  const backend = await startBackend(folder);
  running.push(backend);
  const few = await startEmbedded(join(folder, 'one'));
  running.push(few);
  const many = await startEmbedded(join(folder, 'many'));
  running.push(many);
  await few.commit(tableOf({ version: 1, hosts: hosts.slice(0, 1), backendPort: backend.port }));
  const emptyMb = await memoryMb(many.pid);
  const { oneMs, allMs, worstPauseMs } = await applyOften({
    proxy: many,
    folder,
    hosts,
    backendPort: backend.port,
    applies: options.applies,
  });
  const stored = Edition.of(tableOf({ version: 1, hosts, backendPort: backend.port })).file;
  const startMs = await startOften(join(folder, 'starts'), stored, options.starts);
  const rates = await compare(few, many);
  await tell({
    ...rates,
    oneMs,
    allMs,
    worstPauseMs,
    startMs,
    memory: { empty: emptyMb, one: await memoryMb(few.pid), many: await memoryMb(many.pid) },
  });
} finally {
  for (const each of running) await each.stop();
  await rm(folder, { recursive: true, force: true });
}

/** The host that is asked for is the same in both tables: its connection to the backend, too. */
async function compare(few: EmbeddedProxy, many: EmbeddedProxy): Promise<{ one: number[]; all: number[] }> {
  const shot = { host: hosts[0] ?? '', path: '/1k', connections, seconds: options.seconds };
  const rates = { one: [] as number[], all: [] as number[] };
  for (const proxy of [few, many]) await closedLoop({ ...shot, port: proxy.port, seconds: 1 }, folder);
  for (let round = 0; round < options.rounds; round += 1) {
    const turns = round % 2 === 0 ? (['one', 'all'] as const) : (['all', 'one'] as const);
    for (const turn of turns) rates[turn].push(await closedLoop({ ...shot, port: (turn === 'one' ? few : many).port }, folder));
  }
  return rates;
}

async function memoryMb(pid: number): Promise<number> {
  const rollup = await readFile(`/proc/${pid}/smaps_rollup`, 'utf8');
  return Number(/^Pss:\s+(\d+) kB/m.exec(rollup)?.[1]) / 1024;
}

interface Measured {
  readonly one: readonly number[];
  readonly all: readonly number[];
  readonly oneMs: readonly number[];
  readonly allMs: readonly number[];
  readonly worstPauseMs: number;
  readonly startMs: Readonly<Record<'empty' | 'many', readonly number[]>>;
  readonly memory: Readonly<Record<'empty' | 'one' | 'many', number>>;
}

async function tell({ one, all, oneMs, allMs, worstPauseMs, startMs, memory }: Measured): Promise<void> {
  const ratio = median(all) / median(one);
  printTable(
    `One host against ${options.hosts}, GET 1 KiB, c=${connections}`,
    ['', '1 host', `${options.hosts} hosts`],
    [
      ['requests a second (median)', Math.round(median(one)), Math.round(median(all))],
      ['memory of the worker after the load, MiB PSS', memory.one, memory.many],
      ['time to apply a table in which one app has changed (median), ms', '', median(oneMs)],
      ['time to apply a table in which all have changed (median), ms', '', median(allMs)],
      ['start of a worker (median), ms', median(startMs.empty), median(startMs.many)],
    ],
  );
  await conclude({
    bench: 'routes',
    quick: options.quick,
    bars: [
      { name: `throughput with ${options.hosts} hosts / with one`, value: ratio, limit: 0.95, kind: 'least' },
      { name: 'time to apply a table in which one app has changed, median', value: median(oneMs), limit: 100, unit: 'ms' },
    ],
    skipped: [],
    figures: { requestsPerSecond: { one, all }, applyMs: { one: oneMs, all: allMs }, worstPauseMs, startMs, memoryMb: memory },
  });
}
