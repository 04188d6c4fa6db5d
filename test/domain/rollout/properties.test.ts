import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { activePhase } from '../../../src/domain/desired.ts';
import type { RolloutEvent } from '../../../src/domain/rollout/events.ts';
import type { Reason, Rollout } from '../../../src/domain/rollout/state.ts';
import { type ReleaseId, type WorkloadId } from '../../../src/domain/values.ts';
import { type Sketch, sketchRelease, World } from './world.ts';

const reason: Reason = { code: 'INSTANCE_UNHEALTHY', message: 'GET /health answered 503' };

const sketch: fc.Arbitrary<Sketch> = fc.record({
  strategy: fc.constantFrom('blue-green', 'rolling', 'canary'),
  warm: fc.boolean(),
  smoke: fc.boolean(),
  services: fc
    .tuple(
      fc.integer({ min: 1, max: 3 }),
      fc.integer({ min: 1, max: 3 }),
      fc.integer({ min: 1, max: 2 }),
      fc.integer({ min: 1, max: 3 }),
      fc.boolean(),
    )
    .map(([web, api, mailer, replicas, command]) => [
      { name: 'web', kind: 'web' as const, version: web, replicas },
      { name: 'api', kind: 'web' as const, version: api, replicas: 1, command },
      { name: 'mailer', kind: 'worker' as const, version: mailer, replicas: 1 },
      { name: 'docs', kind: 'static' as const, version: web, replicas: 1 },
    ]),
});

/** One thing that happens, in short; `pick` chooses which rollout, effect or workload it happens to. */
type Action =
  | { readonly what: 'deploy'; readonly sketch: Sketch }
  | { readonly what: Exclude<What, 'deploy'>; readonly pick: number; readonly good: boolean };
type What =
  | 'deploy'
  | 'rollback'
  | 'start'
  | 'finish'
  | 'late'
  | 'health'
  | 'broken'
  | 'clear'
  | 'traffic'
  | 'tick'
  | 'pause'
  | 'resume'
  | 'promote'
  | 'abort'
  | 'crash'
  | 'lost';

const action: fc.Arbitrary<Action> = fc.oneof(
  { weight: 2, arbitrary: fc.record({ what: fc.constant('deploy' as const), sketch }) },
  {
    weight: 18,
    arbitrary: fc.record({
      what: fc.constantFrom(
        ...([
          'start',
          'start',
          'finish',
          'finish',
          'finish',
          'health',
          'health',
          'health',
          'clear',
          'clear',
          'traffic',
          'tick',
          'tick',
        ] as const),
        ...(['late', 'broken', 'rollback', 'pause', 'resume', 'promote', 'abort', 'crash', 'lost'] as const),
      ),
      pick: fc.nat(50),
      good: fc.boolean().chain((b) => (b ? fc.constant(true) : fc.boolean())),
    }),
  },
);

function choose<T>(from: readonly T[], pick: number): T | undefined {
  return from.length === 0 ? undefined : from[pick % from.length];
}

/** Carries an action out on the world, as the control plane would report it. */
function happen(world: World, act: Action): void {
  if (act.what === 'deploy') {
    world.request('deploy', sketchRelease(world.releases.size + 1, act.sketch));
    return;
  }
  const rollout = choose(world.rollouts, act.pick);
  if (act.what === 'crash') {
    world.crash();
    return;
  }
  if (act.what === 'rollback') {
    const target = [...world.releases.values()].find((r) => r.id === world.environment.proven);
    if (target && target.id !== world.live()?.id) world.request('rollback', target);
    return;
  }
  if (!rollout) return;
  const event = eventOf(world, rollout, act);
  if (event) world.apply(rollout.id, event);
}

function eventOf(world: World, rollout: Rollout, act: Exclude<Action, { what: 'deploy' }>): RolloutEvent | null {
  const { good, pick } = act;
  const workload = choose(Object.keys(rollout.health), pick) as WorkloadId | undefined;
  const others = world.rollouts.filter((r) => r.id !== rollout.id);
  switch (act.what) {
    case 'start':
      return rollout.phase === 'queued' && others.every((r) => activePhase(r) === 'baking' || r.id > rollout.id)
        ? { type: 'started', wall: 0 as never, ready: false, counts: {} }
        : null;
    case 'finish':
    case 'late':
      return resultOf(rollout, act);
    case 'lost': {
      const command = rollout.outstanding.find((o) => o.effect.type === 'release-command');
      return command
        ? { type: 'command-lost', effect: command.id, reason: { code: 'COMMAND_LOST', message: 'nobody saw it' } }
        : null;
    }
    case 'health':
      if (!workload) return null;
      return good ? { type: 'healthy', workload } : { type: 'unhealthy', workload, reason };
    case 'broken':
      return workload && !good ? { type: 'broken', workload, reason } : null;
    case 'clear':
      return clearance(world, rollout, others);
    case 'traffic': {
      const before = rollout.cursor[rollout.release] ?? { requests: 0, errors: 0, dropped: 0 };
      const requests = before.requests + 1 + (pick % 20);
      const errors = before.errors + (good ? 0 : 1 + (pick % 3));
      return {
        type: 'traffic',
        counts: { ...rollout.cursor, [rollout.release]: { requests, errors, dropped: before.dropped } },
        observing: pick % 7 !== 0,
      };
    }
    case 'tick':
      world.now = (world.now + (good ? 1000 : 70_000)) as typeof world.now;
      return { type: 'tick' };
    case 'pause':
      return { type: 'paused' };
    case 'resume':
      return rollout.phase === 'held' ? { type: 'resumed' } : null;
    case 'promote':
      return ['shifting', 'baking', 'held'].includes(rollout.phase) ? { type: 'promoted' } : null;
    case 'abort':
      return good ? null : { type: 'aborted' };
    case 'crash':
    case 'rollback':
      return null;
  }
}

function clearance(world: World, rollout: Rollout, others: readonly Rollout[]): RolloutEvent | null {
  const busy = others.some((r) => ['shifting', 'rolling-back'].includes(activePhase(r) ?? ''));
  if (busy || rollout.phase !== 'verifying' || !rollout.verified || !Object.values(rollout.health).every((h) => h.healthy))
    return null;
  for (const r of others.filter((o) => activePhase(o) === 'baking')) world.apply(r.id, { type: 'superseded', by: rollout.id });
  const from = world.live()?.id ?? null;
  const proven = world.environment.proven;
  return {
    type: 'cleared',
    from: from === rollout.release ? null : from,
    fallback: proven === rollout.release ? null : proven,
    baseline: { requests: 0, errors: 0 },
  };
}

function resultOf(
  rollout: Rollout,
  act: { readonly pick: number; readonly good: boolean; readonly what: string },
): RolloutEvent | null {
  const outstanding = choose(rollout.outstanding, act.pick);
  const effect = act.what === 'late' ? `${rollout.id}-0` : outstanding?.id;
  if (!outstanding || effect === undefined) return null;
  switch (outstanding.effect.type) {
    case 'build':
      return act.good ? { type: 'built', effect } : { type: 'build-failed', effect, reason };
    case 'accessories':
      return act.good ? { type: 'accessories-ready', effect } : { type: 'accessories-failed', effect, reason };
    case 'release-command':
      return act.good ? { type: 'command-done', effect } : { type: 'command-failed', effect, reason };
    case 'smoke-candidate':
    case 'smoke-route':
      return act.good ? { type: 'smoke-passed', effect } : { type: 'smoke-failed', effect, reason };
    case 'warm-up':
      return { type: 'warmed-up', effect };
    case 'publish':
      return { type: 'published', effect, wall: 0 as never };
  }
}

const actions = fc.array(action, { minLength: 20, maxLength: 160 });
const runs = { numRuns: 400 };

/** Runs the actions, checking after each. */
function drive(list: readonly Action[], check: (world: World, before: Snapshot) => void): World {
  const world = new World();
  for (const act of list) {
    const before: Snapshot = { arms: world.environment.arms, rollouts: world.rollouts, desired: world.desired(), act };
    happen(world, act);
    check(world, before);
  }
  return world;
}

interface Snapshot {
  readonly arms: World['environment']['arms'];
  readonly rollouts: readonly Rollout[];
  readonly desired: ReadonlyMap<WorkloadId, number>;
  readonly act: Action;
}

const weightOf = (arms: World['environment']['arms'], release: ReleaseId): number =>
  arms.find((a) => a.release === release)?.weight ?? 0;

describe('rollouts under arbitrary sequences of events, crashes and restarts', () => {
  it('weights always add up to all of the traffic or to none', () => {
    fc.assert(
      fc.property(actions, (list) => {
        drive(list, (world) => {
          const sum = world.environment.arms.reduce((a, arm) => a + arm.weight, 0);
          expect([0, 10_000]).toContain(sum);
          if (sum > 0) expect(world.environment.arms.filter((a) => a.role === 'stable')).toHaveLength(1);
        });
      }),
      runs,
    );
  });

  it('no rollout adds weight to its release while one of its workloads is not healthy', () => {
    fc.assert(
      fc.property(actions, (list) => {
        drive(list, (world, before) => {
          for (const rollout of [...world.rollouts, ...world.ended]) {
            const grew = weightOf(world.environment.arms, rollout.release) > weightOf(before.arms, rollout.release);
            const undone = before.rollouts.some((r) => r.release !== rollout.release && r.from === rollout.release);
            if (grew && rollout.phase === 'shifting' && !undone)
              expect(Object.values(rollout.health).every((h) => h.healthy)).toBe(true);
          }
        });
      }),
      runs,
    );
  });

  it('every release with traffic shall run in full, whatever else goes on', () => {
    fc.assert(
      fc.property(actions, (list) => {
        drive(list, (world) => {
          const desired = world.desired();
          const moving = new Set(world.rollouts.flatMap((r) => (activePhase(r) === 'baking' ? [] : [r.release])));
          for (const arm of world.environment.arms) {
            if (moving.has(arm.release)) continue;
            for (const s of world.releases.get(arm.release)?.services ?? []) {
              if (s.workload.kind === 'web') expect(desired.get(s.workload.id) ?? 0).toBeGreaterThanOrEqual(s.replicas);
            }
          }
        });
      }),
      runs,
    );
  });

  it('the release an undo would go back to is kept running as long as it may be needed', () => {
    fc.assert(
      fc.property(actions, (list) => {
        drive(list, (world) => {
          const desired = world.desired();
          for (const rollout of world.rollouts) {
            const phase = activePhase(rollout);
            if (!rollout.plan.warm || (phase !== 'shifting' && phase !== 'baking')) continue;
            const target = rollout.fallback ?? rollout.from;
            const services = target === null ? [] : (world.releases.get(target)?.services ?? []);
            for (const s of services.filter((x) => x.workload.kind === 'web'))
              expect(desired.get(s.workload.id) ?? 0).toBeGreaterThanOrEqual(s.replicas);
          }
        });
      }),
      runs,
    );
  });

  it('a rollout that ends before it was cleared leaves the traffic exactly as it was', () => {
    fc.assert(
      fc.property(actions, (list) => {
        const seen = new Set<string>();
        drive(list, (world, before) => {
          for (const rollout of world.ended) {
            if (seen.has(rollout.id)) continue;
            seen.add(rollout.id);
            if (!rollout.trafficMoved && before.act.what !== 'clear') expect(world.environment.arms).toEqual(before.arms);
            if (rollout.phase === 'failed' || rollout.phase === 'cancelled') expect(rollout.trafficMoved).toBe(false);
          }
        });
      }),
      runs,
    );
  });

  it('a release command is started at most once per rollout', () => {
    fc.assert(
      fc.property(actions, (list) => {
        const world = drive(list, () => undefined);
        expect(new Set(world.commandsStarted).size).toBe(world.commandsStarted.length);
      }),
      runs,
    );
  });

  it('once nothing is moving, exactly one release has all traffic and nothing else runs', () => {
    fc.assert(
      fc.property(actions, (list) => {
        const world = drive(list, () => undefined);
        settle(world);
        expect(world.rollouts.map((r) => r.phase)).toEqual([]);
        expect(world.environment.arms.length).toBeLessThanOrEqual(1);
        const live = world.live();
        const own = new Set(live?.services.map((s) => s.workload.id) ?? []);
        for (const id of world.desired().keys()) expect(own.has(id)).toBe(true);
      }),
      runs,
    );
  });

  it('a rollout always ends or is held with a reason when the world answers', () => {
    fc.assert(
      fc.property(actions, (list) => {
        drive(list, (world) => {
          for (const r of world.rollouts) {
            if (r.phase === 'held') expect(r.reason).not.toBeNull();
            const waits =
              r.outstanding.length > 0 ||
              r.deadline !== null ||
              r.clockLeft !== null ||
              r.phase === 'held' ||
              r.phase === 'queued';
            if (!waits) expect(r.phase === 'verifying' && r.verified).toBe(true);
          }
        });
      }),
      runs,
    );
  });

  it('a crash changes nothing: the state on disk is the whole state', () => {
    fc.assert(
      fc.property(actions, (list) => {
        const steady = drive(list, () => undefined);
        const crashing = new World();
        for (const act of list) {
          happen(crashing, act);
          crashing.crash();
        }
        expect(JSON.parse(JSON.stringify([crashing.environment, crashing.rollouts]))).toEqual(
          JSON.parse(JSON.stringify([steady.environment, steady.rollouts])),
        );
      }),
      { numRuns: 100 },
    );
  });
});

/** Lets everything succeed until no rollout is left. */
function settle(world: World): void {
  for (let i = 0; i < 400 && world.rollouts.length > 0; i++) {
    for (const rollout of world.rollouts) {
      for (const id of Object.keys(world.find(rollout.id)?.health ?? {}))
        happenTo(world, rollout.id, { type: 'healthy', workload: id as WorkloadId });
      for (const what of ['resume', 'start', 'finish', 'clear', 'promote'] as const) {
        const now = world.find(rollout.id);
        const event = now ? eventOf(world, now, { what, pick: 0, good: true }) : null;
        if (event) happenTo(world, rollout.id, event);
      }
      world.now = (world.now + 1000) as typeof world.now;
      happenTo(world, rollout.id, { type: 'tick' });
    }
  }
}

function happenTo(world: World, id: Rollout['id'], event: RolloutEvent): void {
  if (world.find(id)) world.apply(id, event);
}
