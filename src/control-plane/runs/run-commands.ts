import { SignalboxError } from '../../domain/errors.ts';
import type { Run, RunStep } from '../../domain/pipeline/run.ts';
import { transition } from '../../domain/pipeline/transition.ts';
import type { EnvironmentName, RunId } from '../../domain/values.ts';
import type { Clock, Ids } from '../../ports/clock.ts';
import type { RunPlanner } from '../../ports/pipeline.ts';
import type { Store } from '../../ports/store.ts';
import type { RunCommands, StartRun } from '../commands.ts';
import type { Plant } from '../plant.ts';
import { eventsBetween, runEvent, type Tell } from './journal.ts';

export interface RunCommandPorts {
  readonly plant: Plant;
  readonly store: Pick<Store, 'run'>;
  readonly planner: RunPlanner;
  readonly tell: Tell;
  readonly clock: Clock;
  readonly ids: Ids;
}

/** Runs of one app that may wait or run at once; a flood of branches is refused before it is a flood of builds. */
const mostOpen = 50;

export function createRunCommands({ plant, store, planner, tell, clock, ids }: RunCommandPorts): RunCommands {
  async function earlier({ app, sha, retryOf }: StartRun): Promise<Run | null> {
    if (retryOf === undefined) return null;
    const run = await store.run(retryOf);
    if (run === null || run.app !== app || run.sha !== sha)
      throw new SignalboxError('NOT_FOUND', `There is no run ${retryOf} of this commit of ${app}.`);
    return run;
  }

  return {
    startRun: async (request) => {
      const plan = await planner.plan({ ...request, environment: request.environments[0] ?? ('production' as EnvironmentName) });
      const before = await earlier(request);
      return plant.decide(async () => {
        const open = plant.runs().filter(({ app }) => app === request.app);
        const wall = clock.wall();
        const run: Run = {
          ...fresh(request),
          ...plan,
          id: ids.next() as RunId,
          steps: plan.steps.map((step) => passedBefore(step, before) ?? unbegun(step)),
          createdAt: wall,
        };
        const older = run.ref === null ? [] : open.filter(({ ref }) => ref === run.ref);
        if (open.length - older.length >= mostOpen)
          throw new SignalboxError('TOO_MANY_RUNS', `${request.app} has ${open.length} runs waiting; no more are taken.`);
        const replaced = older.map((before) => ({
          before,
          after: transition(before, { type: 'supersede', by: run.id }, wall),
        }));
        return {
          draft: {
            apps: [{ name: request.app, createdAt: wall }],
            runs: [...replaced.map(({ after }) => after), run],
            events: [
              ...replaced.flatMap(({ before, after }) => eventsBetween(before, after, wall)),
              runEvent(run, 'run.queued', wall, { subject: run.subject, by: run.cause.by, who: run.cause.who }),
            ],
          },
          result: { run: run.id },
        };
      });
    },
    cancelRun: async ({ run: id, who }) => {
      if (plant.run(id) === undefined) throw new SignalboxError('NO_ACTIVE_RUN', `Run ${id} is unknown or has ended.`);
      await tell(id, { type: 'cancel', who });
    },
  };
}

const fresh = (request: StartRun) => ({
  app: request.app,
  sha: request.sha,
  ref: request.ref,
  folder: request.folder,
  folderName: request.folderName,
  dirty: request.dirty,
  cause: request.cause,
  phase: 'queued' as const,
  deploys: request.environments.map((environment) => ({ environment, rollout: null, state: 'waiting' as const })),
  reason: null,
  ending: null,
  startedAt: null,
  endedAt: null,
  deadline: null,
});

type Planned = Pick<RunStep, 'name' | 'work' | 'needs'>;

/** Builds are looked up by their key anyway. */
function passedBefore(step: Planned, before: Run | null): RunStep | null {
  const same = before?.steps.find(({ name, work }) => name === step.name && JSON.stringify(work) === JSON.stringify(step.work));
  return same?.state === 'passed' && step.work.type === 'command' ? { ...same, needs: step.needs, cached: true } : null;
}

const unbegun = (step: Planned): RunStep => ({
  ...step,
  state: 'waiting',
  tries: 0,
  startedAt: null,
  endedAt: null,
  exitCode: null,
  cached: false,
  reason: null,
});
