import { fullWeight } from '../domain/rollout/plan.ts';
import { isTerminal, type Phase, type Rollout } from '../domain/rollout/state.ts';
import { durationText, type WallTime } from '../domain/values.ts';
import type { RolloutBody } from './contract.ts';

/** When a rollout entered a phase. */
export interface PhaseMark {
  readonly phase: Phase;
  readonly at: WallTime;
}

type Step = RolloutBody['steps'][number];
type StepState = Step['state'];
type WorkingPhase = 'preparing' | 'starting' | 'verifying' | 'shifting' | 'baking';

/** One row of the plan: the phase it belongs to, and how far it is while that phase is the current one. */
interface Row {
  readonly name: string;
  readonly phase: WorkingPhase;
  readonly now: StepState;
  /** The only row of its phase, so that the phase's length is the row's. */
  readonly alone?: boolean;
}

const order: readonly WorkingPhase[] = ['preparing', 'starting', 'verifying', 'shifting', 'baking'];

/** What the plan does, in order, each with how far it is. Rows that belong to a phase not reached are `skipped` once it has ended. */
export function presentSteps(rollout: Rollout, phases: readonly PhaseMark[], now: WallTime): readonly Step[] {
  const reached = reachedPhase(rollout, phases);
  const failed = rollout.phase === 'failed' || rollout.phase === 'rolled-back' || rollout.phase === 'rolling-back';
  const over = isTerminal(rollout.phase) || rollout.phase === 'rolling-back';
  const steps = rowsOf(rollout).map((row): Step => {
    const distance = reached === null ? 1 : order.indexOf(row.phase) - order.indexOf(reached);
    const state =
      rollout.phase === 'succeeded' || distance < 0 ? 'done' : distance > 0 ? ahead(over) : present(row.now, { failed, over });
    const length =
      row.alone && state !== 'waiting' && state !== 'skipped' ? phaseLength({ phases, phase: row.phase, now }) : null;
    return { name: row.name, state, ...(length === null ? {} : { durationMs: length }) };
  });
  return withRollback(rollout, steps);
}

const ahead = (over: boolean): StepState => (over ? 'skipped' : 'waiting');

/** A row of the phase in which it ended: what was under way has failed (or was cut off), what had not begun is skipped. */
function present(state: StepState, end: { readonly failed: boolean; readonly over: boolean }): StepState {
  if (!end.over) return state;
  if (state === 'running') return end.failed ? 'failed' : 'skipped';
  return state === 'waiting' ? 'skipped' : state;
}

function rowsOf(rollout: Rollout): readonly Row[] {
  return [...preparing(rollout), ...starting(rollout), ...verifying(rollout), ...shifting(rollout), ...baking(rollout)];
}

const buildCodes: ReadonlySet<string> = new Set(['BUILD_FAILED', 'IMAGE_MISSING', 'NO_SPACE', 'REGISTRY_REFUSED']);

function preparing({ plan, commandsLeft, outstanding, reason, accessoriesReady }: Rollout): readonly Row[] {
  const building = outstanding.some(({ effect }) => effect.type === 'build');
  // A failed build is outstanding no more; its reason names it.
  const failedBuild = buildCodes.has(reason?.code ?? '') ? reason?.service : undefined;
  const fresh = plan.builds.filter((build) => !build.cached);
  const builds = fresh.map(
    (build): Row => ({
      name: `build ${build.service}`,
      phase: 'preparing',
      now: building || build.service === failedBuild ? 'running' : 'done',
    }),
  );
  const built = !building && failedBuild === undefined;
  const accessories = (plan.accessories ?? [])
    .filter((one) => !one.runs)
    .map(
      ({ name }): Row => ({
        name: `start ${name}`,
        phase: 'preparing',
        now: accessoriesReady ? 'done' : built ? 'running' : 'waiting',
      }),
    );
  const there = built && (accessoriesReady === true || (plan.accessories ?? []).length === 0);
  const commands = plan.releaseCommands.map(({ service }): Row => {
    const waits = commandsLeft.indexOf(service);
    const now = waits === -1 ? 'done' : waits === 0 && there ? 'running' : 'waiting';
    return { name: `release command of ${service}`, phase: 'preparing', now };
  });
  const rows = [...builds, ...accessories, ...commands];
  return rows.length === 1 ? rows.map((row) => ({ ...row, alone: true })) : rows;
}

function starting({ plan, health }: Rollout): readonly Row[] {
  return plan.starts
    .filter((start) => start.when === 'before')
    .map((start) => ({
      name: `start ${start.service}${start.replicas > 1 ? ` x${start.replicas}` : ''}`,
      phase: 'starting',
      now: health[start.workload]?.healthy === true ? 'done' : 'running',
      alone: plan.starts.length === 1,
    }));
}

function verifying({ plan, verified }: Rollout): readonly Row[] {
  if (plan.smoke.length === 0) return [];
  return [{ name: 'check the new release', phase: 'verifying', now: verified ? 'done' : 'running', alone: true }];
}

function shifting({ plan, step, stepServed }: Rollout): readonly Row[] {
  const last = plan.steps.length - 1;
  return plan.steps.map((weight, index): Row => {
    const served = index < step || (index === step && stepServed && (index === last || weight === fullWeight));
    return {
      name: weight === fullWeight ? 'move all traffic' : `move ${weight / 100}% of traffic`,
      phase: 'shifting',
      now: served ? 'done' : index <= Math.max(step, 0) ? 'running' : 'waiting',
    };
  });
}

/** The route is checked while the bake's clock runs already; a bake whose route check fails never comes to its own. */
function baking({ plan, routeSmokePassed }: Rollout): readonly Row[] {
  const checked = plan.smoke.length === 0 || routeSmokePassed;
  const bake: Row = {
    name: `bake ${durationText(plan.bake)}`,
    phase: 'baking',
    now: checked ? 'running' : 'waiting',
    alone: true,
  };
  if (plan.smoke.length === 0) return [bake];
  return [{ name: 'check the route', phase: 'baking', now: checked ? 'done' : 'running' }, bake];
}

function withRollback(rollout: Rollout, steps: readonly Step[]): readonly Step[] {
  if (rollout.phase === 'rolling-back') return [...steps, { name: 'roll back', state: 'running' }];
  if (rollout.phase !== 'rolled-back') return steps;
  const { restoreMs } = rollout.times;
  return [...steps, { name: 'roll back', state: 'done', ...(restoreMs === null ? {} : { durationMs: restoreMs }) }];
}

/** The furthest working phase; null before the first. Without marks it is inferred from what the rollout has to show. */
function reachedPhase(rollout: Rollout, phases: readonly PhaseMark[]): WorkingPhase | null {
  const current = rollout.phase === 'held' ? rollout.heldIn : rollout.phase;
  const working = order.find((phase) => phase === current);
  if (working !== undefined) return working;
  const marked = phases.map((mark) => order.find((phase) => phase === mark.phase)).findLast((phase) => phase !== undefined);
  if (marked !== undefined) return marked;
  if (rollout.bake !== null) return 'baking';
  if (rollout.step >= 0 || rollout.verified) return 'shifting';
  if (Object.keys(rollout.health).length > 0) return 'starting';
  return rollout.times.startedAt === null ? null : 'preparing';
}

/** From entering the phase (the last time) to entering the next one; null when its beginning is not on record. */
function phaseLength(of: { phases: readonly PhaseMark[]; phase: Phase; now: WallTime }): number | null {
  const at = of.phases.findLastIndex((mark) => mark.phase === of.phase);
  const begun = of.phases[at];
  if (begun === undefined) return null;
  return Math.max(0, (of.phases[at + 1]?.at ?? of.now) - begun.at);
}
