import { type CatalogueEntry, catalogue } from '../domain/errors.ts';
import type { Run, RunReason } from '../domain/pipeline/run.ts';
import { isRunOver } from '../domain/pipeline/run.ts';
import { isOptional } from '../domain/pipeline/transition.ts';
import { plainText } from '../domain/plain-text.ts';
import { millis, type RunId } from '../domain/values.ts';
import type { Clock } from '../ports/clock.ts';
import type { StoreReads } from '../ports/store.ts';
import type { Commands, Feed, StartRun } from './commands.ts';
import type { EnvironmentAnswer, EnvironmentPush } from './push-deploy.ts';

/** Runs the pipeline of what was pushed; nothing is shipped before it has passed. */
export type CheckPush = (push: EnvironmentPush, say: (line: string) => void) => Promise<EnvironmentAnswer>;

export interface PushCheckPorts {
  readonly commands: Pick<Commands, 'startRun'>;
  readonly feed: Pick<Feed, 'onRun' | 'onRunLine'>;
  readonly store: Pick<StoreReads, 'run' | 'runs'>;
  readonly clock: Clock;
}

/** Lines of output shown per step; of what comes after them only the last ones, if it fails. */
const shownLines = 60;
const lastLines = 20;
/** Runs looked through for one of the same commit that has passed. */
const lookBack = 50;
const lookEvery = millis(2000);

export function createPushCheck({ commands, feed, store, clock }: PushCheckPorts): CheckPush {
  /** What one environment has had checked counts for the next. */
  const passedBefore = async ({ app, sha }: EnvironmentPush): Promise<Run | undefined> =>
    (await store.runs({ app }, { limit: lookBack })).find((run) => run.sha === sha && !run.dirty && run.phase === 'succeeded');

  function nextLook(id: RunId, leaving: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const ends: (() => void)[] = [];
      const look = (): void => {
        for (const end of ends) end();
        leaving.removeEventListener('abort', look);
        resolve();
      };
      ends.push(
        feed.onRun((run) => run === id && look()),
        clock.after(lookEvery, look),
      );
      leaving.addEventListener('abort', look, { once: true });
      if (leaving.aborted) look();
    });
  }

  async function follow(id: RunId, leaving: AbortSignal, say: (line: string) => void): Promise<EnvironmentAnswer> {
    let before: Run | null = null;
    while (!leaving.aborted) {
      // Asked for before the look, so that no change falls in between.
      const next = nextLook(id, leaving);
      const run = await store.run(id);
      if (run === null) return { ok: false, reason: 'the run is no longer on record' };
      for (const line of stepLines(before, run)) say(line);
      before = run;
      if (isRunOver(run.phase)) return answerOf(run, say);
      await next;
    }
    say('the control plane is being stopped or restarted; the checks go on after it: push again');
    return { ok: false, reason: 'the control plane is being restarted; push again' };
  }

  /** In the order of the pushes, however long each takes to be planned: the newest is the one that stays. */
  const lastStarted = new Map<string, Promise<unknown>>();
  async function start(request: StartRun): Promise<RunId> {
    const key = `${request.app} ${request.ref ?? ''}`;
    const before = lastStarted.get(key);
    const mine = (async () => {
      await before?.catch(() => undefined);
      return (await commands.startRun(request)).run;
    })();
    lastStarted.set(key, mine);
    try {
      return await mine;
    } finally {
      if (lastStarted.get(key) === mine) lastStarted.delete(key);
    }
  }

  return async (push, say) => {
    const known = await passedBefore(push);
    if (known !== undefined) {
      if (known.steps.some(({ work }) => work.type === 'command'))
        say(`all checks of this commit have passed before (run ${known.id})`);
      return { ok: true };
    }
    const { app, sha, ref, by } = push;
    const request = { app, sha, ref, dirty: false, folder: '.', folderName: app, environments: [] };
    const output = shorten(say);
    const early: { readonly run: RunId; readonly step: string; readonly line: string }[] = [];
    let ours: RunId | null = null;
    const stop = feed.onRunLine((line) => {
      if (ours === null) early.push(line);
      else if (line.run === ours) output(line);
    });
    try {
      const run = await start({ ...request, cause: { by: 'push', who: plainText(by, 100) } });
      ours = run;
      for (const line of early.splice(0)) if (line.run === run) output(line);
      return await follow(run, push.leaving, say);
    } finally {
      stop();
    }
  };
}

/** The first lines of each step. */
function shorten(say: (line: string) => void) {
  const counts = new Map<string, number>();
  return ({ step, line }: { readonly step: string; readonly line: string }): void => {
    const text = plainText(line, 160);
    const count = (counts.get(step) ?? 0) + 1;
    counts.set(step, count);
    if (count <= shownLines && text !== '') say(`  ${step} | ${text}`);
    if (count === shownLines + 1) say(`  ${step} | …`);
  };
}

function stepLines(before: Run | null, now: Run): readonly string[] {
  return now.steps.flatMap((step, index) => {
    if (before?.steps[index]?.state === step.state) return [];
    const took =
      step.startedAt === null || step.endedAt === null ? '' : ` in ${((step.endedAt - step.startedAt) / 1000).toFixed(1)} s`;
    if (step.state === 'passed') return [step.cached ? `${step.name}: there already` : `${step.name}: passed${took}`];
    if (step.state === 'failed') return [`${step.name}: failed${took}${isOptional(step) ? ', which is allowed' : ''}`];
    return step.state === 'running' ? [`${step.name} …`] : [];
  });
}

function answerOf(run: Run, say: (line: string) => void): EnvironmentAnswer {
  if (run.phase === 'succeeded') return { ok: true };
  if (run.phase === 'superseded') return { ok: false, reason: 'superseded by a newer push' };
  const reason: RunReason = run.reason ?? { code: 'STEP_FAILED', message: `The run ended as ${run.phase}.` };
  const log = reason.log ?? [];
  if (log.length > 0) say('its last lines:');
  for (const line of log.slice(-lastLines)) say(`  ${plainText(line, 160)}`);
  const hint = Object.entries<CatalogueEntry>(catalogue).find(([code]) => code === reason.code)?.[1].hint;
  if (hint !== undefined) say(`to do: ${hint}`);
  say(`nothing was shipped; the whole output: signalbox runs logs ${run.id}`);
  return { ok: false, reason: `${plainText(reason.message, 200)} [${reason.code}]` };
}
