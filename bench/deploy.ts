/**
 * bench:deploy: releases of an app that dies at once on SIGTERM, under clients that never retry. Nothing may be lost.
 * `node bench/run.js deploy [--runtime docker] [--quick] [--deploys 100] [--requests 1000000] [--rate 1000] [--streams 100] [--before 30]`
 * Exits 1 when a bar is missed.
 */
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { DeployOutcome, Installation } from './installation.ts';
import { readArguments } from './kit/arguments.ts';
import { runtimeSettings } from './kit/docker.ts';
import { makeRepository, type Repository } from './kit/repository.ts';
import { conclude, printTable, quantile } from './kit/result.ts';
import { withInstallation } from './kit/with-installation.ts';
import type { LoadReport } from './load/contract.ts';
import { fetchRecord } from './load/fetch-record.ts';
import { Histogram } from './load/histogram.ts';
import { verifyOrders, withOrders } from './load/orders.ts';
import { benchedHost, standardLoad } from './load/standard-mix.ts';
import { type Load, startLoad } from './load/start.ts';

const options = readArguments(
  {
    deploys: [100, 5],
    requests: [1_000_000, 20_000],
    rate: [1000, 500],
    streams: [100, 20],
    before: [30, 5],
  },
  ['process', 'docker'],
);

await withInstallation(async ({ installation, folder }) => {
  await measure(installation, await makeRepository(join(folder, 'benched')));
}, runtimeSettings(options.runtime));

async function measure(installation: Installation, repository: Repository): Promise<void> {
  await repository.commit('1');
  await installation.deploy(repository.folder);
  const load = await startLoad(
    standardLoad({ port: installation.addresses().http, rate: options.rate, streams: options.streams }),
  );
  await load.mark('before');
  await delay(options.before * 1000);
  await load.mark('during');
  const outcomes = await deployUntilEnough(installation, repository, load);
  const record = fetchRecord({
    host: '127.0.0.1',
    port: installation.addresses().http,
    hostHeader: benchedHost,
    path: '/api/orders',
  });
  const stopped = await load.stop();
  const verdict = await verifyOrders(stopped.orders, record);
  const report = withOrders(stopped, verdict);
  await tell(report, outcomes, verdict.examples);
}

async function deployUntilEnough(installation: Installation, repository: Repository, load: Load): Promise<DeployOutcome[]> {
  const outcomes: DeployOutcome[] = [];
  while (outcomes.length < options.deploys || load.totals().started < options.requests) {
    const version = String(outcomes.length + 2);
    await repository.commit(version);
    const outcome = await installation.deploy(repository.folder);
    if (load.totals().apps[version] === undefined)
      throw new Error(`deploy reported ${outcome.phase}, but no client has seen version ${version}.`);
    outcomes.push(outcome);
    const { started, dropped } = load.totals();
    process.stdout.write(
      `deploy ${outcomes.length}: ${outcome.phase}, switch ${outcome.switchMs} ms, ${started} requests, ${dropped} dropped\n`,
    );
  }
  return outcomes;
}

/** Of the quick answers: the slow ones take their time on purpose. */
function p99(report: LoadReport, phase: string): number {
  const items = Object.entries(report.latency[phase] ?? {}).filter(([item]) => item !== 'slow');
  return Histogram.from(...items.map(([, data]) => data)).percentile(0.99);
}

async function tell(report: LoadReport, outcomes: readonly DeployOutcome[], orderFaults: readonly string[]): Promise<void> {
  const switches = outcomes.map((outcome) => outcome.switchMs ?? Number.POSITIVE_INFINITY);
  const said = outcomes.reduce((sum, outcome) => sum + outcome.requests.dropped, 0);
  const before = p99(report, 'before');
  const during = p99(report, 'during');
  printTable(
    'What the clients saw',
    ['', 'count'],
    [
      ['requests', report.started],
      ['  of them on new connections, at least', report.connectionsOpened - report.websockets.opened - report.events.opened],
      ['  slower than a second on purpose', report.perItem['slow'] ?? 0],
      ['  orders', report.orders.sent],
      ['websocket messages / clean ends', `${report.websockets.messages} / ${report.websockets.cleanEnds}`],
      ['event stream messages / clean ends', `${report.events.messages} / ${report.events.cleanEnds}`],
      ['errors of the app itself', report.appErrors],
      ...Object.entries(report.drops).map(([kind, count]) => [`dropped: ${kind}`, count] as const),
    ],
  );
  for (const drop of report.firstDrops.slice(0, 10))
    process.stdout.write(`  ${new Date(drop.at).toISOString()} ${drop.kind} ${drop.item}: ${drop.detail}\n`);
  for (const fault of orderFaults) process.stdout.write(`  ${fault}\n`);
  const fresh = (report.connectionsOpened - report.websockets.opened - report.events.opened) / report.started;
  await conclude({
    bench: options.runtime === 'docker' ? 'deploy-docker' : 'deploy',
    quick: options.quick,
    bars: [
      { name: 'dropped, by the clients', value: report.dropped, limit: 0 },
      { name: 'dropped, by deploy --json', value: said, limit: 0 },
      { name: 'faults of the clients themselves', value: report.clientFaults, limit: 0 },
      { name: 'errors of the app', value: report.appErrors, limit: 0 },
      {
        name: 'deploys that succeeded',
        value: outcomes.filter(({ phase }) => phase === 'succeeded').length,
        limit: options.deploys,
        kind: 'least',
      },
      { name: 'requests', value: report.started, limit: options.requests, kind: 'least' },
      { name: 'share on new connections', value: fresh, limit: 0.2, kind: 'least' },
      { name: 'switchMs, longest', value: Math.max(...switches), limit: 250, unit: 'ms' },
      { name: 'p99 during / before', value: during / before, limit: 1.5 },
    ],
    skipped: [],
    figures: {
      switchMs: { p50: quantile(switches, 0.5), p99: quantile(switches, 0.99), max: Math.max(...switches) },
      p99Ms: { before, during },
      durationMs: outcomes.map((outcome) => outcome.durationMs),
      served: outcomes.reduce((sum, outcome) => sum + outcome.requests.served, 0),
      report: { ...report, apps: Object.keys(report.apps).length, orders: report.orders.sent },
      orderFaults,
    },
  });
}
