import { catalogue, hasCode } from '../domain/errors.ts';
import { isTerminal } from '../domain/rollout/state.ts';
import type { EnvironmentKey } from '../domain/values.ts';
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
  const [environments, seen, active, { http }, limited] = await Promise.all([
    store.environments(),
    lookAt(runtime),
    store.rollouts({ active: true }, { limit: 500 }),
    dataPlane.addresses(),
    limitedByRelease(dataPlane),
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
        limited: sumOf(limited, environment.key),
      });
    }),
  );
}

/** Requests refused with 429, by release. A data plane that does not answer is told by `observe`; the rest of the status is to be seen. */
async function limitedByRelease(dataPlane: ApiOptions['dataPlane']): Promise<ReadonlyMap<string, number>> {
  const { counts } = await dataPlane.statsNow().catch(() => ({ counts: [] }));
  const limited = new Map<string, number>();
  for (const one of counts) limited.set(one.release, (limited.get(one.release) ?? 0) + (one.limited ?? 0));
  return limited;
}

const sumOf = (limited: ReadonlyMap<string, number>, environment: EnvironmentKey): number =>
  [...limited].reduce((sum, [release, count]) => (release.startsWith(`${environment}/`) ? sum + count : sum), 0);

/** An engine that is away hides what runs; everything else is to be seen all the same. */
async function lookAt(
  runtime: ApiOptions['runtime'],
): Promise<{ readonly observed: readonly InstanceObservation[]; readonly unseen?: string }> {
  try {
    return { observed: await runtime.observe() };
  } catch (error) {
    if (!hasCode(error, 'ENGINE_UNAVAILABLE') && !hasCode(error, 'RUNTIME_UNAVAILABLE')) throw error;
    const hint = error.hint ?? catalogue[error.code].hint;
    return { observed: [], unseen: `${error.message} (${error.code}) ${hint}` };
  }
}
