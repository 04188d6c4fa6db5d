import { SignalboxError } from '../domain/errors.ts';
import { isRunOver, type Run, type RunReason, type RunStep } from '../domain/pipeline/run.ts';
import { isOptional } from '../domain/pipeline/transition.ts';
import type { AppName, RunId, WallTime } from '../domain/values.ts';
import type { Page } from '../ports/store.ts';
import type { ListBody, RunBody, RunReasonBody, RunStepBody } from './contract.ts';
import type { StoreReads } from './options.ts';
import { isoTime } from './present-rollout.ts';

/** @throws NOT_FOUND */
export async function readRun(store: Pick<StoreReads, 'run'>, id: RunId): Promise<RunBody> {
  const run = await store.run(id);
  if (run === null) throw new SignalboxError('NOT_FOUND', `There is no run ${id}.`, { hint: 'List them with `signalbox runs`.' });
  return presentRun(run, Date.now() as WallTime);
}

export async function listRuns(store: Pick<StoreReads, 'runs'>, app: AppName, page: Page): Promise<ListBody<RunBody>> {
  const rows = await store.runs({ app }, page);
  const items = rows.map((run) => presentRun(run, Date.now() as WallTime));
  const last = rows.at(-1)?.id;
  return rows.length < page.limit || last === undefined ? { items } : { items, next: last };
}

export function presentRun(run: Run, now: WallTime): RunBody {
  const { id, app, sha, subject, ref, cause, phase } = run;
  return {
    id,
    app,
    sha,
    subject,
    ref,
    dirty: run.dirty,
    folder: run.folder,
    folderName: run.folderName,
    by: cause.by,
    who: cause.who,
    phase,
    ended: isRunOver(phase),
    ...(run.reason === null ? {} : { reason: reasonBody(run.reason) }),
    steps: run.steps.map((step) => presentStep(step, now)),
    deploys: run.deploys.map(({ environment, rollout, state }) => ({ environment, rolloutId: rollout, state })),
    createdAt: isoTime(run.createdAt),
    startedAt: run.startedAt === null ? null : isoTime(run.startedAt),
    endedAt: run.endedAt === null ? null : isoTime(run.endedAt),
    durationMs: Math.max(0, (run.endedAt ?? now) - run.createdAt),
  };
}

const presentStep = (step: RunStep, now: WallTime): RunStepBody => ({
  name: step.name,
  kind: step.work.type,
  state: step.state,
  tries: step.tries,
  optional: isOptional(step),
  cached: step.cached,
  exitCode: step.exitCode,
  ...(step.startedAt === null ? {} : { durationMs: Math.max(0, (step.endedAt ?? now) - step.startedAt) }),
  ...(step.reason === null ? {} : { reason: reasonBody(step.reason) }),
});

const reasonBody = ({ code, message, step, log }: RunReason): RunReasonBody => ({
  code,
  message,
  ...(step === undefined ? {} : { step }),
  ...(log === undefined ? {} : { log }),
});
