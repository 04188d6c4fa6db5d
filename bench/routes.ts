/**
 * bench:routes: one host against 10,000 in the embedded proxy's table: throughput, time to apply the table, memory.
 * `node bench/run.js routes [--quick] [--rounds 9] [--seconds 3] [--hosts 10000]`; exits 1 when a bar is missed. Needs wrk and nginx.
 */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readArguments } from './kit/arguments.ts';
import { conclude, median, printTable } from './kit/result.ts';
import { type EmbeddedProxy, startEmbedded } from './peers/embedded.ts';
import { startBackend } from './peers/field.ts';
import { type Running, versionOf } from './peers/peer.ts';
import { tableOf } from './peers/table.ts';
import { closedLoop } from './peers/wrk.ts';

const options = readArguments({ rounds: [9, 3], seconds: [3, 1], hosts: [10_000, 10_000], applies: [20, 5] });
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
  const { applyMs, worstPauseMs } = await applyOften(many, backend.port);
  const rates = await compare(few, many);
  await tell({
    ...rates,
    applyMs,
    worstPauseMs,
    memory: { empty: emptyMb, one: await memoryMb(few.pid), many: await memoryMb(many.pid) },
  });
} finally {
  for (const each of running) await each.stop();
  await rm(folder, { recursive: true, force: true });
}

/** The whole way: the table as JSON over the control socket, checked, indexed, written to disk, answered. */
async function applyOften(proxy: EmbeddedProxy, backendPort: number): Promise<{ applyMs: number[]; worstPauseMs: number }> {
  const applyMs: number[] = [];
  let worstPauseMs = 0;
  for (let version = 1; version <= options.applies; version += 1) {
    const table = tableOf({ version, hosts, backendPort });
    await proxy.control.call('prepare', { epoch: table.epoch, pools: table.pools }, 60_000);
    const before = performance.now();
    await proxy.control.call('commit', { table }, 60_000);
    applyMs.push(performance.now() - before);
    const asked = performance.now();
    await proxy.control.call('hello', {});
    worstPauseMs = Math.max(worstPauseMs, performance.now() - asked);
  }
  return { applyMs, worstPauseMs };
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
  readonly applyMs: readonly number[];
  readonly worstPauseMs: number;
  readonly memory: Readonly<Record<'empty' | 'one' | 'many', number>>;
}

async function tell({ one, all, applyMs, worstPauseMs, memory }: Measured): Promise<void> {
  const ratio = median(all) / median(one);
  printTable(
    `One host against ${options.hosts}, GET 1 KiB, c=${connections}`,
    ['', '1 host', `${options.hosts} hosts`],
    [
      ['requests a second (median)', Math.round(median(one)), Math.round(median(all))],
      ['memory of the worker after the load, MiB PSS', memory.one, memory.many],
      ['time to apply a table (median), ms', '', median(applyMs)],
    ],
  );
  await conclude({
    bench: 'routes',
    quick: options.quick,
    bars: [
      { name: `throughput with ${options.hosts} hosts / with one`, value: ratio, limit: 0.95, kind: 'least' },
      { name: 'time to apply the table, median', value: median(applyMs), limit: 100, unit: 'ms' },
    ],
    skipped: [],
    figures: { requestsPerSecond: { one, all }, applyMs, longestApplyMs: Math.max(...applyMs), worstPauseMs, memoryMb: memory },
  });
}
