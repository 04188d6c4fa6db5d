import type { AppName, EnvironmentName, RunId } from '../domain/values.ts';
import { SignalboxError } from '../domain/errors.ts';
import type { StartedRunBody, StepLogBody } from './contract.ts';
import { operations } from './operations.ts';
import type { ApiOptions } from './options.ts';
import { listRuns, readRun } from './read-runs.ts';
import { type Answers, appOf, readBody, readQuery, runOf, stepOf } from './requests.ts';

/** Runs of pipelines: started, looked at, ended. */
export function answerRuns({ commands, store, stepLogs }: ApiOptions) {
  return {
    'start-run': async (call) => {
      const { environments, retryOf, who, ref, ...rest } = await readBody(call, operations['start-run'].request);
      const { run } = await commands.startRun({
        ...rest,
        app: appOf(call),
        ref: ref ?? null,
        environments: environments as readonly EnvironmentName[],
        cause: { by: 'command', who: who ?? 'somebody' },
        ...(retryOf === undefined ? {} : { retryOf: retryOf as RunId }),
      });
      return call.json({ runId: run } satisfies StartedRunBody, 202);
    },
    runs: async (call) => {
      const { limit, before } = readQuery(call, operations.runs.query);
      return call.json(await listRuns(store, appOf(call), before === undefined ? { limit } : { limit, before }));
    },
    run: async (call) => call.json(await readRun(store, runOf(call))),
    'step-log': async (call) => {
      const { find, ...page } = readQuery(call, operations['step-log'].query);
      const run = await readRun(store, runOf(call));
      const step = stepOf(call);
      if (!run.steps.some(({ name }) => name === step))
        throw new SignalboxError(
          'NOT_FOUND',
          `Run ${run.id} has no step ${step}; it has ${run.steps.map(({ name }) => name).join(', ')}.`,
        );
      const of = { app: run.app as AppName, run: run.id as RunId, step };
      const answer: StepLogBody = await stepLogs.read(of, { ...page, ...(find === undefined ? {} : { find }) });
      return call.json(answer);
    },
    'cancel-run': async (call) => {
      const { who = 'somebody' } = await readBody(call, operations['cancel-run'].request);
      await commands.cancelRun({ run: runOf(call), who });
      return call.body(null, 204);
    },
  } satisfies Partial<Answers>;
}
