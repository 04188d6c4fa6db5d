import { sameAccessory } from '../domain/accessories.ts';
import { type EnvironmentState, stableRelease } from '../domain/environment-state.ts';
import { SignalboxError } from '../domain/errors.ts';
import { lockOver, refuseLocked, refuseUnlock } from '../domain/lock.ts';
import { type AppName, type EnvironmentName, environmentKey } from '../domain/values.ts';
import type { Clock } from '../ports/clock.ts';
import type { NewEvent } from '../ports/store.ts';
import type { Commands } from './commands.ts';
import { type Plant, revise } from './plant.ts';

/** What people do to an environment as a whole; no rollout does any of it. */
export type EnvironmentCommands = Pick<Commands, 'lock' | 'unlock' | 'sync'>;

export interface EnvironmentCommandPorts {
  readonly plant: Plant;
  readonly clock: Clock;
  readonly accessory: Commands['accessory'];
  /** Has the runtime follow what was decided. */
  readonly kick: () => void;
}

export function createEnvironmentCommands({ plant, clock, accessory, kick }: EnvironmentCommandPorts): EnvironmentCommands {
  const found = (of: { readonly app: AppName; readonly environment: EnvironmentName }): EnvironmentState => {
    const key = environmentKey(of.app, of.environment);
    const environment = plant.environment(key);
    if (environment) return environment;
    throw new SignalboxError('NOT_FOUND', `${key} has never been deployed.`);
  };
  const noted = ({ app, environment }: EnvironmentState, type: string, body: NewEvent['body']): NewEvent => ({
    type: `environment.${type}`,
    at: clock.wall(),
    app,
    environment,
    body,
  });

  /** Accessories that run otherwise than the release with traffic declares, in its order. */
  function differing(environment: EnvironmentState): readonly string[] {
    const id = stableRelease(environment);
    const release = id === null ? undefined : plant.releases().get(id);
    return (release?.accessories ?? [])
      .filter(({ name, ...declared }) => {
        const runs = environment.accessories?.[name];
        return runs !== undefined && !sameAccessory(runs, { name, ...declared });
      })
      .map(({ name }) => name);
  }

  return {
    lock: (request) =>
      plant.decide(() => {
        const environment = found(request);
        const { owner, reason } = request;
        const lock = lockOver(environment, { owner, reason, since: clock.wall() });
        const events = [noted(environment, 'locked', { owner, reason })];
        return Promise.resolve({ draft: { environments: [revise(environment, { lock })], events }, result: lock });
      }),
    unlock: ({ by, force, ...of }) =>
      plant.decide(() => {
        const environment = found(of);
        refuseUnlock(environment, { by: by ?? null, force });
        const { lock, ...open } = revise(environment, {});
        if (lock === undefined) return Promise.resolve({ draft: null, result: null });
        const events = [noted(environment, 'unlocked', { owner: lock.owner, by: by ?? null })];
        return Promise.resolve({ draft: { environments: [open], events }, result: lock });
      }),
    sync: async ({ by, ...of }) => {
      const applied = await plant.decide(() => {
        const environment = found(of);
        refuseLocked(environment, by ?? null, 'The sync');
        const names = differing(environment);
        const events = [noted(environment, 'synced', { accessories: names, by: by ?? null })];
        return Promise.resolve({ draft: { events }, result: names });
      });
      for (const name of applied) await accessory({ ...of, name, act: 'apply', deleteData: false });
      kick();
      return { applied };
    },
  };
}
