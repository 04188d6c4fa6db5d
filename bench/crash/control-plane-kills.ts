import type { RolloutBody } from '../../src/api/contract.ts';
import { kill } from '../kit/processes.ts';
import type { Decision, Decisions } from './decisions.ts';
import { ask, type Scene, unsettled } from './scene.ts';

export interface Cell {
  readonly name: string;
  readonly matches: (decision: Decision) => boolean;
  /** How the rollout has to end. */
  readonly ends: 'succeeded' | 'rolled-back';
}

export interface Kill {
  readonly cell: string;
  /** False: the moment was over before it was seen; nothing was killed. */
  readonly hit: boolean;
  /** Killed -> API answers again. */
  readonly backMs: number;
  /** What is not as it has to be. */
  readonly faults: readonly string[];
}

const inPhase = (phase: string, ends: Cell['ends'] = 'succeeded'): Cell => ({
  name: phase,
  matches: (decision) => decision.phase === phase,
  ends,
});
const before = (effect: string): Cell => ({
  name: `commit -> ${effect}`,
  matches: (decision) => decision.outstanding.includes(effect),
  ends: 'succeeded',
});

/** Every phase of a rollout, and every effect between its commit and its result. */
export const cells: readonly Cell[] = [
  ...['queued', 'preparing', 'starting', 'verifying', 'shifting', 'baking'].map((phase) => inPhase(phase)),
  inPhase('rolling-back', 'rolled-back'),
  ...['build', 'release-command', 'smoke-candidate', 'publish', 'smoke-route'].map(before),
];

const endMs = 120_000;

/** Deploys a version and kills the control plane with SIGKILL at the cell's moment; then starts it again and looks at how it all ended. */
export async function killControlPlane(scene: Scene, decisions: Decisions, kill: { cell: Cell; version: string }): Promise<Kill> {
  const { installation, repository } = scene;
  const { cell, version } = kill;
  const [controlPlane] = (await installation.parts()).controlPlane;
  if (!controlPlane) throw new Error('There is no control plane to kill.');
  const live = (await ask(scene.http, '/'))?.app ?? '';
  const earlier = decisions.active()?.id;
  await repository.commit(version);
  let killedAt = 0;
  const watch = decisions.actOn(
    (decision) => decision.id !== earlier && cell.matches(decision),
    () => {
      process.kill(controlPlane.pid, 'SIGKILL');
      killedAt = performance.now();
    },
    endMs,
  );
  // The command line follows the rollout over the restart; whether it could even hand it over depends on the moment.
  const deploying = installation
    .cli('deploy', repository.folder, '--json', ...(cell.ends === 'rolled-back' ? ['--until', 'live'] : []))
    .then(async () => {
      if (cell.ends === 'rolled-back' && killedAt === 0)
        await installation.api('POST', '/v1/apps/benched/environments/production/rollout/abort');
      else watch.stop();
    });
  deploying.catch(() => undefined);
  const seen = await watch.seen;
  if (!seen) {
    await deploying;
    return { cell: cell.name, hit: false, backMs: 0, faults: [] };
  }
  await installation.up();
  const backMs = performance.now() - killedAt;
  const rollout = await installation.ended(seen.id, endMs);
  await deploying.catch(() => undefined);
  return { cell: cell.name, hit: true, backMs, faults: await faultsOf(scene, { rollout, cell, version, live }) };
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
  const wanted = rollout.phase === 'succeeded' ? version : live;
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
