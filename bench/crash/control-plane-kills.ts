import { setTimeout as delay } from 'node:timers/promises';
import type { AcceptedBody, RolloutBody } from '../../src/api/contract.ts';
import { kill } from '../kit/processes.ts';
import type { Cell } from './cells.ts';
import type { Decisions } from './decisions.ts';
import { ask, type Scene, unsettled } from './scene.ts';

export interface Kill {
  readonly cell: string;
  /** False: the moment was over before it was seen; nothing was killed. */
  readonly hit: boolean;
  /** Killed -> API answers again. */
  readonly backMs: number;
  /** What is not as it has to be. */
  readonly faults: readonly string[];
}

const production = '/v1/apps/benched/environments/production';
const endMs = 120_000;

/** Deploys a version and kills the control plane with SIGKILL at the cell's moment; then starts it again and looks at how it all ended. */
export async function killControlPlane(scene: Scene, decisions: Decisions, what: { cell: Cell; version: string }): Promise<Kill> {
  const { installation, repository } = scene;
  const { cell, version } = what;
  const [controlPlane] = (await installation.parts()).controlPlane;
  if (!controlPlane) throw new Error('There is no control plane to kill.');
  const live = (await ask(scene.http, '/'))?.app ?? '';
  await repository.commit(version, cell.yaml);
  if (cell.kind === 'rollback') await installation.deploy(repository.folder, '--until', 'live');
  const earlier = decisions.newest()?.id;
  const prods = (cell.prods ?? []).map(({ when, verb, afterMs = 0 }) =>
    decisions.actOn(
      (decision) => decision.id !== earlier && when(decision),
      () => void delay(afterMs).then(() => tell(scene, verb).catch(() => undefined)),
      endMs,
    ),
  );
  let killedAt = 0;
  const watch = decisions.actOn(
    (decision) => decision.id !== earlier && cell.matches(decision),
    () => {
      process.kill(controlPlane.pid, 'SIGKILL');
      killedAt = performance.now();
    },
    endMs,
  );
  // Whether the command line could even hand it over depends on the moment; it follows the rollout over the restart.
  const asking = start(scene, cell).finally(() => {
    if (killedAt === 0) watch.stop();
  });
  asking.catch(() => undefined);
  const seen = await watch.seen;
  for (const prod of prods) prod.stop();
  if (!seen) {
    await asking;
    return { cell: cell.name, hit: false, backMs: 0, faults: [] };
  }
  await installation.up();
  const backMs = performance.now() - killedAt;
  if (cell.afterwards) await tell(scene, cell.afterwards);
  const rollout = await installation.ended(seen.id, endMs);
  await asking.catch(() => undefined);
  return { cell: cell.name, hit: true, backMs, faults: await faultsOf(scene, { rollout, cell, version, live }) };
}

const tell = async ({ installation }: Scene, verb: string): Promise<unknown> =>
  await installation.api('POST', `${production}/rollout/${verb}`);

/** Starts the rollout that is watched, and follows it to its end. */
async function start({ installation, repository }: Scene, cell: Cell): Promise<void> {
  if (cell.kind === 'rollback') {
    const { rolloutId } = await installation.api<AcceptedBody>('POST', `${production}/rollbacks`, { force: true });
    await installation.ended(rolloutId, endMs);
  } else {
    await installation.cli('deploy', repository.folder, '--json');
  }
}

interface Ended {
  readonly rollout: RolloutBody;
  readonly cell: Cell;
  readonly version: string;
  /** Version that served before. */
  readonly live: string;
}

async function faultsOf(scene: Scene, { rollout, cell, version, live }: Ended): Promise<string[]> {
  const faults: string[] = [];
  if (rollout.phase !== cell.ends)
    faults.push(`ended as ${rollout.phase} instead of ${cell.ends}: ${rollout.reason?.message ?? 'no reason'}`);
  const wanted = rollout.phase === 'succeeded' && cell.kind !== 'rollback' ? version : live;
  const served = await ask(scene.http, '/');
  if (served?.app !== wanted) faults.push(`version ${served?.app} serves instead of ${wanted}`);
  const runs = (await ask(scene.http, '/api/migrations'))?.body.split('\n').filter((line) => line === version).length;
  if (runs !== undefined && (runs > 1 || (rollout.phase === 'succeeded' && runs !== 1)))
    faults.push(`the release command ran ${runs} times`);
  const wrong = await unsettled(scene);
  if (wrong !== undefined) faults.push(wrong);
  return faults;
}

/** Ends a control plane at once, whatever it does. */
export async function killNow({ installation }: Scene): Promise<void> {
  for (const seen of (await installation.parts()).controlPlane) await kill(seen, 'SIGKILL');
}
