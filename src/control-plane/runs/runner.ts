import { catalogue, SignalboxError } from '../../domain/errors.ts';
import type { Run, RunStep } from '../../domain/pipeline/run.ts';
import { nextDeploy, ready, type RunEvent } from '../../domain/pipeline/transition.ts';
import { millis } from '../../domain/values.ts';
import type { Clock } from '../../ports/clock.ts';
import { carryOut, type StepPorts } from './carry-out.ts';
import type { Tell } from './journal.ts';
import { ask, isUnderWay, seen, type ShipPorts } from './ship.ts';

export interface Runner {
  /** Starts what runs ask for and is not under way; ends what nobody wants any more. */
  sync(): void;
  /** What is under way goes on, and is joined by the next control plane. */
  stop(): void;
}

export interface RunnerPorts extends StepPorts, ShipPorts {
  readonly tell: Tell;
  readonly clock: Clock;
  /** Runs and steps at once, over all apps. Default 2 and 2. */
  readonly most?: { readonly runs: number; readonly steps: number };
  readonly onFault: (error: unknown) => void;
}

/** How long a step that cannot even begin is tried again. */
const patience = 120_000;
const firstPause = 250;
const longestPause = 5000;

export function createRunner(ports: RunnerPorts): Runner {
  const { plant, tell, clock, onFault } = ports;
  const most = ports.most ?? { runs: 2, steps: 2 };
  /** By what it is about: `<run>/<step>`, `<run> begin` … */
  const underWay = new Map<string, AbortController>();
  let stopped = false;
  let cancelDeadline = (): void => undefined;

  /** One at a time by key; tried again until it is through or nobody wants it. */
  function once(key: string, work: (signal: AbortSignal) => Promise<void>): void {
    if (underWay.has(key) || stopped) return;
    const control = new AbortController();
    underWay.set(key, control);
    void (async () => {
      for (let pause = firstPause; !stopped; pause = Math.min(pause * 2, longestPause)) {
        try {
          await work(control.signal);
          break;
        } catch (error) {
          onFault(error);
          if (control.signal.aborted) break;
          await new Promise<void>((resolve) => {
            clock.after(millis(pause), resolve);
          });
        }
      }
      underWay.delete(key);
      sync();
    })();
  }

  const told = (run: Run, event: RunEvent): Promise<void> => tell(run.id, event).then(() => undefined);

  function doStep(run: Run, step: RunStep): void {
    const began = clock.now();
    once(`${run.id}/${step.name}`, async (signal) => {
      const event = await carryOut(run, step, { ports, signal }).catch((error: unknown) =>
        givenUp(step, { error, since: clock.now() - began, aborted: signal.aborted }),
      );
      if (!stopped) await told(run, event);
    });
  }

  function shipOne(run: Run): void {
    const one = nextDeploy(run);
    // Each change of its rollout brings us here again.
    if (one === null || isUnderWay(one, plant)) return;
    once(`${run.id} ship ${one.environment}`, async () => {
      const event = one.state === 'waiting' ? await ask(run, one, ports) : await seen(one, ports);
      if (event !== null && !stopped) await told(run, event);
    });
  }

  function watchDeadlines(runs: readonly Run[]): void {
    cancelDeadline();
    const next = runs.flatMap(({ deadline, phase, ending }) =>
      deadline !== null && phase === 'running' && ending === null ? [deadline] : [],
    );
    if (next.length > 0) cancelDeadline = clock.after(millis(Math.max(0, Math.min(...next) - clock.now())), sync);
  }

  function sync(): void {
    if (stopped) return;
    const runs = plant.runs();
    const running = runs.filter(({ phase }) => phase === 'running');
    const wanted = new Set<string>();
    for (const run of runs) {
      if (run.phase === 'queued' && running.length < most.runs && !running.some(({ app }) => app === run.app)) {
        running.push(run);
        once(`${run.id} begin`, () => told(run, { type: 'begin', now: clock.now() }));
      }
      if (run.phase === 'running' && run.ending === null && run.deadline !== null && clock.now() >= run.deadline)
        once(`${run.id} time-over`, () => told(run, { type: 'time-over' }));
      for (const step of run.steps)
        if (step.state === 'running') {
          if (run.ending === null) wanted.add(`${run.id}/${step.name}`);
          doStep(run, step);
        }
      shipOne(run);
    }
    const beginning = [...underWay.keys()].filter((key) => key.includes(' begin ')).length;
    let room = most.steps - beginning - runs.flatMap(({ steps }) => steps).filter(({ state }) => state === 'running').length;
    for (const run of runs)
      for (const step of ready(run)) {
        if (room <= 0) break;
        if (underWay.has(`${run.id} begin ${step.name}`)) continue;
        room -= 1;
        once(`${run.id} begin ${step.name}`, () => told(run, { type: 'step-began', step: step.name }));
      }
    for (const [key, control] of underWay) if (key.includes('/') && !wanted.has(key)) control.abort();
    watchDeadlines(runs);
  }

  return {
    sync,
    stop: () => {
      stopped = true;
      cancelDeadline();
    },
  };
}

/** The end of a step that cannot even be carried out. @throws the error itself while trying again may help. */
function givenUp(step: RunStep, what: { error: unknown; since: number; aborted: boolean }): RunEvent {
  const { error, since, aborted } = what;
  if (aborted) return { type: 'step-cancelled', step: step.name, try: step.tries };
  const known = error instanceof SignalboxError ? error : null;
  const forGood = known !== null && !catalogue[known.code].retryable && known.code !== 'STALE_EPOCH';
  if (!forGood && since < patience) throw error;
  const message = error instanceof Error ? error.message : String(error);
  return {
    type: 'step-failed',
    step: step.name,
    try: step.tries,
    reason: { code: known?.code ?? 'INTERNAL', message: `The step ${step.name} could not begin: ${message}`, step: step.name },
  };
}
