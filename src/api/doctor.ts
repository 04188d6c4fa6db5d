import { checkCertificates } from './answer-certificates.ts';
import type { DoctorCheck } from './contract.ts';
import type { ApiOptions } from './options.ts';
import { readEnvironments } from './read-status.ts';

/** What only the control plane can see of its own health; each check survives the failure of the others. */
export async function examine(options: ApiOptions): Promise<readonly DoctorCheck[]> {
  const own = await Promise.all([
    attempt('store', () => checkStore(options)),
    attempt('data plane', () => checkDataPlane(options)),
    attempt('drift', () => checkDrift(options)),
    ...(options.certificates ? [attempt('certificates', () => checkCertificates(options))] : []),
  ]);
  const others = options.doctor === undefined ? [] : await options.doctor();
  return [{ name: 'control plane', state: 'ok', detail: `version ${options.version}, pid ${process.pid}` }, ...own, ...others];
}

async function attempt(name: string, check: () => Promise<Omit<DoctorCheck, 'name'>>): Promise<DoctorCheck> {
  try {
    return { name, ...(await check()) };
  } catch (error) {
    return {
      name,
      state: 'failed',
      detail: error instanceof Error ? error.message : String(error),
      fix: 'See the control plane log in the home folder.',
    };
  }
}

async function checkStore({ store }: ApiOptions): Promise<Omit<DoctorCheck, 'name'>> {
  const begin = performance.now();
  const environments = await store.environments();
  const took = Math.round(performance.now() - begin);
  if (took > 1000)
    return {
      state: 'warning',
      detail: `a read took ${took} ms`,
      fix: 'Look for a slow or nearly full disk under the home folder.',
    };
  return {
    state: 'ok',
    detail: `${environments.length} ${environments.length === 1 ? 'environment' : 'environments'}, read in ${took} ms`,
  };
}

async function checkDataPlane({ dataPlane }: ApiOptions): Promise<Omit<DoctorCheck, 'name'>> {
  const { workers, version, skippedRoutes } = await dataPlane.observe();
  const absent = workers.filter((worker) => !worker.ready).map((worker) => worker.name);
  if (workers.length === 0 || absent.length === workers.length)
    return {
      state: 'failed',
      detail: 'no proxy worker is ready',
      fix: 'Run `signalbox up`; the workers write to logs/ in the home folder.',
    };
  if (absent.length > 0)
    return {
      state: 'warning',
      detail: `not ready: ${absent.join(', ')}`,
      fix: 'It is being started again; look once more in a few seconds.',
    };
  if (skippedRoutes.length > 0)
    return {
      state: 'warning',
      detail: `routes left out as unreadable: ${skippedRoutes.join(', ')}`,
      fix: 'Deploy the apps of these routes again.',
    };
  if (version === null)
    return {
      state: 'failed',
      detail: 'the workers serve different route tables',
      fix: 'Restart the control plane: `signalbox down && signalbox up`.',
    };
  return {
    state: 'ok',
    detail: `${workers.length} ${workers.length === 1 ? 'worker' : 'workers'}, all serving table ${version}`,
  };
}

async function checkDrift(options: ApiOptions): Promise<Omit<DoctorCheck, 'name'>> {
  const drift = (await readEnvironments(options)).flatMap((one) =>
    one.drift.map((line) => `${one.app}/${one.environment}: ${line}`),
  );
  if (drift.length === 0) return { state: 'ok', detail: 'what runs is what was declared' };
  return {
    state: 'warning',
    detail: drift.join(' '),
    fix: 'It is mended by itself; if it stays, see `signalbox logs` and `signalbox events`.',
  };
}
