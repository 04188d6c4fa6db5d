import { readFile } from 'node:fs/promises';
import type { ListBody, RolloutBody } from '../../src/api/contract.ts';
import { instanceOf } from '../kit/parts.ts';
import { kill, type ProcessSeen, waitFor } from '../kit/processes.ts';
import { killNow } from './control-plane-kills.ts';
import { ask, backAfter, type Scene, unsettled } from './scene.ts';

export interface PartKill {
  readonly part: string;
  /** Killed -> served again; for the keeper: -> a keeper runs again. */
  readonly backMs: number;
  readonly faults: readonly string[];
}

type Measure = (scene: Scene) => Promise<{ backMs: number; faults?: readonly string[] }>;

async function end(seen: readonly ProcessSeen[]): Promise<void> {
  if (seen.length === 0) throw new Error('There is nothing to kill.');
  for (const each of seen) await kill(each, 'SIGKILL');
}

const worker: Measure = async ({ installation, http }) => {
  await end((await installation.parts()).workers);
  return { backMs: await backAfter(http, '/') };
};

/** Nobody but the keeper may be needed: the control plane is dead while the others come back. */
const workerAlone: Measure = async (scene) => {
  await killNow(scene);
  const { backMs } = await worker(scene);
  await scene.installation.up();
  return { backMs };
};

/** The keeper takes an end within 10 s of a start for that of a crash loop, and backs off from it on purpose. */
const settledMs = 10_500;
const ticksPerSecond = 100;

async function settledInstance({ installation }: Scene): Promise<ProcessSeen> {
  return await waitFor('an instance that has run for a while', 60_000, async () => {
    const upMs = Number.parseFloat(await readFile('/proc/uptime', 'utf8')) * 1000;
    const { instances } = await installation.parts();
    return instances.find((seen) => seen.argv.includes('web') && upMs - (seen.startTicks * 1000) / ticksPerSecond > settledMs);
  });
}

const instanceAlone: Measure = async (scene) => {
  const { installation, http } = scene;
  const chosen = await settledInstance(scene);
  await killNow(scene);
  const { instances } = await installation.parts();
  await end(instances.filter((seen) => instanceOf(seen) === instanceOf(chosen)));
  const backMs = await backAfter(http, '/');
  await installation.up();
  return { backMs };
};

const keeper: Measure = async ({ installation }) => {
  const before = await installation.parts();
  await end(before.keeper);
  const killedAt = performance.now();
  const after = await waitFor('a new keeper', 60_000, async () => {
    const now = await installation.parts();
    return now.keeper.length === 1 ? now : undefined;
  });
  // Those of an older release may have ended meanwhile; none may be new.
  const known = new Set([...before.workers, ...before.instances].map(({ pid }) => pid));
  const started = [...after.workers, ...after.instances].filter(({ pid }) => !known.has(pid));
  const faults =
    started.length === 0
      ? []
      : [`started again instead of adopted: ${started.map(({ argv }) => argv.join(' ').slice(0, 120)).join('; ')}`];
  return { backMs: performance.now() - killedAt, faults };
};

/** Everything at once, as when the power fails; then `up`, as at the next boot. */
const reboot: Measure = async ({ installation, http }) => {
  const served = (await ask(http, '/'))?.app;
  const newest = async (): Promise<string | undefined> =>
    (await installation.api<ListBody<RolloutBody>>('GET', '/v1/apps/benched/environments/production/rollouts?limit=1')).items[0]
      ?.id;
  const before = await newest();
  await end((await installation.parts()).all);
  await waitFor('the end of every process', 10_000, async () =>
    (await installation.parts()).all.length === 0 ? true : undefined,
  );
  const started = performance.now();
  const addresses = await installation.up();
  await backAfter(addresses.http, '/');
  const backMs = performance.now() - started;
  const faults: string[] = [];
  const now = (await ask(addresses.http, '/'))?.app;
  if (now !== served) faults.push(`version ${now} serves instead of ${served}`);
  if (addresses.http !== http) faults.push(`traffic is on port ${addresses.http} instead of ${http}`);
  if ((await newest()) !== before) faults.push('a rollout was made to restore what was live');
  return { backMs, faults };
};

export const partKills: Readonly<Record<string, Measure>> = {
  keeper,
  'proxy workers': worker,
  'proxy workers and control plane': workerAlone,
  'an instance, without a control plane': instanceAlone,
  'everything (a reboot)': reboot,
};

export async function killPart(scene: Scene, part: string): Promise<PartKill> {
  const { backMs, faults = [] } = await partKills[part]!(scene).catch((error: unknown) => ({
    backMs: Number.POSITIVE_INFINITY,
    faults: [String(error)],
  }));
  const wrong = await unsettled(scene);
  return { part, backMs, faults: wrong === undefined ? faults : [...faults, wrong] };
}
