import { activePhase, desiredWorkloads, releasesNeeded } from '../domain/desired.ts';
import { type EnvironmentState, newEnvironment, stableRelease } from '../domain/environment-state.ts';
import { SignalboxError } from '../domain/errors.ts';
import { allocateLinks } from '../domain/links.ts';
import { type PromotedFrom, type Release, type ReleasedService, sameContent } from '../domain/release.ts';
import { planRollout, type RolloutPlan } from '../domain/rollout/plan.ts';
import type { RolloutKind } from '../domain/rollout/plan.ts';
import { newRollout } from '../domain/rollout/transition.ts';
import { secretChanges } from '../domain/secrets.ts';
import {
  type BuildKey,
  type EnvironmentKey,
  environmentKey,
  type ReleaseId,
  releaseId,
  type RolloutId,
} from '../domain/values.ts';
import type { Closure } from '../domain/windows.ts';
import type { Clock, Ids } from '../ports/clock.ts';
import type { Frozen } from '../ports/freezer.ts';
import { type Accessories, accessoryNotes, withMissing } from './accessories.ts';
import type { Addresses } from './addresses.ts';
import { admit, windowForced } from './admit.ts';
import type { Accepted, DeployRequest, HealthMonitor } from './commands.ts';
import type { Controller, Happened } from './controller.ts';
import { type Draft, type Plant, revise } from './plant.ts';

/** Turns a frozen source or a kept release into a queued rollout, replacing what waits or runs before it. */
export interface Acceptance {
  /** The release and plan a deploy would get as things stand. @throws ROUTE_TAKEN, ACCESSORY_UNAVAILABLE */
  preview(
    request: PlacedRequest,
    frozen: Frozen,
  ): { readonly release: Release; readonly plan: RolloutPlan; readonly live: Release | null };
  /** Whether lock and windows let it through. @throws ENVIRONMENT_LOCKED, DEPLOY_WINDOW_CLOSED */
  admit(request: PlacedRequest, frozen: Frozen): void;
  deploy(request: PlacedRequest, frozen: Frozen): Promise<Accepted>;
  /** @throws SAME_RELEASE, ROUTE_TAKEN */
  rollback(release: Release): Promise<Accepted>;
}

/** A request with what was found out about where its builds come from. */
export interface PlacedRequest extends DeployRequest {
  readonly promotedFrom?: PromotedFrom;
}

export interface AcceptancePorts {
  readonly plant: Plant;
  readonly controller: Controller;
  readonly monitor: HealthMonitor;
  readonly addresses: Addresses;
  readonly accessories: Accessories;
  readonly clock: Clock;
  readonly ids: Ids;
}

export function createAcceptance(ports: AcceptancePorts): Acceptance {
  const { plant, controller, monitor, addresses, accessories, clock, ids } = ports;

  function environmentOf(request: { app: DeployRequest['app']; environment: DeployRequest['environment'] }): EnvironmentState {
    const key = environmentKey(request.app, request.environment);
    return plant.environment(key) ?? newEnvironment({ ...request, candidateToken: ids.secret() });
  }

  /** The rules of what is live count, too: a source from before a freeze does not know of it. */
  function admitted(request: PlacedRequest, frozen: Frozen): Closure | null {
    const environment = environmentOf(request);
    return admit(environment, { request, schedules: [frozen.schedule, liveOf(environment)?.schedule], now: clock.wall() });
  }

  function preview(request: PlacedRequest, frozen: Frozen) {
    const environment = environmentOf(request);
    refuseTakenRoutes(plant, environment.key, frozen.services);
    const release = releaseOf(request, frozen, environment.nextRelease, clock);
    for (const one of release.accessories ?? []) {
      const obstacle = environment.accessories?.[one.name] === undefined ? accessories.obstacle(one) : null;
      if (obstacle) throw obstacle;
    }
    const live = liveOf(environment);
    const notes = [...frozen.notes, ...accessoryNotes(environment, release.accessories), ...secretChanges(release, live)];
    return { release, live, plan: planOf('deploy', release, { environment, live, cached: frozen.cached, notes }) };
  }

  function planOf(
    kind: RolloutKind,
    release: Release,
    facts: { environment: EnvironmentState; live: Release | null; cached: ReadonlySet<BuildKey>; notes: readonly string[] },
  ): RolloutPlan {
    const running = new Set(release.services.map((s) => s.workload.id).filter((id) => monitor.level(id).healthy));
    const { environment, live, cached, notes } = facts;
    const proven = known(environment.proven);
    const present = new Set(Object.keys(environment.accessories ?? {}));
    const { commandsDone } = environment;
    return planRollout({ kind, release, live, proven, cached, running, notes, commandsDone, accessories: present });
  }

  const known = (id: ReleaseId | null): Release | null => (id === null ? null : (plant.releases().get(id) ?? null));

  /** What serves once the rollout that moves traffic now, if any, has given way. */
  const liveOf = (environment: EnvironmentState): Release | null => {
    const moving = plant.rollouts(environment.key).find((r) => activePhase(r) === 'shifting');
    return known(moving ? (moving.fallback ?? moving.from) : stableRelease(environment));
  };

  /** Everything of the environment that waits or runs gives way; a bake goes on until there is something to put in its place. */
  const replaced = (key: EnvironmentKey, by: RolloutId): readonly Happened[] =>
    plant
      .rollouts(key)
      .filter((rollout) => activePhase(rollout) !== 'baking')
      .map((rollout) => ({ rollout, events: [{ type: 'superseded', by }] }));

  async function queue(what: {
    kind: RolloutKind;
    release: Release;
    environment: EnvironmentState;
    plan: RolloutPlan;
    draft: Draft;
    by?: string | undefined;
  }): Promise<{ draft: Draft; result: Accepted }> {
    const { kind, release, environment, plan } = what;
    const id = ids.next() as RolloutId;
    const rollout = newRollout({ id, environment: environment.key, kind, release: release.id, plan, wall: clock.wall() });
    const accepted = {
      type: `${kind}.accepted`,
      at: clock.wall(),
      app: environment.app,
      environment: environment.environment,
      rollout: id,
      body: {
        release: release.id,
        sha: release.sha,
        subject: release.subject,
        ...(kind === 'rollback' || release.promotedFrom === undefined ? {} : { promotedFrom: release.promotedFrom }),
        ...(what.by === undefined ? {} : { by: what.by }),
      },
    };
    const linked = {
      ...environment,
      ...withMissing(environment, release.accessories),
      links: await linksFor(environment, release),
    };
    const first: Draft = { ...what.draft, environments: [linked], events: [...(what.draft.events ?? []), accepted] };
    const draft = await controller.apply(first, replaced(environment.key, id));
    return {
      draft: { ...draft, rollouts: [...(draft.rollouts ?? []), rollout] },
      result: { rolloutId: id, release: release.id, kind },
    };
  }

  async function linksFor(environment: EnvironmentState, release: Release) {
    const rollouts = plant.rollouts(environment.key);
    const kept = desiredWorkloads(environment, rollouts, plant.releases()).map((d) => d.workload.id);
    const waiting = rollouts.flatMap(
      (r) =>
        plant
          .releases()
          .get(r.release)
          ?.services.map((s) => s.workload.id) ?? [],
    );
    return allocateLinks({
      environment,
      others: plant.environments().filter((e) => e.key !== environment.key),
      workloads: release.services.map((s) => s.workload),
      keep: new Set([...kept, ...waiting]),
      slots: await addresses.slots(),
    });
  }

  return {
    preview,
    admit: (request, frozen) => void admitted(request, frozen),
    deploy: (request, frozen) =>
      plant.decide(async () => {
        const forced = admitted(request, frozen);
        const { release, plan } = preview(request, frozen);
        const before = environmentOf(request);
        const next = { nextRelease: before.nextRelease + 1 };
        const environment = plant.environment(before.key) ? revise(before, next) : { ...before, ...next };
        const app = { name: request.app, createdAt: clock.wall() };
        const events = forced === null ? [] : [windowForced(request, { release: release.id, closure: forced, at: clock.wall() })];
        const draft = { apps: [app], releases: [release], events };
        return queue({ kind: 'deploy', release, environment, plan, draft, by: request.by });
      }),
    rollback: (release) =>
      plant.decide(async () => {
        const before = environmentOf(release);
        refuseTakenRoutes(plant, before.key, release.services);
        const live = liveOf(before);
        if (live?.id === release.id && plant.rollouts(before.key).length === 0) {
          throw new SignalboxError('SAME_RELEASE', `v${release.number} of ${before.key} serves already.`);
        }
        const cached = new Set(release.services.map((s) => s.build.key));
        const plan = planOf('rollback', release, { environment: before, live, cached, notes: [] });
        return queue({ kind: 'rollback', release, environment: revise(before, {}), plan, draft: {} });
      }),
  };
}

function releaseOf(request: PlacedRequest, frozen: Frozen, number: number, clock: Clock): Release {
  const { strategy } = frozen;
  const onlyStatic = frozen.services.every((s) => s.workload.kind === 'static');
  return {
    id: releaseId(request.app, request.environment, number),
    app: request.app,
    environment: request.environment,
    number,
    sha: request.sha,
    dirty: request.dirty,
    subject: frozen.subject,
    services: frozen.services,
    ...(frozen.accessories === undefined || frozen.accessories.length === 0 ? {} : { accessories: frozen.accessories }),
    smoke: frozen.smoke,
    ...(frozen.branch === undefined ? {} : { branch: frozen.branch }),
    ...(frozen.schedule === undefined ? {} : { schedule: frozen.schedule }),
    ...(request.folder === '.' ? {} : { folder: request.folder }),
    ...(request.promotedFrom === undefined ? {} : { promotedFrom: request.promotedFrom }),
    strategy: { ...strategy, type: onlyStatic && strategy.type !== 'canary' ? 'static' : (request.strategy ?? strategy.type) },
    createdAt: clock.wall(),
    ...(request.run === undefined ? {} : { run: request.run }),
  };
}

/** Two services may not claim the same host and path, nor one that a way back may still need; the error names the owner. */
function refuseTakenRoutes(plant: Plant, key: EnvironmentKey, services: readonly ReleasedService[]): void {
  const owners = new Map<string, { owner: string; release: ReleaseId }>();
  for (const environment of plant.environments()) {
    if (environment.key === key) continue;
    for (const id of releasesNeeded(environment, plant.rollouts(environment.key))) {
      for (const s of plant.releases().get(id)?.services ?? []) {
        for (const r of s.routes) owners.set(`${r.host} ${r.path}`, { owner: `${environment.key} ${s.service}`, release: id });
      }
    }
  }
  for (const s of services) {
    for (const r of s.routes) {
      const taken = owners.get(`${r.host} ${r.path}`);
      if (taken)
        throw new SignalboxError(
          'ROUTE_TAKEN',
          `${s.service} asks for ${r.host}${r.path}, which belongs to ${taken.owner} (${taken.release}).`,
        );
    }
  }
}

/** Release to go back to when none is named: never one that is the same as what is being left. */
export const isWayBack = (candidate: Release, live: Release | null): boolean =>
  live === null || (candidate.id !== live.id && !sameContent(candidate, live));
