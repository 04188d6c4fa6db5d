import { isRunOver, type Run } from '../../domain/pipeline/run.ts';
import { type RunEvent, transition } from '../../domain/pipeline/transition.ts';
import type { RunId } from '../../domain/values.ts';
import type { Clock } from '../../ports/clock.ts';
import type { NewEvent } from '../../ports/store.ts';
import type { Plant } from '../plant.ts';

/** Tells a run what has happened and commits what follows. The run as it is then; null: it is over, or unknown. */
export type Tell = (run: RunId, event: RunEvent) => Promise<Run | null>;

export const createJournal =
  ({ plant, clock }: { readonly plant: Plant; readonly clock: Clock }): Tell =>
  (id, event) =>
    plant.decide(async () => {
      const before = plant.run(id);
      if (before === undefined) return { draft: null, result: null };
      const wall = clock.wall();
      const after = transition(before, event, wall);
      if (after === before) return { draft: null, result: before };
      return {
        draft: { runs: [after], events: eventsBetween(before, after, wall) },
        result: isRunOver(after.phase) ? null : after,
      };
    });

/** What people are told of it: steps that ended, and the run itself. */
export function eventsBetween(before: Run, after: Run, at: NewEvent['at']): readonly NewEvent[] {
  const steps = after.steps.filter((step, index) => {
    const was = before.steps[index]?.state;
    return step.state !== was && (step.state === 'passed' || step.state === 'failed');
  });
  return [
    ...steps.map((step) =>
      runEvent(after, `run.step-${step.state}`, at, {
        step: step.name,
        ...(step.reason === null ? {} : { reason: plain(step.reason) }),
      }),
    ),
    ...(after.phase === before.phase
      ? []
      : [runEvent(after, `run.${after.phase}`, at, after.reason === null ? {} : { reason: plain(after.reason) })]),
  ];
}

export const runEvent = (run: Run, type: string, at: NewEvent['at'], body: Readonly<Record<string, unknown>> = {}): NewEvent => ({
  type,
  at,
  app: run.app,
  body: { run: run.id, sha: run.sha, ...(run.ref === null ? {} : { ref: run.ref }), ...body },
});

/** Without the output: events are kept longer than logs, and go to more places. */
const plain = ({ code, message }: { readonly code: string; readonly message: string }) => ({ code, message });
