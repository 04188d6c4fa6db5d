/**
 * bench:rollback: how long after a rollback was asked for the last request still went to the bad release, the previous one being warm.
 * Measured from before the API call is sent to the arrival of the last request at the bad release, by that release's own clock.
 * `node bench/run.js rollback [--runtime docker] [--quick] [--rounds 100] [--rate 1000]`; exits 1 when a bar is missed.
 */
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { AcceptedBody } from '../src/api/contract.ts';
import type { Installation } from './installation.ts';
import { readArguments } from './kit/arguments.ts';
import { runtimeSettings } from './kit/docker.ts';
import { makeRepository } from './kit/repository.ts';
import { conclude, printTable, quantile } from './kit/result.ts';
import { withInstallation } from './kit/with-installation.ts';
import { standardLoad } from './load/standard-mix.ts';
import { type Load, startLoad } from './load/start.ts';

const options = readArguments({ rounds: [100, 6], rate: [1000, 500] }, ['process', 'docker']);
/** The bad release has had this long to take all traffic before it is undone, ms. */
const badForMs = 500;

interface Round {
  /** Rollback asked for -> last request at the bad release. Negative when none came after it was asked for. */
  readonly lastRequestMs: number;
  /** Rollback asked for -> reported as live. */
  readonly liveMs: number;
  readonly dropped: number;
}

await withInstallation(async ({ installation, folder }) => {
  // The bake outlasts each round: the release before stays warm.
  const repository = await makeRepository(join(folder, 'benched'), { yaml: [['bake: 2s', 'bake: 10m']] });
  await repository.commit('good');
  await installation.deploy(repository.folder, '--until', 'live');
  const environment = '/v1/apps/benched/environments/production';
  await installation.api('POST', `${environment}/rollout/promote`);
  await proven(installation);
  const load = await startLoad(standardLoad({ port: installation.addresses().http, rate: options.rate, streams: 10 }));
  const rounds: Round[] = [];
  while (rounds.length < options.rounds) {
    const bad = `bad-${rounds.length + 1}`;
    await repository.commit(bad);
    await installation.deploy(repository.folder, '--until', 'live');
    await delay(badForMs);
    rounds.push(await undo(installation, load, { environment, bad }));
    process.stdout.write(
      `round ${rounds.length}: last request ${rounds.at(-1)?.lastRequestMs.toFixed(1)} ms after it was asked for\n`,
    );
  }
  const report = await load.stop();
  const last = rounds.map((round) => Math.max(0, round.lastRequestMs));
  const live = rounds.map((round) => round.liveMs);
  printTable(
    `Rollback to a warm release, ${rounds.length} rounds at ${options.rate} requests a second`,
    ['ms', 'p50', 'p99', 'longest'],
    [
      ['asked for -> last request at the bad release', quantile(last, 0.5), quantile(last, 0.99), Math.max(...last)],
      ['asked for -> reported as live', quantile(live, 0.5), quantile(live, 0.99), Math.max(...live)],
    ],
  );
  for (const drop of report.firstDrops.slice(0, 10)) process.stdout.write(`  ${drop.kind} ${drop.item}: ${drop.detail}\n`);
  await conclude({
    bench: options.runtime === 'docker' ? 'rollback-docker' : 'rollback',
    quick: options.quick,
    bars: [
      { name: 'asked for -> last request routed, p99', value: quantile(last, 0.99), limit: 100, unit: 'ms' },
      { name: 'dropped', value: report.dropped, limit: 0 },
      { name: 'faults of the clients themselves', value: report.clientFaults, limit: 0 },
      { name: 'rounds', value: rounds.length, limit: options.rounds, kind: 'least' },
    ],
    skipped: [],
    figures: { rounds, started: report.started, drops: report.drops, firstDrops: report.firstDrops },
  });
}, runtimeSettings(options.runtime));

async function undo(installation: Installation, load: Load, round: { environment: string; bad: string }): Promise<Round> {
  const before = load.totals();
  if (before.apps[round.bad] === undefined) throw new Error(`${round.bad} is said to be live, but no client has seen it.`);
  const askedAt = performance.timeOrigin + performance.now();
  const accepted = await installation.api<AcceptedBody>('POST', `${round.environment}/rollbacks`, {});
  const rollout = await installation.live(accepted.rolloutId, 60_000);
  const liveMs = performance.timeOrigin + performance.now() - askedAt;
  if (!rollout.live) throw new Error(`the rollback ended as ${rollout.phase}: ${JSON.stringify(rollout.reason)}`);
  // Answers of the slow requests are due 1.2 s after they arrived at the bad release.
  await delay(1500);
  const seen = load.totals();
  return {
    lastRequestMs: (seen.apps[round.bad]?.lastArrival ?? askedAt) - askedAt,
    liveMs,
    dropped: seen.dropped - before.dropped,
  };
}

async function proven(installation: Installation): Promise<void> {
  const rollout = (await installation.status()).environments[0]?.rollout;
  if (rollout) await installation.ended(rollout.id, 60_000);
}
