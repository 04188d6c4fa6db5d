import { after, type EnvironmentName, type Instant, type RolloutId, type RunId, type WallTime } from '../values.ts';
import { isRunOver, type Run, type RunDeploy, type RunReason, type RunStep } from './run.ts';

/** What happened to a run. Results of steps name the try, so that a late answer of an earlier one is told apart. */
export type RunEvent =
  | { readonly type: 'begin'; readonly now: Instant }
  | { readonly type: 'step-began'; readonly step: string }
  | {
      readonly type: 'step-passed';
      readonly step: string;
      readonly try: number;
      readonly cached?: boolean;
      readonly exitCode?: number | null;
    }
  | {
      readonly type: 'step-failed';
      readonly step: string;
      readonly try: number;
      readonly reason: RunReason;
      readonly exitCode?: number | null;
    }
  | { readonly type: 'step-cancelled'; readonly step: string; readonly try: number }
  | { readonly type: 'deploy-asked'; readonly environment: EnvironmentName; readonly rollout: RolloutId }
  | {
      readonly type: 'deploy-ended';
      readonly environment: EnvironmentName;
      readonly state: 'live' | 'same' | 'failed';
      readonly reason?: RunReason;
    }
  | { readonly type: 'cancel'; readonly who: string }
  | { readonly type: 'supersede'; readonly by: RunId }
  | { readonly type: 'time-over' };

/**
 * One step of a run's life. Pure: the same run and event give the same run. What does not fit (a result of a step that is not running,
 * anything after the end) changes nothing, so results may be reported twice.
 */
export function transition(run: Run, event: RunEvent, wall: WallTime): Run {
  if (isRunOver(run.phase)) return run;
  switch (event.type) {
    case 'begin':
      return run.phase === 'queued'
        ? settled({ ...run, phase: 'running', startedAt: wall, deadline: after(event.now, run.timeout) }, wall)
        : run;
    case 'step-began':
      return withStep(run, event.step, (step) =>
        step.state === 'waiting' && mayBegin(run, step)
          ? { ...step, state: 'running', tries: step.tries + 1, startedAt: step.startedAt ?? wall }
          : step,
      );
    case 'step-passed':
      return settled(
        withStep(run, event.step, (step) =>
          isAt(step, event.try)
            ? {
                ...step,
                state: 'passed',
                endedAt: wall,
                cached: event.cached ?? false,
                exitCode: event.exitCode ?? null,
                reason: null,
              }
            : step,
        ),
        wall,
      );
    case 'step-failed':
      return settled(failStep(run, event, wall), wall);
    case 'step-cancelled':
      return settled(
        withStep(run, event.step, (step) => (isAt(step, event.try) ? { ...step, state: 'cancelled', endedAt: wall } : step)),
        wall,
      );
    case 'deploy-asked':
      if (nextDeploy(run)?.environment !== event.environment) return run;
      return withDeploy(run, event.environment, (one) =>
        one.state === 'waiting' ? { ...one, state: 'asked', rollout: event.rollout } : one,
      );
    case 'deploy-ended': {
      if (nextDeploy(run)?.environment !== event.environment) return run;
      const next = withDeploy(run, event.environment, (one) => ({ ...one, state: event.state }));
      return event.state === 'failed'
        ? { ...next, phase: 'failed', endedAt: wall, reason: event.reason ?? deployFailed(event.environment) }
        : settled(next, wall);
    }
    case 'cancel':
      return stopping(run, 'cancelled', { code: 'RUN_CANCELLED', message: `${event.who} cancelled it.` }, wall);
    case 'supersede':
      return stopping(
        run,
        'superseded',
        { code: 'SUPERSEDED', message: `Run ${event.by} of a newer push took its place.` },
        wall,
      );
    case 'time-over':
      return stopping(
        run,
        'failed',
        { code: 'RUN_TIMED_OUT', message: `It did not end within ${Math.round(run.timeout / 60_000)} min.` },
        wall,
      );
  }
}

/** Steps that may begin now: everything they need has passed, and nobody wants the run to end. In the order of the pipeline. */
export const ready = (run: Run): readonly RunStep[] =>
  run.phase === 'running' ? run.steps.filter((step) => step.state === 'waiting' && mayBegin(run, step)) : [];

/** The environment to ship to next; null: none, or not yet. */
export function nextDeploy(run: Run): RunDeploy | null {
  if (run.phase !== 'deploying') return null;
  const open = run.deploys.find((one) => one.state === 'asked' || (one.state === 'waiting' && run.ending === null));
  return open ?? null;
}

const mayBegin = (run: Run, { needs }: RunStep): boolean =>
  run.phase === 'running' && run.ending === null && needs.every((name) => passed(run, name));

/** An optional step that failed stands in nobody's way. */
const passed = (run: Run, name: string): boolean => {
  const step = run.steps.find((one) => one.name === name);
  return step?.state === 'passed' || (step?.state === 'failed' && isOptional(step));
};

export const isOptional = ({ work }: RunStep): boolean => work.type === 'command' && work.spec.optional;

const isAt = (step: RunStep, tries: number): boolean => step.state === 'running' && step.tries === tries;

function failStep(run: Run, event: RunEvent & { type: 'step-failed' }, wall: WallTime): Run {
  const step = run.steps.find((one) => one.name === event.step);
  if (step === undefined || !isAt(step, event.try)) return run;
  const again = step.work.type === 'command' && step.tries <= step.work.spec.retries && run.ending === null;
  const exitCode = event.exitCode ?? null;
  if (again) return withStep(run, step.name, (one) => ({ ...one, state: 'waiting', exitCode, reason: event.reason }));
  const next = withStep(run, step.name, (one) => ({ ...one, state: 'failed', endedAt: wall, exitCode, reason: event.reason }));
  return isOptional(step) || next.ending !== null ? next : stopping(next, 'failed', { ...event.reason, step: step.name }, wall);
}

/** Nothing new begins; the run ends as soon as what is under way has. A rollout that was asked for goes its own way. */
function stopping(run: Run, how: 'cancelled' | 'superseded' | 'failed', reason: RunReason, wall: WallTime): Run {
  if (run.ending !== null) return run;
  return settled({ ...run, ending: how, reason }, wall);
}

/** Ends what can end: the run when nothing runs any more, its steps when all have passed. */
function settled(run: Run, wall: WallTime): Run {
  if (isRunOver(run.phase)) return run;
  const running = run.steps.some((step) => step.state === 'running');
  if (run.ending !== null) {
    if (running || run.deploys.some(({ state }) => state === 'asked')) return run;
    return { ...run, phase: run.ending, steps: skipped(run.steps, wall), endedAt: wall };
  }
  if (run.phase === 'deploying')
    return run.deploys.every(({ state }) => state === 'live' || state === 'same')
      ? { ...run, phase: 'succeeded', endedAt: wall }
      : run;
  if (run.phase !== 'running' || running || run.steps.some((step) => step.state === 'waiting')) return run;
  return run.deploys.length > 0 ? { ...run, phase: 'deploying' } : { ...run, phase: 'succeeded', endedAt: wall };
}

const skipped = (steps: readonly RunStep[], wall: WallTime): readonly RunStep[] =>
  steps.map((step) => (step.state === 'waiting' ? { ...step, state: 'skipped', endedAt: wall } : step));

function withStep(run: Run, name: string, change: (step: RunStep) => RunStep): Run {
  const steps = run.steps.map((step) => (step.name === name ? change(step) : step));
  return steps.some((step, index) => step !== run.steps[index]) ? { ...run, steps } : run;
}

function withDeploy(run: Run, name: EnvironmentName, change: (deploy: RunDeploy) => RunDeploy): Run {
  const deploys = run.deploys.map((one) => (one.environment === name ? change(one) : one));
  return deploys.some((one, index) => one !== run.deploys[index]) ? { ...run, deploys } : run;
}

const deployFailed = (environment: EnvironmentName): RunReason => ({
  code: 'DEPLOY_FAILED',
  message: `The rollout in ${environment} did not succeed.`,
});
