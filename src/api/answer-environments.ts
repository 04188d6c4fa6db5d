import { SignalboxError } from '../domain/errors.ts';
import { compareReleases } from '../domain/environment-diff.ts';
import { stableRelease } from '../domain/environment-state.ts';
import type { Release } from '../domain/release.ts';
import type { AppName, EnvironmentName } from '../domain/values.ts';
import type { AcceptedBody, EnvironmentBody, EnvironmentStatusBody, ListBody } from './contract.ts';
import type { DiffBody, EnvironmentRowBody, LockBody, SyncBody, UnlockedBody } from './contract/environments.ts';
import { operations } from './operations.ts';
import type { ApiOptions } from './options.ts';
import { presentDeclared, presentRow } from './present-environments.ts';
import { presentPlan, releaseName } from './present-rollout.ts';
import { presentLock } from './present-status.ts';
import { readEnvironments } from './read-status.ts';
import { keyOf, requireEnvironment } from './reads.ts';
import { type Answers, appOf, askerOf, type Call, environmentOf, readBody, readQuery } from './requests.ts';

/** Longest wait for what runs to follow a sync. */
const syncPatienceMs = 30_000;
const syncLookMs = 250;

export function answerEnvironments(options: ApiOptions) {
  const { commands, store } = options;

  const promotionOf = async (call: Call) => {
    const { from, release, force = false, ...rest } = await readBody(call, operations.deployFrom.request);
    return {
      app: appOf(call),
      environment: environmentOf(call),
      from: from as EnvironmentName,
      force,
      ...(release === undefined ? {} : { release: Number(release.replace(/^v/, '')) }),
      ...askerOf(call),
      ...rest,
    };
  };

  /** The release that answers for an environment. @throws NOT_FOUND */
  async function servingIn(app: AppName, name: EnvironmentName): Promise<Release> {
    const environment = await requireEnvironment(store, keyOf(app, name));
    const id = stableRelease(environment);
    const release = id === null ? null : await store.release(id);
    if (release) return release;
    throw new SignalboxError('NOT_FOUND', `${app}/${name} has no release with traffic.`);
  }

  async function statusOf(app: AppName, name: EnvironmentName): Promise<EnvironmentStatusBody> {
    const found = (await readEnvironments(options)).find((one) => one.app === app && one.environment === name);
    if (found) return found;
    throw new SignalboxError('NOT_FOUND', `${app}/${name} has never been deployed.`);
  }

  return {
    deployFrom: async (call) => {
      const { rolloutId, release } = await commands.deployFrom(await promotionOf(call));
      return call.json({ rolloutId, release: releaseName(release) } satisfies AcceptedBody, 202);
    },
    planFrom: async (call) => call.json(presentPlan(await commands.planFrom(await promotionOf(call)))),
    environments: async (call) => {
      const app = appOf(call);
      const own = (await store.environments()).filter((one) => one.app === app);
      if (own.length === 0) throw new SignalboxError('NOT_FOUND', `No app named ${app} was ever deployed here.`);
      const items = await Promise.all(
        own.map(async (one) => {
          const id = stableRelease(one);
          return presentRow(one, id === null ? null : await store.release(id));
        }),
      );
      return call.json({ items } satisfies ListBody<EnvironmentRowBody>);
    },
    environment: async (call) => {
      const [app, name] = [appOf(call), environmentOf(call)];
      const environment = await requireEnvironment(store, keyOf(app, name));
      const id = stableRelease(environment);
      const [status, release] = await Promise.all([statusOf(app, name), id === null ? null : store.release(id)]);
      return call.json({ declared: release && presentDeclared(release), status } satisfies EnvironmentBody);
    },
    diffEnvironments: async (call) => {
      const { with: other } = readQuery(call, operations.diffEnvironments.query);
      const app = appOf(call);
      const [first, second] = await Promise.all([servingIn(app, environmentOf(call)), servingIn(app, other as EnvironmentName)]);
      return call.json({
        first: sideOf(first),
        second: sideOf(second),
        ...compareReleases(first, second),
      } satisfies DiffBody);
    },
    lock: async (call) => {
      const { reason } = await readBody(call, operations.lock.request);
      const { by } = askerOf(call);
      if (by === undefined)
        throw new SignalboxError('BAD_REQUEST', 'The header signalbox-by has to say who locks it: a lock has an owner.');
      const lock = await commands.lock({ app: appOf(call), environment: environmentOf(call), owner: by, reason });
      return call.json(presentLock(lock) satisfies LockBody);
    },
    unlock: async (call) => {
      const { force = false } = await readBody(call, operations.unlock.request);
      const lock = await commands.unlock({ app: appOf(call), environment: environmentOf(call), force, ...askerOf(call) });
      return call.json({ was: lock && presentLock(lock) } satisfies UnlockedBody);
    },
    sync: async (call) => {
      const [app, environment] = [appOf(call), environmentOf(call)];
      const { drift: before } = await statusOf(app, environment);
      const { applied } = await commands.sync({ app, environment, ...askerOf(call) });
      const until = performance.now() + syncPatienceMs;
      let after = (await statusOf(app, environment)).drift;
      while (after.length > 0 && performance.now() < until) {
        await new Promise((resolve) => setTimeout(resolve, syncLookMs));
        after = (await statusOf(app, environment)).drift;
      }
      return call.json({ applied, before, after } satisfies SyncBody);
    },
  } satisfies Partial<Answers>;
}

const sideOf = ({ environment, id, sha }: Release): DiffBody['first'] => ({ environment, release: releaseName(id), sha });
