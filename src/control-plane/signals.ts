import { activePhase } from '../domain/desired.ts';
import type { RolloutEvent } from '../domain/rollout/events.ts';
import type { Reason, ReleaseCounters, Rollout, TrafficBaseline } from '../domain/rollout/state.ts';
import { type EnvironmentKey, type Instant, millis, type ReleaseId, type RolloutId, type WorkloadId } from '../domain/values.ts';
import type { Clock } from '../ports/clock.ts';
import type { DataPlane, TrafficStats } from '../ports/data-plane.ts';
import type { HealthMonitor } from './commands.ts';
import { mergeCalls } from './merge-calls.ts';
import type { Plant } from './plant.ts';
import type { RuntimeSight } from './runtime-sight.ts';

/** Turns what is seen (health, traffic) into events of the rollouts it concerns. Levels, not edges: nothing is missed for good. */
export interface Signals {
  /** Compares what rollouts know with what is seen, and tells them. */
  feed(): void;
  /** The newest counters of an environment as an event; null when nothing was ever counted. */
  counters(environment: EnvironmentKey): Extract<RolloutEvent, { type: 'traffic' }> | null;
  /** Error rate of a release over about its last 1,000 requests. */
  baseline(release: ReleaseId | null): TrafficBaseline;
  stop(): void;
}

export interface SignalsPorts {
  readonly plant: Plant;
  readonly clock: Clock;
  readonly dataPlane: DataPlane;
  readonly monitor: HealthMonitor;
  readonly sight: Omit<RuntimeSight, 'isSteady' | 'stop'>;
  readonly send: (rollout: Rollout, events: readonly RolloutEvent[]) => Promise<unknown>;
  readonly onFault: (error: unknown) => void;
}

/** A workload that ended by itself this often while it started will not come up by waiting. */
const startAttempts = 3;
/** Counts without errors are passed on this often; errors at once. */
const quietReport = 1000;
/** No snapshot for this long: our own observation is broken. */
const blindAfter = 5000;
const baselineRequests = 1000;
const baselineAge = 7 * 24 * 3_600_000;

export function createSignals({ plant, clock, dataPlane, monitor, sight, send, onFault }: SignalsPorts): Signals {
  /** Crashes already told, by rollout and workload. */
  const crashesTold = new Map<string, number>();
  const startsTold = new Map<string, Instant>();
  const lastReport = new Map<string, number>();
  /** When something that would fail a rollout was first seen: it counts once the runtime was seen to be there after it. */
  const doubts = new Map<string, Instant>();
  /** Counts with new errors, which wait for the same. */
  let doubted: { readonly at: Instant; readonly sums: ReadonlyMap<ReleaseId, ReleaseCounters> } | null = null;
  const history = new Map<ReleaseId, { at: number; requests: number; errors: number }[]>();
  /** The adapter counts from zero; rollouts go on from what is on record of the life before. */
  const onRecord = newestCursors(plant.rollouts());
  let byRelease = new Map(onRecord);
  const opened = clock.now();
  let lastSnapshot = opened;
  let looking = false;
  const { kick: feed, stop } = mergeCalls(tell, onFault);
  const unsubscribe = dataPlane.stats(take);

  function take(stats: TrafficStats): void {
    lastSnapshot = clock.now();
    const sums = new Map<ReleaseId, ReleaseCounters>();
    for (const c of stats.counts) {
      const before = sums.get(c.release) ?? { requests: 0, errors: 0, dropped: 0 };
      // A request counts when it has ended: what is in flight is neither a success nor a failure yet.
      const ended = Math.max(0, c.requests - c.inFlight);
      sums.set(c.release, {
        requests: before.requests + ended,
        errors: before.errors + c.errors,
        dropped: before.dropped + c.dropped,
      });
    }
    const errors = [...added(onRecord, sums)].some(([release, now]) => now.errors > (byRelease.get(release)?.errors ?? 0));
    if (!errors && doubted === null) return accept(sums);
    doubted = { at: doubted?.at ?? clock.now(), sums };
    if (sight.wasThereAfter(doubted.at)) return accept(sums);
    sight.ask();
  }

  function accept(sums: ReadonlyMap<ReleaseId, ReleaseCounters>): void {
    doubted = null;
    for (const [release, now] of sums) remember(release, now);
    byRelease = added(onRecord, sums);
    feed();
  }

  function remember(release: ReleaseId, now: ReleaseCounters): void {
    const points = history.get(release) ?? [{ at: opened, requests: 0, errors: 0 }];
    const last = points.at(-1);
    if (last && last.requests === now.requests && last.errors === now.errors) return;
    if (last && now.requests < last.requests) points.splice(0, points.length, { at: clock.now(), requests: 0, errors: 0 });
    points.push({ at: clock.now(), requests: now.requests, errors: now.errors });
    while (points.length > 2 && now.requests - (points[1]?.requests ?? 0) >= baselineRequests) points.shift();
    history.set(release, points);
  }

  /** No snapshot comes while there is no traffic: then one is asked for, so that silence is told from blindness. */
  function look(): void {
    if (looking || clock.now() - lastSnapshot < blindAfter / 2) return;
    looking = true;
    dataPlane
      .statsNow()
      .then(take, onFault)
      .finally(() => {
        looking = false;
      });
  }

  async function tell(): Promise<void> {
    look();
    // While the runtime is away they are taken in as well: nobody is judged by them then.
    if (doubted && (sight.wasThereAfter(doubted.at) || plant.rollouts().some(sight.isDisturbed))) accept(doubted.sums);
    for (const rollout of plant.rollouts()) {
      const events = [...healthEvents(rollout), ...trafficEvents(rollout)];
      if (events.length > 0) await send(rollout, events).catch(onFault);
    }
    forgetEnded();
  }

  /** What was told to a rollout is of no use once it has ended, nor is the history of a release that is no longer counted. */
  function forgetEnded(): void {
    const ended = (key: string): boolean => plant.rollout((key.split(' ')[0] ?? key) as RolloutId) === undefined;
    for (const told of [crashesTold, lastReport, doubts, startsTold])
      for (const key of told.keys()) if (ended(key)) told.delete(key);
    for (const release of history.keys()) if (!byRelease.has(release)) history.delete(release);
  }

  function healthEvents(rollout: Rollout): RolloutEvent[] {
    const phase = activePhase(rollout);
    if (phase === null || phase === 'queued' || phase === 'preparing' || phase === 'rolling-back') return [];
    const withTraffic = phase === 'shifting' || phase === 'baking';
    const events: RolloutEvent[] = [];
    for (const [id, known] of Object.entries(rollout.health) as [WorkloadId, { healthy: boolean; reason: Reason | null }][]) {
      const level = monitor.level(id);
      const service = rollout.plan.starts.find((s) => s.workload === id)?.service;
      const named = service === undefined ? {} : { service };
      if (level.fault) {
        events.push({ type: 'broken', workload: id, reason: { code: level.fault.code, message: level.fault.message, ...named } });
        continue;
      }
      const key = `${rollout.id} ${id}`;
      const told = crashesTold.get(key);
      if (told === undefined || !withTraffic) crashesTold.set(key, level.crashes);
      const seen = withTraffic ? told !== undefined && level.crashes > told : level.crashes >= startAttempts;
      // Well again, and yet it has crashed since it got traffic: while no control plane ran.
      const unseen =
        withTraffic && rollout.kind === 'deploy' && level.recordedCrashes > (rollout.crashesAtClearance[id] ?? Infinity);
      const crashed = seen || unseen;
      const failing = crashed || (!level.healthy && known.healthy && level.judged);
      if (failing && !isCertain(rollout, key)) {
        if (sight.isDisturbed(rollout)) {
          // What ends with the engine has not crashed; what is wrong once it is back is a doubt of its own.
          crashesTold.set(key, level.crashes);
          doubts.delete(key);
        }
        continue;
      }
      doubts.delete(key);
      if (crashed) {
        const times = withTraffic ? ' while it had traffic' : ` at its start, ${level.crashes} times in a row`;
        const reason: Reason = {
          code: 'INSTANCE_CRASHED',
          message: `${service ?? id} ${level.lastExit ?? 'ended'}${times}.`,
          ...named,
        };
        crashesTold.set(key, level.crashes);
        events.push({ type: 'broken', workload: id, reason });
      } else if (level.healthy && !known.healthy) {
        events.push({ type: 'healthy', workload: id });
      } else if (!level.healthy && (known.healthy || known.reason?.message !== (level.detail ?? known.reason?.message))) {
        const reason: Reason = { code: 'INSTANCE_UNHEALTHY', message: level.detail ?? 'not healthy', ...named };
        if (isComing(rollout, id) || (known.healthy && level.judged)) events.push({ type: 'unhealthy', workload: id, reason });
      }
      if (phase !== 'starting') continue;
      sight.askNowAndThen();
      const startTold = startsTold.get(key);
      // Who cannot start for lack of an engine gets the time that it takes.
      const again = startTold !== undefined && sight.isDisturbed(rollout) && clock.now() - startTold >= quietReport;
      if (again || (level.started && startTold === undefined)) {
        startsTold.set(key, clock.now());
        events.unshift({ type: 'instance-started', workload: id });
      }
    }
    return events;
  }

  /** Whether a failure may be told; else the runtime is asked, and it is looked at again when that has answered. */
  function isCertain(rollout: Rollout, key: string): boolean {
    if (sight.isDisturbed(rollout)) return false;
    const since = doubts.get(key) ?? clock.now();
    if (sight.wasThereAfter(since)) return true;
    doubts.set(key, since);
    sight.ask();
    return false;
  }

  const sees = (environment: EnvironmentKey): boolean =>
    clock.now() - lastSnapshot < blindAfter && !plant.rollouts(environment).some(sight.isDisturbed);

  function trafficEvents(rollout: Rollout): RolloutEvent[] {
    const phase = activePhase(rollout);
    if (phase === null || phase === 'queued') return [];
    const event = counters(rollout.environment) ?? { type: 'traffic', counts: {}, observing: sees(rollout.environment) };
    const { observing } = event;
    const known = rollout.cursor;
    const changed = (pick: (c: ReleaseCounters) => number): boolean =>
      Object.entries(event.counts).some(
        ([id, c]) => pick(c) !== pick(known[id as ReleaseId] ?? { requests: 0, errors: 0, dropped: 0 }),
      );
    // A clock that has to be stopped, or started again. One that is held stands still whatever is seen.
    const clockIsWrong = rollout.phase !== 'held' && (observing ? rollout.clockLeft : rollout.deadline) !== null;
    const urgent = (phase === 'shifting' || phase === 'baking') && (changed((c) => c.errors) || clockIsWrong);
    const since = clock.now() - (lastReport.get(rollout.id) ?? 0);
    if (!urgent && (since < quietReport || !changed((c) => c.requests))) return [];
    if (urgent && !changed((c) => c.errors) && since < quietReport) return [];
    lastReport.set(rollout.id, clock.now());
    return [event];
  }

  function counters(environment: EnvironmentKey): Extract<RolloutEvent, { type: 'traffic' }> | null {
    const prefix = `${environment}/`;
    const counts = Object.fromEntries([...byRelease].filter(([id]) => id.startsWith(prefix)));
    return Object.keys(counts).length === 0 ? null : { type: 'traffic', counts, observing: sees(environment) };
  }

  return {
    feed,
    counters,
    baseline: (release) => {
      const points = (release === null ? undefined : history.get(release)) ?? [];
      const oldest = clock.now() - baselineAge;
      const from = points.findLast((p) => p.at < oldest) ?? points[0];
      const last = points.at(-1);
      if (!from || !last) return { requests: 0, errors: 0 };
      return { requests: last.requests - from.requests, errors: Math.max(0, last.errors - from.errors) };
    },
    stop: () => {
      stop();
      unsubscribe();
    },
  };
}

/** What is not well yet because it has only just been asked for: known by its reason, and not held against the release. */
function isComing(rollout: Rollout, workload: WorkloadId): boolean {
  const phase = activePhase(rollout);
  if (phase === 'starting') return true;
  if (rollout.health[workload]?.healthy) return false;
  if (phase === 'shifting') return rollout.scale > rollout.step;
  return phase === 'baking' && rollout.plan.starts.some((s) => s.workload === workload && s.when === 'switch');
}

/** The newest counters of each release that unfinished rollouts have taken in. */
function newestCursors(rollouts: readonly Rollout[]): ReadonlyMap<ReleaseId, ReleaseCounters> {
  const newest = new Map<ReleaseId, ReleaseCounters>();
  for (const { cursor } of rollouts) {
    for (const [release, counted] of Object.entries(cursor) as [ReleaseId, ReleaseCounters][])
      if (counted.requests >= (newest.get(release)?.requests ?? 0)) newest.set(release, counted);
  }
  return newest;
}

function added(
  base: ReadonlyMap<ReleaseId, ReleaseCounters>,
  counts: ReadonlyMap<ReleaseId, ReleaseCounters>,
): Map<ReleaseId, ReleaseCounters> {
  const sums = new Map(base);
  for (const [release, c] of counts) {
    const before = base.get(release) ?? noCounts;
    sums.set(release, {
      requests: before.requests + c.requests,
      errors: before.errors + c.errors,
      dropped: before.dropped + c.dropped,
    });
  }
  return sums;
}

const noCounts: ReleaseCounters = { requests: 0, errors: 0, dropped: 0 };

/** How often the feed looks even when nothing moved, so that blindness is noticed. */
export const feedEvery = millis(1000);
