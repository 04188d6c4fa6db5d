import { createHash } from 'node:crypto';
import type { Run, RunReason, RunStep } from '../../domain/pipeline/run.ts';
import type { RunEvent } from '../../domain/pipeline/transition.ts';
import type { Workload } from '../../domain/release.ts';
import { durationText, type EnvironmentName, type Epoch, millis, type WorkloadId } from '../../domain/values.ts';
import type { Builder, BuildResult } from '../../ports/builder.ts';
import type { StepLog, StepLogs } from '../../ports/pipeline.ts';
import type { OneOffResult, Runtime } from '../../ports/runtime.ts';

export interface StepPorts {
  readonly builder: Pick<Builder, 'build'>;
  readonly runtime: Pick<Runtime, 'run' | 'logs' | 'forget'>;
  readonly logs: StepLogs;
  readonly epoch: Epoch;
  readonly onLine: (line: { readonly run: Run['id']; readonly step: string; readonly line: string }) => void;
}

/** Lines of a step that are read back when it is joined again; more than its log keeps anyway. */
const allLines = 1_000_000;
/** What no app can be called, so that no environment of anybody shares a user or a folder with steps. */
export const stepEnvironment = 'ci-steps' as EnvironmentName;

/**
 * Does what a step asks for, to its end. Idempotent by run, step and try: after a restart of the control plane the command that still
 * runs is joined, and its output read again from its beginning. @throws what trying again may mend.
 */
export async function carryOut(
  run: Run,
  step: RunStep,
  { ports, signal }: { ports: StepPorts; signal: AbortSignal },
): Promise<RunEvent> {
  const log = await ports.logs.open({ app: run.app, run: run.id, step: step.name }, (line) =>
    ports.onLine({ run: run.id, step: step.name, line }),
  );
  const named = { step: step.name, try: step.tries };
  try {
    const built = await build(run, step, { ports, signal, log });
    if (!built.ok) {
      if (built.end === 'cancelled' && signal.aborted) return { type: 'step-cancelled', ...named };
      return { type: 'step-failed', ...named, exitCode: built.exitCode, reason: buildReason(step, built, log) };
    }
    if (step.work.type === 'build') return { type: 'step-passed', ...named, cached: built.cached };
    const result = await command(run, step, { ports, signal, log });
    if (result.end === 'cancelled') return { type: 'step-cancelled', ...named };
    if (result.end === 'exited' && result.exitCode === 0) return { type: 'step-passed', ...named, exitCode: 0 };
    return { type: 'step-failed', ...named, exitCode: result.exitCode, reason: commandReason(step, result, log) };
  } finally {
    await log.close();
  }
}

interface Means {
  readonly ports: StepPorts;
  readonly signal: AbortSignal;
  readonly log: StepLog;
}

/** The build of a command is there as a rule: its own step came before. */
function build(run: Run, step: RunStep, { ports, signal, log }: Means): Promise<BuildResult> {
  const { work } = step;
  return ports.builder.build({
    app: run.app,
    service: work.type === 'build' ? work.service : work.spec.service,
    sha: run.sha,
    recipe: work.recipe,
    signal,
    onLine: (line) => log.line(line),
  });
}

async function command(run: Run, step: RunStep, { ports, signal, log }: Means): Promise<OneOffResult> {
  const workload = workloadOf(run, step);
  const { work } = step;
  if (work.type !== 'command') throw new Error(`${step.name} is no command.`);
  const id = `${run.id}-${step.name}-${step.tries}`;
  log.line(`$ ${work.spec.run}`);
  const over = new AbortController();
  const reading = follow(workload.id, { id, ports, log, until: over.signal });
  try {
    return await ports.runtime.run({
      id,
      workload,
      command: work.spec.run,
      // Test runners choose by it what they load; instances get `production`.
      env: { CI: 'true', NODE_ENV: 'test', ...work.spec.env },
      timeout: work.spec.timeout,
      epoch: ports.epoch,
      signal,
      lowPriority: true,
    });
  } finally {
    over.abort();
    await reading;
    // Its output is in the step's log by now; what the runtime kept of it is of no more use.
    await ports.runtime.forget(workload.id).catch(() => undefined);
  }
}

/** The log of a step is no reason for it to fail. */
async function follow(
  workload: WorkloadId,
  of: { id: string; ports: StepPorts; log: StepLog; until: AbortSignal },
): Promise<void> {
  const lines = of.ports.runtime.logs(workload, { run: of.id, tail: allLines, follow: of.until });
  try {
    for await (const line of lines) of.log.line(line.text);
  } catch (error) {
    of.log.line(`(Its output could not be read to the end: ${error instanceof Error ? error.message : String(error)})`);
  }
}

/** Never an instance: it has no route and no health, and its id is that of this step alone. */
function workloadOf(run: Run, step: RunStep): Workload {
  const { work } = step;
  const service = work.type === 'build' ? work.service : work.spec.service;
  const mark = createHash('sha256').update(`${run.id}/${step.name}`).digest('hex').slice(0, 12);
  return {
    id: `${run.app}-${stepEnvironment}-${service}-${mark}` as WorkloadId,
    app: run.app,
    environment: stepEnvironment,
    service,
    kind: 'worker',
    artifact: {
      app: run.app,
      service,
      key: work.recipe.key,
      path: work.recipe.path,
      ...(work.recipe.given === undefined ? {} : { given: work.recipe.given }),
    },
    env: {},
    health: {
      type: 'up',
      interval: millis(1000),
      timeout: millis(1000),
      healthyAfter: 1,
      unhealthyAfter: 1,
      deadline: millis(60_000),
      upFor: millis(1000),
    },
    persist: [],
    resources: {},
    drain: millis(0),
    grace: millis(5000),
    requestTimeout: millis(60_000),
  };
}

function buildReason(step: RunStep, result: BuildResult & { readonly ok: false }, log: StepLog): RunReason {
  const lines = result.tail.length > 0 ? result.tail : log.tail();
  if (result.because !== undefined) return { ...result.because, step: step.name, log: lines };
  const how = {
    failed: `failed${result.exitCode === null ? '' : ` (exit ${result.exitCode})`}`,
    'timed-out': 'took too long and was ended',
    'no-space': 'ran out of disk space',
    cancelled: 'was cancelled',
  }[result.end];
  const code = result.end === 'no-space' ? 'NO_SPACE' : 'BUILD_FAILED';
  return { code, message: `The step ${step.name} ${how}.`, step: step.name, log: lines };
}

function commandReason(step: RunStep, result: OneOffResult, log: StepLog): RunReason {
  const limit = step.work.type === 'command' ? step.work.spec.timeout : millis(0);
  const how = {
    'timed-out': `did not end within ${durationText(limit)} and was ended`,
    lost: 'was started, and its end was not seen (the machine went down?)',
    cancelled: 'was cancelled',
    exited: result.exitCode === null ? 'was ended by a signal' : `failed (exit ${result.exitCode})`,
  }[result.end];
  return { code: 'STEP_FAILED', message: `The step ${step.name} ${how}.`, step: step.name, log: log.tail() };
}
