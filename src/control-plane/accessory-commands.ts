import { type AccessorySpec, accessoryImage, describeAccessory, sameAccessory } from '../domain/accessories.ts';
import { releasesNeeded } from '../domain/desired.ts';
import { type EnvironmentState, stableRelease } from '../domain/environment-state.ts';
import { SignalboxError } from '../domain/errors.ts';
import type { Workload } from '../domain/release.ts';
import { environmentKey } from '../domain/values.ts';
import type { Clock } from '../ports/clock.ts';
import type { Passwords } from '../ports/passwords.ts';
import type { Runtime } from '../ports/runtime.ts';
import type { Accessories } from './accessories.ts';
import type { AccessoryRequest } from './commands.ts';
import { type Draft, type Plant, revise } from './plant.ts';

export interface AccessoryCommandPorts {
  readonly plant: Plant;
  readonly host: Runtime;
  readonly accessories: Accessories;
  readonly passwords: Passwords;
  readonly clock: Clock;
  /** Has the runtime follow what was decided. */
  readonly kick: () => void;
}

/** What people may do to an accessory; no rollout does any of it. */
export function createAccessoryCommands(ports: AccessoryCommandPorts): (request: AccessoryRequest) => Promise<void> {
  const { plant, host, accessories, passwords, clock, kick } = ports;

  const found = (request: AccessoryRequest): { environment: EnvironmentState; spec: AccessorySpec; workload: Workload } => {
    const key = environmentKey(request.app, request.environment);
    const environment = plant.environment(key);
    const spec = environment?.accessories?.[request.name];
    const workload = environment && accessories.workload(environment, request.name);
    if (environment && spec && workload) return { environment, spec, workload };
    const names = Object.keys(environment?.accessories ?? {});
    throw new SignalboxError(
      'NOT_FOUND',
      `${key} runs no accessory ${request.name}${names.length === 0 ? '' : `; it runs ${names.join(', ')}`}.`,
    );
  };

  /** The event carries no variable: some are secrets. */
  const noted = (request: AccessoryRequest, spec: AccessorySpec): NonNullable<Draft['events']>[number] => ({
    type: `accessory.${request.act}`,
    at: clock.wall(),
    app: request.app,
    environment: request.environment,
    body: { accessory: request.name, what: describeAccessory(spec) },
  });

  const stop = async (workload: Workload): Promise<void> => {
    await host.stop(workload.id, { grace: workload.grace, epoch: plant.epoch });
    kick();
  };

  async function restart(request: AccessoryRequest): Promise<void> {
    const { workload } = await plant.decide(() => {
      const known = found(request);
      return Promise.resolve({ draft: { events: [noted(request, known.spec)] }, result: known });
    });
    await stop(workload);
  }

  async function apply(request: AccessoryRequest): Promise<void> {
    const before = await plant.decide(() => {
      const { environment, spec, workload } = found(request);
      const id = stableRelease(environment);
      const release = id === null ? undefined : plant.releases().get(id);
      const declared = release?.accessories?.find((one) => one.name === request.name);
      if (!declared)
        throw new SignalboxError('NOT_FOUND', `No release with traffic in ${environment.key} declares ${request.name}.`, {
          hint: 'Deploy the configuration first; then apply it.',
        });
      if (sameAccessory(spec, declared)) return Promise.resolve({ draft: null, result: null });
      refuseUnreadable(spec, declared);
      const obstacle = accessories.obstacle(declared);
      if (obstacle) throw obstacle;
      const changed = revise(environment, { accessories: { ...environment.accessories, [request.name]: declared } });
      return Promise.resolve({ draft: { environments: [changed], events: [noted(request, declared)] }, result: workload });
    });
    if (before) await stop(before);
  }

  async function remove(request: AccessoryRequest): Promise<void> {
    const workload = await plant.decide(() => {
      const known = found(request);
      const { environment } = known;
      for (const id of releasesNeeded(environment, plant.rollouts(environment.key))) {
        const release = plant.releases().get(id);
        if (release?.accessories?.some((one) => one.name === request.name))
          throw new SignalboxError('ACCESSORY_IN_USE', `v${release.number} of ${environment.key} declares ${request.name}.`);
      }
      const { [request.name]: _, ...rest } = environment.accessories ?? {};
      const changed = revise(environment, { accessories: rest });
      return Promise.resolve({
        draft: { environments: [changed], events: [noted(request, known.spec)] },
        result: known.workload,
      });
    });
    await stop(workload);
    if (!request.deleteData) return;
    if (!host.discard) throw new SignalboxError('CONFLICT', `${request.name} is removed; this runtime cannot delete its data.`);
    await host.discard(workload);
    await passwords.forget({ app: request.app, environment: request.environment, accessory: request.name });
  }

  return (request) => ({ restart, apply, remove })[request.act](request);
}

/** PostgreSQL reads what its own major version has written, and nothing else. */
function refuseUnreadable(now: AccessorySpec, next: AccessorySpec): void {
  const differs = now.type !== next.type || (now.type === 'postgres' && majorOf(now) !== majorOf(next));
  if (differs)
    throw new SignalboxError(
      'ACCESSORY_CHANGED',
      `${next.name} is ${describeAccessory(now)}, and ${describeAccessory(next)} cannot read what it has written.`,
    );
}

const majorOf = (spec: AccessorySpec): string => /:\D*(\d+)/.exec(spec.image ?? accessoryImage(spec) ?? '')?.[1] ?? '';
