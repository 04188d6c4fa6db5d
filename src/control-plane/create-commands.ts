import { desiredWorkloads } from '../domain/desired.ts';
import { stableRelease } from '../domain/environment-state.ts';
import { SignalboxError } from '../domain/errors.ts';
import { refuseLocked } from '../domain/lock.ts';
import type { Release } from '../domain/release.ts';
import { describePlan } from '../domain/rollout/plan.ts';
import type { RolloutEvent } from '../domain/rollout/events.ts';
import type { Rollout } from '../domain/rollout/state.ts';
import { environmentKey, millis, releaseId } from '../domain/values.ts';
import type { Builder } from '../ports/builder.ts';
import type { Clock } from '../ports/clock.ts';
import type { Freezer, Frozen } from '../ports/freezer.ts';
import type { Source } from '../ports/source.ts';
import type { Store } from '../ports/store.ts';
import { type Acceptance, isWayBack, type PlacedRequest } from './accept.ts';
import type { Accepted, Commands, DeployRequest, PlanPreview, RollbackRequest, RunCommands, SteerTarget } from './commands.ts';
import type { Controller } from './controller.ts';
import type { EnvironmentCommands } from './environment-commands.ts';
import { goodOnes, lookBack } from './good-releases.ts';
import { type MemoryView, memoryNeeds, refuseWithoutMemory } from './memory.ts';
import { type Plant, revise } from './plant.ts';
import { createPromotion } from './promotion.ts';
import type { Publisher } from './publisher.ts';

export interface CommandPorts {
  readonly plant: Plant;
  readonly controller: Controller;
  readonly acceptance: Acceptance;
  readonly publisher: Publisher;
  readonly store: Store;
  readonly source: Source;
  readonly freezer: Freezer;
  readonly builder: Builder;
  readonly clock: Clock;
  readonly memory: MemoryView;
  readonly accessory: Commands['accessory'];
  readonly environments: EnvironmentCommands;
  readonly secrets: Commands['secrets'];
  readonly refuseMissingSecrets: (release: Release) => Promise<void>;
  readonly runs: RunCommands;
}

/** How long whoever asks for another traffic mode waits for the proxy. */
const publishPatience = millis(15_000);

export function createCommands(ports: CommandPorts): Commands {
  const { plant, controller, acceptance, publisher, store, source, freezer, builder, clock } = ports;

  const freeze = async (request: DeployRequest) => ({ request, frozen: await freezer.freeze(request) });
  const promotion = createPromotion({ plant, store, freezer, builder });

  async function deploy({ request, frozen }: Prepared): Promise<Accepted> {
    acceptance.admit(request, frozen);
    const { release, live, plan } = acceptance.preview(request, frozen);
    refuseWithoutMemory(await memoryNeeds(ports.memory, { release, live, plan }), plan.warm);
    return acceptance.deploy(request, frozen);
  }

  async function plan({ request, frozen }: Prepared): Promise<PlanPreview> {
    const { release, live, plan: planned } = acceptance.preview(request, frozen);
    const memory = await memoryNeeds(ports.memory, { release, live, plan: planned });
    const preview = {
      release: release.id,
      operations: describePlan(planned),
      notes: planned.notes,
      memory,
      ...(planned.promotedFrom === undefined ? {} : { promotedFrom: planned.promotedFrom }),
    };
    try {
      acceptance.admit(request, frozen);
      refuseWithoutMemory(memory, planned.warm);
      return preview;
    } catch (error) {
      if (!(error instanceof SignalboxError)) throw error;
      return { ...preview, refused: { code: error.code, message: error.message } };
    }
  }

  async function wayBack(request: RollbackRequest): Promise<Release> {
    const key = environmentKey(request.app, request.environment);
    const environment = plant.environment(key);
    if (!environment) throw new SignalboxError('NO_KEPT_RELEASE', `${key} has never been deployed.`);
    if (request.to !== undefined) {
      const named = await store.release(releaseId(request.app, request.environment, request.to));
      if (!named) throw new SignalboxError('NO_KEPT_RELEASE', `v${request.to} of ${key} is not kept (or never was).`);
      return named;
    }
    const liveId = stableRelease(environment);
    const live = liveId === null ? null : await store.release(liveId);
    const proven = environment.proven === null ? null : await store.release(environment.proven);
    if (proven && isWayBack(proven, live)) return proven;
    for (const id of goodOnes(await store.rollouts({ environment: key }, { limit: lookBack }))) {
      const candidate = await store.release(id);
      if (candidate && isWayBack(candidate, live)) return candidate;
    }
    throw new SignalboxError('NO_KEPT_RELEASE', `${key} has no earlier release that was good.`);
  }

  /** Of what runs or is kept warm nothing has to be asked: it is there, and whoever goes back is in a hurry. */
  async function refuseUnkept(release: Release): Promise<void> {
    const environment = plant.environment(environmentKey(release.app, release.environment));
    const wanted = environment ? desiredWorkloads(environment, plant.rollouts(environment.key), plant.releases()) : [];
    const there = new Set(wanted.map(({ workload }) => workload.id));
    const asked = release.services.filter((s) => s.workload.kind === 'static' || !there.has(s.workload.id));
    const kept = await Promise.all(asked.map((s) => builder.has(release.app, s.build)));
    const missing = asked.find((_, index) => !kept[index]);
    if (missing)
      throw new SignalboxError('NO_KEPT_RELEASE', `The build of ${missing.service} in v${release.number} is no longer kept.`);
  }

  async function refuseChangedMigrations(release: Release): Promise<void> {
    const environment = plant.environment(environmentKey(release.app, release.environment));
    for (const [service, done] of Object.entries(environment?.commandsDone ?? {})) {
      const known = release.services.find((s) => s.service === service)?.releaseCommand?.inputsHash;
      if (done !== known) {
        throw new SignalboxError(
          'MIGRATIONS_CHANGED',
          `The release command of ${service} has run in a newer form than v${release.number} knows.`,
        );
      }
    }
  }

  /** @throws DATA_PLANE_UNAVAILABLE; the decision stands all the same. */
  function servedSoon(key: string): Promise<void> {
    return new Promise((resolve, reject) => {
      const cancel = clock.after(publishPatience, () =>
        reject(
          new SignalboxError(
            'DATA_PLANE_UNAVAILABLE',
            `The decision on ${key} is on record, but not every proxy worker serves it after ${publishPatience / 1000} s; it goes on being tried.`,
          ),
        ),
      );
      void publisher.ensure().then(() => {
        cancel();
        resolve();
      });
    });
  }

  function target(of: SteerTarget): Rollout {
    if ('rollout' in of) {
      const rollout = plant.rollout(of.rollout);
      if (!rollout) throw new SignalboxError('NO_ACTIVE_ROLLOUT', `Rollout ${of.rollout} is unknown or has ended.`);
      return rollout;
    }
    const key = environmentKey(of.app, of.environment);
    const newest = plant.rollouts(key).at(-1);
    if (!newest) throw new SignalboxError('NO_ACTIVE_ROLLOUT', `No rollout of ${key} is running.`);
    return newest;
  }

  return {
    receiveSource: (request) => source.receive(request.app, request),
    deploy: async (request) => deploy(await freeze(request)),
    plan: async (request) => plan(await freeze(request)),
    deployFrom: async (request) => deploy(await promotion(request)),
    planFrom: async (request) => plan(await promotion(request)),
    rollback: async (request) => {
      const release = await wayBack(request);
      await refuseUnkept(release);
      await ports.refuseMissingSecrets(release);
      if (!request.force) await refuseChangedMigrations(release);
      return acceptance.rollback(release);
    },
    steer: async ({ target: of, verb, by }) => {
      const rollout = target(of);
      const environment = plant.environment(rollout.environment);
      if (environment && movesOn.has(verb)) refuseLocked(environment, by ?? null, `To ${verb} its rollout`);
      const after = await controller.send(rollout.id, verbEvents[verb]);
      if (!after) throw new SignalboxError('NO_ACTIVE_ROLLOUT', `Rollout ${rollout.id} has just ended.`);
      return { rolloutId: rollout.id };
    },
    traffic: async ({ app, environment: name, kind, message, by }) => {
      const key = environmentKey(app, name);
      await plant.decide(async () => {
        const environment = plant.environment(key);
        if (!environment) throw new SignalboxError('NOT_FOUND', `${key} has never been deployed.`);
        refuseLocked(environment, by ?? null, 'The change of traffic');
        const traffic = { kind, ...(message === undefined ? {} : { message }) };
        const event = {
          type: `traffic.${kind}`,
          at: clock.wall(),
          app,
          environment: name,
          body: message === undefined ? {} : { message },
        };
        return { draft: { environments: [revise(environment, { traffic })], events: [event] }, result: undefined };
      });
      await servedSoon(key);
    },
    accessory: ports.accessory,
    ...ports.environments,
    secrets: ports.secrets,
    ...ports.runs,
  };
}

/** A request and what its source is frozen to. */
interface Prepared {
  readonly request: PlacedRequest;
  readonly frozen: Frozen;
}

/** Verbs that bring traffic to a release. The others are safe, and wait for nobody. */
const movesOn: ReadonlySet<string> = new Set(['promote', 'resume']);

const verbEvents = {
  promote: { type: 'promoted' },
  abort: { type: 'aborted' },
  pause: { type: 'paused' },
  resume: { type: 'resumed' },
} as const satisfies Record<string, RolloutEvent>;
