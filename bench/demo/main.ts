import { once } from 'node:events';
import type { Terminal } from '../../src/cli/terminal.ts';
import { SignalboxError } from '../../src/domain/errors.ts';
import type { LoadReport } from '../load/contract.ts';
import { claimsOf } from './claims.ts';
import { openScreen } from './screen.ts';
import { tell } from './story.ts';
import { claimLines, nextSteps, summaryOf } from './summary.ts';

export interface DemoOptions {
  /** Ends by itself. */
  readonly once?: boolean;
  /** `drop`: lose one request for real. */
  readonly sabotage?: 'drop';
}

const endings = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/**
 * Three releases of examples/hello under load, in a Signalbox of its own that is gone afterwards. Every sentence it prints is
 * checked. @returns 0 when all of it is true, 1 when not, 130 when interrupted before the end.
 */
export async function demo(terminal: Terminal, options: DemoOptions): Promise<number> {
  const interrupted = new AbortController();
  const interrupt = (): void => interrupted.abort();
  for (const signal of endings) process.on(signal, interrupt);
  // A reader that has gone (`| head`) must not leave everything running.
  process.stdout.removeAllListeners('error').on('error', interrupt);
  const ended = once(interrupted.signal, 'abort');
  const screen = openScreen(terminal);
  const ends: (() => Promise<void> | void)[] = [];
  try {
    const story = tell({ screen, sabotage: options.sabotage, ends });
    // Whatever the story does after an interruption is of no interest: its programs are being ended.
    story.catch(() => undefined);
    const told = await Promise.race([story, ended.then(() => null)]);
    screen.close();
    if (told === null) return 130;
    const { seen, place, repository } = told;
    const claims = claimsOf(seen);
    const holds = claims.every((claim) => claim.holds);
    terminal.result({
      ok: holds,
      url: `http://hello.localhost:${place.http}/`,
      home: place.home,
      claims,
      deploys: seen.deploys,
      load: countsOf(seen.load),
    });
    for (const line of ['', ...summaryOf(seen, terminal.paint), '']) terminal.say(line);
    for (const line of claimLines(claims, terminal.paint)) terminal.note(line);
    if (options.once === true) {
      if (holds) terminal.say(`All of it was checked: ${claims.length} of ${claims.length} claims hold.`);
      return holds ? 0 : 1;
    }
    for (const line of nextSteps(place, repository, terminal.paint)) terminal.say(line);
    await held(ended);
    return holds ? 0 : 1;
  } catch (error) {
    if (error instanceof SignalboxError) throw error;
    throw new SignalboxError('PROGRAM_FAILED', `The demo could not be shown: ${(error as Error).message}`, { cause: error });
  } finally {
    screen.close();
    for (const fault of await endAll(ends)) terminal.note(`${terminal.paint.red('left behind:')} ${fault}`);

    for (const signal of endings) process.off(signal, interrupt);
  }
}

/** The last begun first, each whether or not another fails. @returns what could not be ended, and why. */
async function endAll(ends: readonly (() => Promise<void> | void)[]): Promise<readonly string[]> {
  const faults: string[] = [];
  for (const end of [...ends].reverse()) {
    try {
      await end();
    } catch (error) {
      faults.push((error as Error).message);
    }
  }
  return faults;
}

/** Signals alone do not keep a program alive. */
async function held(ended: Promise<unknown>): Promise<void> {
  const timer = setInterval(() => undefined, 60_000);
  await ended;
  clearInterval(timer);
}

/** The totals, without what only benches need. */
function countsOf({ started, ok, orders, appErrors, dropped, drops, connectionsOpened, events }: LoadReport) {
  return { started, ok, posts: orders.sent, appErrors, dropped, drops, connectionsOpened, events };
}
