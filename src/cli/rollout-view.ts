import type { RolloutBody } from '../api/contract.ts';
import type { ApiClient } from './client.ts';
import { type ExitCode, exitCodes } from './failure.ts';
import { followRollout } from './follow-rollout.ts';
import { plain } from './format.ts';
import type { Invocation } from './invocation.ts';
import { openLiveBlock } from './live-block.ts';
import { describeOutcome, exitCodeOf, outcomeOf } from './outcome.ts';
import { plainProgress, renderProgress } from './progress.ts';
import type { Terminal } from './terminal.ts';

/** Between two drawings. */
const frameMs = 120;

/** Shows how a rollout goes; one way for people at a terminal, one for pipes and logs. */
interface View {
  onRollout(body: RolloutBody): void;
  onLine(line: { readonly service: string; readonly line: string }): void;
  onLost(): void;
  end(): void;
}

/**
 * Follows a rollout to its end (or until it is live), shows how it goes and reports how it went: the one way in which `deploy`,
 * `rollback` and `rollouts show --follow` wait. Ctrl-C stops the watching, never the rollout.
 */
export async function watchRollout(
  { terminal }: Invocation,
  api: ApiClient,
  { id, until }: { readonly id: string; readonly until: 'end' | 'live' },
): Promise<ExitCode> {
  const interrupt = new AbortController();
  const onInterrupt = (): void => interrupt.abort();
  process.on('SIGINT', onInterrupt);
  const view = terminal.live ? liveView(terminal) : plainView(terminal);
  let last: RolloutBody | null = null;
  try {
    const body = await followRollout(api, {
      id,
      until,
      signal: interrupt.signal,
      onRollout: (seen) => {
        last = seen;
        view.onRollout(seen);
      },
      onLine: (line) => view.onLine(line),
      onLost: () => view.onLost(),
    });
    view.end();
    return body === null ? detached(terminal, id, last) : finished(terminal, body, until);
  } finally {
    view.end();
    process.off('SIGINT', onInterrupt);
  }
}

function finished(terminal: Terminal, body: RolloutBody, until: 'end' | 'live'): ExitCode {
  terminal.result(outcomeOf(body));
  for (const line of describeOutcome(body, terminal.paint)) terminal.say(line);
  if (!body.ended && body.phase !== 'held')
    terminal.say(`  It goes on; follow it with \`signalbox rollouts show ${body.id} --follow\`.`);
  return exitCodeOf(body, until);
}

function detached(terminal: Terminal, id: string, last: RolloutBody | null): ExitCode {
  terminal.result(last === null ? { rolloutId: id, detached: true } : outcomeOf(last, true));
  terminal.say(
    `Not watching any more; the rollout goes on. Follow it with \`signalbox rollouts show ${id} --follow\`, undo it with \`signalbox abort\`.`,
  );
  return exitCodes.interrupted;
}

function plainView(terminal: Terminal): View {
  let before: RolloutBody | null = null;
  let lost = false;
  return {
    onRollout(body) {
      if (lost) terminal.say('The control plane is back.');
      lost = false;
      for (const line of plainProgress(before, body)) terminal.say(line);
      before = body;
    },
    onLine: ({ service, line }) => terminal.say(`  ${service} | ${plain(line)}`),
    onLost() {
      if (!lost) terminal.say('The control plane is away; looking for it.');
      lost = true;
    },
    end: () => undefined,
  };
}

function liveView(terminal: Terminal): View {
  const block = openLiveBlock(terminal);
  const began = performance.now();
  const watch = stopwatch();
  let body: RolloutBody | null = null;
  let line: string | null = null;
  let lost = false;
  let tick = 0;
  const draw = (): void => {
    if (body === null) return;
    tick += 1;
    const now = performance.now();
    const elapsedMs = body.ended ? body.durationMs : body.durationMs + (now - bodyAt);
    block.draw(
      renderProgress(
        { body, elapsedMs, running: watch.lengths(now), line, lost, columns: terminal.columns(), tick },
        terminal.paint,
      ),
    );
  };
  let bodyAt = began;
  const timer = setInterval(draw, frameMs);
  return {
    onRollout(next) {
      body = next;
      bodyAt = performance.now();
      lost = false;
      watch.see(next.steps, bodyAt);
      if (next.phase !== 'preparing') line = null;
      draw();
    },
    onLine({ service, line: text }) {
      const said = plain(text);
      if (said.trim() !== '') line = `${service} | ${said}`;
    },
    onLost() {
      lost = true;
    },
    end() {
      clearInterval(timer);
      if (body !== null) draw();
      body = null;
    },
  };
}

/** How long each step has been seen to run, for those whose length the control plane does not say. */
function stopwatch() {
  const seen = new Map<string, { readonly from: number; readonly to: number | null }>();
  return {
    see(steps: RolloutBody['steps'], now: number): void {
      for (const { name, state, durationMs = 0 } of steps) {
        const known = seen.get(name);
        if (state === 'running' && known === undefined) seen.set(name, { from: now - durationMs, to: null });
        else if (state !== 'running' && known?.to === null) seen.set(name, { ...known, to: now });
      }
    },
    lengths: (now: number): ReadonlyMap<string, number> =>
      new Map([...seen].map(([name, { from, to }]) => [name, (to ?? now) - from])),
  };
}
