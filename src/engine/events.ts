import { setTimeout as wait } from 'node:timers/promises';
import type { Engine } from './client.ts';
import { jsonLines } from './streams.ts';

export interface EngineEvent {
  readonly Type: string;
  /** `start`, `die`, `oom`, `destroy` … */
  readonly Action: string;
  readonly Actor: { readonly ID: string; readonly Attributes: Readonly<Record<string, string>> };
  /** Nanoseconds since 1970. */
  readonly timeNano: number;
}

export interface EventsOptions {
  readonly filters: Readonly<Record<string, readonly string[]>>;
  readonly signal: AbortSignal;
  readonly onEvent: (event: EngineEvent) => void;
  /** The stream is open, for the first time or again: what happened while it was not is told from the engine's memory, which is short. */
  readonly onOpen: () => void;
  /** The engine went away or cannot be asked. Called once for each time. */
  readonly onLost: (cause: unknown) => void;
}

const firstPauseMs = 100;
const longestPauseMs = 2000;

/** Follows the engine's events until the signal aborts; goes on where it stopped when the engine was away. */
export async function followEvents(engine: Engine, options: EventsOptions): Promise<void> {
  const { filters, signal, onEvent, onOpen, onLost } = options;
  let newest: number | undefined;
  let pause = firstPauseMs;
  let lost = false;
  while (!signal.aborted) {
    try {
      const since = newest === undefined ? undefined : nanoseconds(newest);
      // Told again from there. Nothing else is left out for its time: clocks are set back.
      let repeated = newest;
      const stream = await engine.stream('GET', '/events', { query: { filters, since }, signal });
      pause = firstPauseMs;
      lost = false;
      onOpen();
      for await (const event of jsonLines<EngineEvent>(stream)) {
        if (event.timeNano === repeated) continue;
        repeated = undefined;
        newest = event.timeNano;
        onEvent(event);
      }
      throw new Error('The engine ended its events.');
    } catch (cause) {
      if (signal.aborted) return;
      if (!lost) onLost(cause);
      lost = true;
    }
    await wait(pause, undefined, { signal }).catch(() => {});
    pause = Math.min(longestPauseMs, pause * 2);
  }
}

/** `<seconds>.<nanoseconds>` as the API wants it. Numbers of that size have lost their last digits: a repeated event is harmless. */
const nanoseconds = (time: number): string => {
  const seconds = Math.floor(time / 1e9);
  return `${seconds}.${String(Math.floor(time - seconds * 1e9)).padStart(9, '0')}`;
};
