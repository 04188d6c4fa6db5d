import { hasCode } from '../domain/errors.ts';
import { isTerminal } from '../domain/rollout/state.ts';
import type { InstanceObservation } from '../ports/runtime.ts';
import type { EnvironmentStatusBody, StatusBody } from './contract.ts';
import type { ApiOptions } from './options.ts';
import { presentEnvironment, straysOf } from './present-status.ts';
import { bodyOf, readReleases } from './reads.ts';

/** Everything at once; several looks, so that numbers may be milliseconds apart. */
export async function readStatus(options: ApiOptions, apiPort: number): Promise<StatusBody> {
  const { dataPlane, version, home } = options;
  const [environments, addresses, plane] = await Promise.all([
    readEnvironments(options),
    dataPlane.addresses(),
    dataPlane.observe(),
  ]);
  const workers = plane.workers.filter((worker) => worker.ready).length;
  return {
    version,
    home,
    addresses: { ...addresses, api: apiPort },
    dataPlane: { ready: workers > 0 && workers === plane.workers.length, workers, skippedRoutes: plane.skippedRoutes },
    environments,
  };
}

export async function readEnvironments(options: ApiOptions): Promise<readonly EnvironmentStatusBody[]> {
  const { store, runtime, dataPlane } = options;
  const [environments, seen, active, { http }] = await Promise.all([
    store.environments(),
    lookAt(runtime),
    store.rollouts({ active: true }, { limit: 500 }),
    dataPlane.addresses(),
  ]);
  const { observed, unseen } = seen;
  const declared = await Promise.all(environments.map((one) => options.declared(one.key)));
  const strays = straysOf(environments, declared.flat(), observed);
  return Promise.all(
    environments.map(async (environment, index) => {
      const own = declared[index] ?? [];
      const running = active.find((rollout) => rollout.environment === environment.key && !isTerminal(rollout.phase));
      const names = new Set([...environment.arms.map((arm) => arm.release), ...own.flatMap((row) => row.release ?? [])]);
      return presentEnvironment({
        environment,
        rollout: running === undefined ? null : await bodyOf(store, running),
        declared: own,
        releases: await readReleases(store, names),
        observed,
        ...(unseen === undefined ? {} : { unseen }),
        strays: strays.get(environment.key) ?? [],
        httpPort: http,
      });
    }),
  );
}

/** An engine that is away hides what runs; everything else is to be seen all the same. */
async function lookAt(
  runtime: ApiOptions['runtime'],
): Promise<{ readonly observed: readonly InstanceObservation[]; readonly unseen?: string }> {
  try {
    return { observed: await runtime.observe() };
  } catch (error) {
    if (!hasCode(error, 'ENGINE_UNAVAILABLE') && !hasCode(error, 'RUNTIME_UNAVAILABLE')) throw error;
    return { observed: [], unseen: error.message };
  }
}
