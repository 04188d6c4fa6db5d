/**
 * bench:proxy: throughput and latency of the embedded proxy beside nginx, HAProxy and Caddy, one worker each, same features on.
 * `node bench/run.js proxy [--quick] [--rounds 9] [--seconds 3]`; exits 1 when a bar is missed. Needs wrk, h2load and nginx.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readArguments } from './kit/arguments.ts';
import { type Bar, conclude, median, printTable, readable } from './kit/result.ts';
import { benchHosts, type Field, startField } from './peers/field.ts';
import { type Running, versionOf } from './peers/peer.ts';
import { closedLoop, type Latency, openLoop, type Shot } from './peers/wrk.ts';

const options = readArguments({ rounds: [9, 3], seconds: [3, 1] });

type Scenario = Omit<Shot, 'port' | 'host' | 'seconds'> & { readonly name: string };
const scenarios: readonly Scenario[] = [
  { name: 'GET 1 KiB, c=32', path: '/1k', connections: 32 },
  { name: 'GET 1 KiB, c=256', path: '/1k', connections: 256 },
  { name: 'GET 64 KiB, c=32', path: '/64k', connections: 32 },
  { name: 'GET 64 KiB, c=256', path: '/64k', connections: 256 },
  { name: 'POST 64 KiB, c=32', path: '/upload', connections: 32, postBytes: 64 * 1024 },
];
/** Share of the slowest proxy's capacity at which latency is measured. */
const openLoopShare = 0.3;
const floor = 1.2;
const host = benchHosts[0] ?? '';

type Rates = Map<string, Map<string, number[]>>;

for (const [tool, install] of [
  ['wrk', 'wrk'],
  ['h2load', 'nghttp2-client'],
] as const) {
  if ((await versionOf(tool, '--version')) === undefined)
    throw new Error(`bench:proxy needs ${tool}: apt-get install ${install}`);
}
const folder = await mkdtemp(join(tmpdir(), 'signalbox-bench-proxy-'));
let field: Field | undefined;
try {
  field = await startField(folder);
  const rates = await measureThroughput(field);
  const latencies = await measureLatency(field, rates);
  await tell(field, rates, latencies);
} finally {
  await field?.stop();
  await rm(folder, { recursive: true, force: true });
}

async function measureThroughput({ proxies, backend }: Field): Promise<Rates> {
  const all = [...proxies, backend];
  const rates: Rates = new Map(all.map(({ name }) => [name, new Map(scenarios.map((scenario) => [scenario.name, []]))]));
  for (const proxy of all) await closedLoop({ ...scenarios[0]!, port: proxy.port, host, seconds: 1 }, folder);
  for (const scenario of scenarios) {
    for (let round = 0; round < options.rounds; round += 1) {
      // Each round starts with another one: what follows whom is not always the same.
      for (let turn = 0; turn < all.length; turn += 1) {
        const proxy = all[(round + turn) % all.length]!;
        const rate = await closedLoop({ ...scenario, port: proxy.port, host, seconds: options.seconds }, folder);
        rates.get(proxy.name)?.get(scenario.name)?.push(rate);
      }
    }
    const line = all.map(({ name }) => `${name} ${readable(Math.round(medianRate(rates, name, scenario.name)))}`).join(', ');
    process.stdout.write(`${scenario.name}: ${line}\n`);
  }
  return rates;
}

function medianRate(rates: Rates, proxy: string, scenario: string): number {
  return median(rates.get(proxy)?.get(scenario) ?? []);
}

interface Latencies {
  readonly rate: number;
  readonly byProxy: Map<string, Latency[]>;
}

async function measureLatency({ proxies }: Field, rates: Rates): Promise<Latencies> {
  const scenario = scenarios[0]!;
  const slowest = Math.min(...proxies.map(({ name }) => medianRate(rates, name, scenario.name)));
  const rate = Math.floor(slowest * openLoopShare);
  const byProxy = new Map<string, Latency[]>(proxies.map(({ name }) => [name, []]));
  for (let round = 0; round < options.rounds; round += 1) {
    for (let turn = 0; turn < proxies.length; turn += 1) {
      const proxy = proxies[(round + turn) % proxies.length]!;
      const shot = { ...scenario, port: proxy.port, host, seconds: options.seconds };
      byProxy.get(proxy.name)?.push(await openLoop(shot, rate, folder));
    }
  }
  return { rate, byProxy };
}

async function tell({ proxies, backend, skipped }: Field, rates: Rates, latencies: Latencies): Promise<void> {
  const caddy = proxies.some(({ name }) => name === 'caddy');
  const ratio = (proxy: Running, scenario: Scenario): string =>
    caddy ? `${readable(medianRate(rates, proxy.name, scenario.name) / medianRate(rates, 'caddy', scenario.name))}x` : '';
  printTable(
    `Requests a second, median of ${options.rounds} interleaved rounds of ${options.seconds} s, one worker each (ratio to Caddy)`,
    ['', ...[...proxies, backend].flatMap(({ name }) => (name === 'backend' ? ['no proxy'] : [name, '']))],
    scenarios.map((scenario) => [
      scenario.name,
      ...proxies.flatMap((proxy) => [Math.round(medianRate(rates, proxy.name, scenario.name)), ratio(proxy, scenario)]),
      Math.round(medianRate(rates, backend.name, scenario.name)),
    ]),
  );
  const p = (proxy: string, share: 'p50' | 'p99'): number =>
    median((latencies.byProxy.get(proxy) ?? []).map((each) => each[share]));
  printTable(
    `Latency of GET 1 KiB, open loop at ${readable(latencies.rate)} a second (30 % of the slowest), ms`,
    ['', 'p50', 'p99'],
    proxies.map(({ name }) => [name, p(name, 'p50'), p(name, 'p99')]),
  );
  const bars: Bar[] = [];
  if (caddy) {
    for (const scenario of scenarios) {
      const value = medianRate(rates, 'signalbox', scenario.name) / medianRate(rates, 'caddy', scenario.name);
      bars.push({ name: `${scenario.name}: signalbox / Caddy`, value, limit: floor, kind: 'least' });
    }
    bars.push({ name: 'p99: signalbox / Caddy', value: p('signalbox', 'p99') / p('caddy', 'p99'), limit: 1 });
  }
  await conclude({
    bench: 'proxy',
    quick: options.quick,
    bars,
    skipped,
    figures: {
      versions: Object.fromEntries(proxies.map(({ name, version }) => [name, version])),
      requestsPerSecond: Object.fromEntries([...rates].map(([name, byScenario]) => [name, Object.fromEntries(byScenario)])),
      openLoopRate: latencies.rate,
      latencyMs: Object.fromEntries(latencies.byProxy),
    },
  });
}
