import { isTerminal } from '../domain/rollout/state.ts';
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
  const [environments, observed, active, { http }] = await Promise.all([
    store.environments(),
    runtime.observe(),
    store.rollouts({ active: true }, { limit: 500 }),
    dataPlane.addresses(),
  ]);
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
        strays: strays.get(environment.key) ?? [],
        httpPort: http,
      });
    }),
  );
}
