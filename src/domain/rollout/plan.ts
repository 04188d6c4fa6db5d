import { describeAccessory } from '../accessories.ts';
import type { PromotedFrom, Release, ReleasedService } from '../release.ts';
import type { GateSpec, SmokeCheck } from '../spec.ts';
import { type BuildKey, durationText, type Millis, type ReleaseId, type WorkloadId } from '../values.ts';

/** A deploy brings a new release, a rollback goes to an older one. */
export type RolloutKind = 'deploy' | 'rollback';

/** The frozen facts a rollout is carried out by. `describePlan` prints the same object that drives the run. */
export interface RolloutPlan {
  readonly kind: RolloutKind;
  readonly release: ReleaseId;
  readonly from: ReleaseId | null;
  readonly builds: readonly PlannedBuild[];
  /** Nothing is built: what was tested there is taken as it is. */
  readonly promotedFrom?: PromotedFrom;
  /** What has to be there before anything of the release is started. Undefined: nothing. */
  readonly accessories?: readonly PlannedAccessory[];
  readonly releaseCommands: readonly { readonly service: string; readonly run: string; readonly timeout: Millis }[];
  /** Workloads that do not run yet, or run only as long as the release with traffic now stands its bake. */
  readonly starts: readonly PlannedStart[];
  /** Services whose workload goes on unchanged. */
  readonly unchanged: readonly string[];
  readonly smoke: readonly SmokeCheck[];
  /** Weights in basis points, rising, the last is 10,000. */
  readonly steps: readonly number[];
  readonly strategy: 'blue-green' | 'rolling' | 'canary' | 'static';
  readonly bake: Millis;
  readonly warm: boolean;
  readonly stepTimeout: Millis;
  readonly onTimeout: 'hold' | 'promote' | 'rollback';
  readonly gate: GateSpec;
  readonly notes: readonly string[];
}

export interface PlannedBuild {
  readonly service: string;
  readonly key: BuildKey;
  readonly cached: boolean;
  /** An image is built from this Dockerfile, or fetched by this name; undefined: a folder is built. */
  readonly image?: { readonly dockerfile: string } | { readonly name: string };
}

export interface PlannedAccessory {
  readonly name: string;
  /** In one line, e.g. `postgres 16`. */
  readonly what: string;
  /** From its start to healthy. */
  readonly deadline: Millis;
  /** It was running before: nothing is done to it. */
  readonly runs: boolean;
}

export interface PlannedStart {
  readonly workload: WorkloadId;
  readonly service: string;
  readonly replicas: number;
  /** From the first instance start to healthy. */
  readonly deadline: Millis;
  /** `switch`: starts only when its predecessor has stopped. */
  readonly when: 'before' | 'switch';
  /** Requests wait while it is exchanged: how long the old one may go on with those it has, and may take to end. */
  readonly waits?: { readonly drain: Millis; readonly grace: Millis };
}

export interface PlanFacts {
  readonly kind: RolloutKind;
  readonly release: Release;
  /** Release with traffic now. */
  readonly live: Release | null;
  /** The release that traffic falls back to if `live` is undone. Default: `live`, which is proven then. */
  readonly proven?: Release | null;
  readonly cached: ReadonlySet<BuildKey>;
  /** Service -> inputs hash of the release command that last succeeded in this environment. */
  readonly commandsDone: Readonly<Record<string, string>>;
  /** Workloads that run at the moment of planning. */
  readonly running: ReadonlySet<WorkloadId>;
  /** Names of the accessories that run in this environment. Default: none. */
  readonly accessories?: ReadonlySet<string>;
  readonly notes: readonly string[];
}

/** Weight of full traffic in basis points. */
export const fullWeight = 10_000;

export function planRollout(facts: PlanFacts): RolloutPlan {
  const { release, live, kind } = facts;
  const liveWorkloads = workloadsOf(live);
  const lasting = workloadsOf(facts.proven === undefined ? live : facts.proven);
  const fresh = release.services.filter((s) => !liveWorkloads.has(s.workload.id));
  const own = release.services.filter((s) => !liveWorkloads.has(s.workload.id) || !lasting.has(s.workload.id));
  return {
    kind,
    release: release.id,
    from: live?.id ?? null,
    builds: fresh.map((s) => plannedBuild(s, facts.cached)),
    ...(kind === 'rollback' || release.promotedFrom === undefined ? {} : { promotedFrom: release.promotedFrom }),
    ...plannedAccessories(release, facts.accessories ?? new Set()),
    releaseCommands: kind === 'rollback' ? [] : release.services.flatMap((s) => neededCommand(s, facts.commandsDone)),
    starts: own.filter((s) => s.workload.kind !== 'static').map((s) => plannedStart(s, live)),
    unchanged: release.services.filter((s) => liveWorkloads.has(s.workload.id)).map((s) => s.service),
    smoke: release.smoke,
    steps: stepsOf(release, live, kind),
    strategy: release.strategy.type,
    bake: release.strategy.bake,
    warm: release.strategy.warm,
    stepTimeout: release.strategy.stepTimeout,
    onTimeout: release.strategy.onTimeout,
    gate: release.strategy.gate,
    notes: facts.notes,
  };
}

function plannedAccessories(release: Release, running: ReadonlySet<string>): Pick<RolloutPlan, 'accessories'> {
  if (release.accessories === undefined || release.accessories.length === 0) return {};
  return {
    accessories: release.accessories.map((one) => ({
      name: one.name,
      what: describeAccessory(one),
      deadline: one.deadline,
      runs: running.has(one.name),
    })),
  };
}

const workloadsOf = (release: Release | null): ReadonlySet<WorkloadId> =>
  new Set(release?.services.map((s) => s.workload.id) ?? []);

/** Starts of what does not run yet: the others are only made to stay. */
export const realStarts = (plan: RolloutPlan): readonly PlannedStart[] =>
  plan.starts.filter((s) => !plan.unchanged.includes(s.service));

function neededCommand(s: ReleasedService, done: Readonly<Record<string, string>>): RolloutPlan['releaseCommands'] {
  const command = s.releaseCommand;
  if (!command || (command.when === 'changed' && done[s.service] === command.inputsHash)) return [];
  return [{ service: s.service, run: command.run, timeout: command.timeout }];
}

function plannedBuild({ service, build }: ReleasedService, cached: ReadonlySet<BuildKey>): PlannedBuild {
  const { key, image, given } = build;
  const planned = { service, key, cached: cached.has(key) };
  if (given !== undefined) return { ...planned, image: { name: given.image } };
  if (image === undefined) return planned;
  const { dockerfile } = image;
  return { ...planned, image: { dockerfile: 'path' in dockerfile ? dockerfile.path : 'a Dockerfile made for its stack' } };
}

function plannedStart(s: ReleasedService, live: Release | null): PlannedStart {
  const before = live?.services.find((l) => l.service === s.service);
  const exchanged = before !== undefined && isExclusive(s);
  return {
    workload: s.workload.id,
    service: s.service,
    replicas: s.replicas,
    deadline: s.workload.health.deadline,
    when: exchanged ? 'switch' : 'before',
    ...(exchanged && s.workload.kind === 'web' ? { waits: { drain: before.workload.drain, grace: before.workload.grace } } : {}),
  };
}

/** Of which no two may run: workers unless they may overlap, and what says so of itself. */
export const isExclusive = ({ workload, overlap, single }: ReleasedService): boolean =>
  single === true || (workload.kind === 'worker' && !overlap);

/** Rollbacks, first deploys and static switches go straight to full traffic. */
function stepsOf(release: Release, live: Release | null, kind: RolloutKind): readonly number[] {
  if (kind === 'rollback' || !live || release.strategy.type === 'static' || release.strategy.type === 'blue-green')
    return [fullWeight];
  if (release.strategy.type === 'canary') return [...release.strategy.steps, fullWeight];
  const widest = Math.max(1, ...release.services.map((s) => s.replicas));
  return Array.from({ length: widest }, (_, i) => Math.round((fullWeight * (i + 1)) / widest));
}

/** Replicas of a planned start at a step: all at once, except that a rolling strategy grows with its weight. */
export function replicasAt(plan: RolloutPlan, start: PlannedStart, step: number): number {
  if (plan.strategy !== 'rolling' || plan.steps.length === 1) return start.replicas;
  const weight = plan.steps[Math.max(0, Math.min(step, plan.steps.length - 1))] ?? fullWeight;
  // Weights are rounded to a basis point: that alone asks for no instance more.
  return Math.max(1, Math.ceil((start.replicas * (weight - 1)) / fullWeight));
}

/** One line per operation, in order: exactly what the run does. */
export function describePlan(plan: RolloutPlan): readonly string[] {
  const lines: string[] = [];
  for (const build of plan.builds) lines.push(describeBuild(build, plan.promotedFrom));
  for (const a of plan.accessories ?? [])
    lines.push(a.runs ? `keep ${a.name} as it runs` : `start ${a.name} (${a.what}), healthy within ${durationText(a.deadline)}`);
  for (const c of plan.releaseCommands) lines.push(`run once for ${c.service}: ${c.run} (at most ${durationText(c.timeout)})`);
  const starts = realStarts(plan);
  for (const s of starts)
    if (s.when === 'before')
      lines.push(`start ${s.service} x${replicasAt(plan, s, 0)}, healthy within ${durationText(s.deadline)}`);
  for (const name of plan.unchanged) lines.push(`keep ${name} as it runs`);
  if (plan.smoke.length > 0) lines.push(`check ${plan.smoke.map((c) => c.path).join(' ')} on the new release`);
  plan.steps.forEach((weight, i) => {
    const last = i === plan.steps.length - 1;
    if (plan.strategy === 'rolling' && i > 0) lines.push(`grow to ${percent(weight)} of the instances, wait until healthy`);
    lines.push(last ? 'move all traffic' : `move ${percent(weight)} of traffic${plan.strategy === 'canary' ? ', watch' : ''}`);
  });
  for (const s of starts)
    if (s.when === 'switch') lines.push(`stop the old ${s.service}, then start the new one${describeWait(s)}`);
  if (plan.smoke.length > 0) lines.push('check the same on the route');
  lines.push(`bake ${durationText(plan.bake)}${plan.from && plan.warm ? `, ${plan.from} kept warm` : ''}`);
  if (plan.from) lines.push(`stop what only ${plan.from} needs`);
  return lines;
}

/**
 * Whether the builder has something to do: an image that is there already gets its name after the new SHA. For a promotion it never has:
 * what is gone meanwhile is missed at the start, and not made anew.
 */
export const isAsked = (
  { kind, promotedFrom }: Pick<RolloutPlan, 'kind' | 'promotedFrom'>,
  { cached, image }: PlannedBuild,
): boolean => promotedFrom === undefined && (!cached || (kind === 'deploy' && image !== undefined && 'dockerfile' in image));

function describeBuild({ service, key, cached, image }: PlannedBuild, promoted: PromotedFrom | undefined): string {
  const short = key.slice(0, 12);
  if (promoted !== undefined)
    return `use ${image === undefined ? 'build' : 'image'} of ${service} (${short}) as ${promoted.release} was tested with it`;
  if (image === undefined) return cached ? `use build of ${service} (${short}, kept)` : `build ${service} (${short})`;
  if ('name' in image) return `${cached ? 'use' : 'fetch'} image ${image.name} for ${service}`;
  return cached ? `use image of ${service} (${short}, kept)` : `build image of ${service} from ${image.dockerfile} (${short})`;
}

/** The downtime of a service that may not run twice, as far as it is known before. */
const describeWait = ({ waits, deadline }: PlannedStart): string =>
  waits === undefined
    ? ''
    : `; its requests wait meanwhile: for those in flight (at most ${durationText(waits.drain)}), for its end (at most ${durationText(waits.grace)}) and until the new one is healthy (at most ${durationText(deadline)})`;

const percent = (weight: number): string => `${weight / 100}%`;
