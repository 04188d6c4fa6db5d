import type { HealthMonitor, WorkloadLevel } from '../control-plane/commands.ts';
import {
  attemptsExhausted,
  type HealthState,
  isHealthy,
  newHealth,
  nextProbeAfter,
  observeProbe,
  whyNotHealthy,
} from '../domain/health.ts';
import type { Workload } from '../domain/release.ts';
import type { HealthSpec } from '../domain/spec.ts';
import { type Instant, type Millis, millis, type WorkloadId } from '../domain/values.ts';
import type { Clock } from '../ports/clock.ts';
import type { Prober, Sight } from '../ports/prober.ts';
import type { InstanceObservation, Runtime } from '../ports/runtime.ts';
import { openRounds } from './rounds.ts';

export interface HealthMonitorPorts {
  readonly runtime: Runtime;
  readonly prober: Prober;
  readonly clock: Clock;
  /** Something about the workload may have changed. */
  readonly onChange: (workload: WorkloadId) => void;
}

interface Watched {
  /** The newest with its id: of an accessory it may change. */
  workload: Workload;
  replicas: number;
  crashes: number;
  lastExit: string | null;
  /** When as many instances as shall run were last present; at first, when watching began. */
  completeAt: Instant;
  readonly instances: Map<string, Ward>;
}

/** One instance under watch. A restart begins a new life: what was known of the old one does not count. */
interface Ward {
  seen: InstanceObservation;
  health: HealthState;
  life: number;
  cancel: () => void;
}

/** A missing instance has this long to (re)appear before its workload is said to be short of it. */
const absence = millis(5000);
const lookAgain = millis(1000);
/** Most that a routine probe comes early, to go along with others. */
const mostEarly = 1000;

export function createHealthMonitor({ runtime, prober, clock, onChange }: HealthMonitorPorts): HealthMonitor {
  const watched = new Map<WorkloadId, Watched>();
  let stopped = false;
  /** Workloads of which it is not known yet what runs. */
  const unmet = new Set<WorkloadId>();
  const rounds = openRounds(clock);
  const unwatch = runtime.watch(notice);

  function notice(observation: InstanceObservation): void {
    const entry = watched.get(observation.workload);
    if (!entry || stopped) return;
    if (entry.instances.size >= entry.replicas) entry.completeAt = clock.now();
    const before = entry.instances.get(observation.instance);
    if (observation.state === 'stopped' || observation.state === 'stopping') {
      before?.cancel();
      entry.instances.delete(observation.instance);
      if (before) countCrash(entry, before.seen, observation);
    } else if (!before) {
      const ward: Ward = { seen: observation, health: newHealth(), life: 0, cancel: () => undefined };
      entry.instances.set(observation.instance, ward);
      if (observation.state === 'backing-off') countCrash(entry, null, observation);
      schedule(entry, ward, millis(0));
    } else {
      const reborn =
        observation.restarts !== before.seen.restarts ||
        observation.state === 'backing-off' ||
        before.seen.state === 'backing-off';
      const moved =
        (observation.listening && !before.seen.listening) ||
        observation.endpoint?.port !== before.seen.endpoint?.port ||
        observation.endpoint?.host !== before.seen.endpoint?.host;
      countCrash(entry, before.seen, observation);
      before.seen = observation;
      if (reborn || moved) {
        before.health = newHealth();
        before.life += 1;
        before.cancel();
        schedule(entry, before, millis(0));
      }
    }
    onChange(observation.workload);
  }

  function countCrash(entry: Watched, before: InstanceObservation | null, now: InstanceObservation): void {
    const exit = now.lastExit;
    if (!exit || exit.at === before?.lastExit?.at || !isOwnDoing(exit)) return;
    entry.crashes += 1;
    entry.lastExit = describeExit(exit);
  }

  function schedule(entry: Watched, ward: Ward, wait: Millis): void {
    const { life } = ward;
    const { interval } = entry.workload.health;
    // Who starts or is in doubt is looked at when it is due; the routine looks share their rounds.
    const routine = ward.health.status !== 'starting' && wait === interval;
    ward.cancel = rounds.join({
      wait,
      early: millis(routine ? Math.min(interval / 2, mostEarly) : 0),
      callback: () => void probe(entry, ward, life),
    });
  }

  async function probe(entry: Watched, ward: Ward, life: number): Promise<void> {
    const spec = entry.workload.health;
    const sight = await look(entry.workload, ward);
    if (stopped || ward.life !== life || entry.instances.get(ward.seen.instance) !== ward) return;
    const { state, changed } = observeProbe(ward.health, spec, sight, clock.now());
    ward.health = state;
    if (changed || state.probes <= 1) onChange(entry.workload.id);
    schedule(entry, ward, nextProbeAfter(state, spec));
  }

  async function look(workload: Workload, ward: Ward): Promise<Sight> {
    const { seen } = ward;
    if (seen.state !== 'running' && seen.state !== 'starting')
      return { ok: false, detail: `${workload.service} is not running (${seen.state})` };
    if (workload.health.type === 'up') return { ok: seen.state === 'running', detail: `${workload.service} is ${seen.state}` };
    if (!seen.endpoint || !seen.listening) return { ok: false, detail: `${workload.service} has opened no port yet` };
    return prober.health(seen.endpoint, workload.health);
  }

  function level(id: WorkloadId): WorkloadLevel {
    const entry = watched.get(id);
    if (!entry)
      return {
        healthy: false,
        judged: false,
        started: false,
        detail: 'not watched yet',
        fault: null,
        crashes: 0,
        recordedCrashes: 0,
        lastExit: null,
      };
    const wards = [...entry.instances.values()];
    const healthy = wards.filter((w) => isHealthy(w.health)).length;
    const sick = wards.find((w) => !isHealthy(w.health));
    const enough = healthy >= entry.replicas && sick === undefined;
    if (wards.length >= entry.replicas) entry.completeAt = clock.now();
    const missed = clock.now() - entry.completeAt >= absence;
    return {
      healthy: enough,
      judged: enough || missed || wards.some((w) => hasFailed(w.health, entry.workload.health)),
      started: wards.some((w) => w.seen.startedAt !== null),
      detail: enough ? null : detailOf(entry, sick, wards.length),
      fault: wards.find((w) => w.seen.fault)?.seen.fault ?? null,
      crashes: entry.crashes,
      recordedCrashes: wards.reduce((sum, { seen }) => sum + (endedByItself(seen) ? seen.restarts : 0), 0),
      lastExit: entry.lastExit,
    };
  }

  function detailOf(entry: Watched, sick: Ward | undefined, present: number): string {
    const why = sick ? whyNotHealthy(sick.health) : `${present} of ${entry.replicas} instances are running`;
    return entry.lastExit && entry.crashes > 0 ? `${why} (${entry.lastExit})` : (why ?? 'unknown');
  }

  /** Looks for instances that run already; until it gets an answer. */
  function meet(ids: ReadonlySet<WorkloadId>): void {
    for (const id of ids) unmet.add(id);
    void runtime.observe().then(
      (all) => {
        for (const o of all) if (ids.has(o.workload) && !watched.get(o.workload)?.instances.has(o.instance)) notice(o);
        for (const id of ids) unmet.delete(id);
      },
      () => {
        if (!stopped) clock.after(lookAgain, () => meet(ids));
      },
    );
  }

  return {
    watch: (wanted) => {
      const ids = new Set(wanted.map((w) => w.workload.id));
      for (const [id, entry] of watched) {
        if (ids.has(id)) continue;
        for (const ward of entry.instances.values()) ward.cancel();
        watched.delete(id);
        unmet.delete(id);
      }
      const fresh = wanted.filter((w) => !watched.has(w.workload.id));
      const changed: WorkloadId[] = [];
      for (const { workload, replicas } of wanted) {
        const entry = watched.get(workload.id);
        if (entry) entry.workload = workload;
        if (entry && entry.replicas !== replicas) {
          entry.replicas = replicas;
          entry.completeAt = clock.now();
          changed.push(workload.id);
        }
      }
      // Told when all is up to date: who listens looks at the others too.
      for (const id of changed) onChange(id);
      if (fresh.length === 0) return;
      for (const { workload, replicas } of fresh)
        watched.set(workload.id, {
          workload,
          replicas,
          crashes: 0,
          lastExit: null,
          completeAt: clock.now(),
          instances: new Map(),
        });
      meet(new Set(fresh.map((f) => f.workload.id)));
    },
    level,
    endpoints: () =>
      new Map(
        [...watched].map(([id, entry]) => [
          id,
          [...entry.instances.values()].flatMap((w) =>
            w.seen.endpoint ? [{ instance: w.seen.instance, ...w.seen.endpoint, healthy: isHealthy(w.health) }] : [],
          ),
        ]),
      ),
    probeNow: async (ids) => {
      const entries = ids.flatMap((id) => watched.get(id) ?? []);
      const short = ids.find((id) => !entries.some((e) => e.workload.id === id && e.instances.size >= e.replicas));
      if (short !== undefined) return level(short).detail ?? `${short} is not watched yet`;
      const sights = await Promise.all(
        entries.flatMap((entry) =>
          [...entry.instances.values()].map(async (ward) => ({ entry, sight: await look(entry.workload, ward) })),
        ),
      );
      const failed = sights.find((s) => !s.sight.ok);
      return failed ? failed.sight.detail : null;
    },
    settled: (limit) =>
      new Promise((resolve) => {
        const until = clock.now() + limit;
        const look = (): void => {
          const wards = [...watched.values()].flatMap((e) => [...e.instances.values()]);
          const probed = wards.every((w) => w.health.probes > 0 || w.seen.state !== 'running');
          if (stopped || (unmet.size === 0 && (probed || clock.now() >= until))) resolve();
          else clock.after(25 as Millis, look);
        };
        clock.after(25 as Millis, look);
      }),
    stop: () => {
      stopped = true;
      unwatch();
      for (const entry of watched.values()) for (const ward of entry.instances.values()) ward.cancel();
    },
  };
}

const endedByItself = ({ lastExit }: InstanceObservation): boolean => lastExit !== null && isOwnDoing(lastExit);

/** It was seen, and not that of a machine or an engine that went down, or of whoever removed it. */
const isOwnDoing = ({ reason }: NonNullable<InstanceObservation['lastExit']>): boolean =>
  reason !== 'stopped' && reason !== 'unobserved' && reason !== 'removed';

/** Whether the probes of this life have shown that it is not healthy. */
const hasFailed = (state: HealthState, spec: HealthSpec): boolean =>
  state.status === 'unhealthy' || attemptsExhausted(state, spec.type === 'up' ? 1 : spec.unhealthyAfter);

function describeExit(exit: NonNullable<InstanceObservation['lastExit']>): string {
  if (exit.reason === 'memory-limit') return 'ended for using more memory than its limit';
  if (exit.reason === 'start-failed') return 'could not be started';
  return exit.signal ? `killed by ${exit.signal}` : `exited with code ${exit.code ?? 'unknown'}`;
}
