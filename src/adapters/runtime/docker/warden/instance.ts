import { setTimeout as wait } from 'node:timers/promises';
import type { Engine } from '../../../../engine/client.ts';
import { EngineError, isUnavailable } from '../../../../engine/errors.ts';
import { hasEnded, readStat } from '../../../../keeper/processes.ts';
import { WireError } from '../../../../wire/server.ts';
import type { ContainerState, ExitRecord, InstanceSpec } from '../protocol.ts';
import { type Absence, isEnginesDoing } from './absence.ts';
import { type Containers, exitOf, NameTaken, type Seen } from './containers.ts';
import { keepLastWords } from './last-words.ts';
import type { Making } from './making.ts';
import { openPortWatch } from './port-watch.ts';

export interface InstanceRecord {
  readonly spec: InstanceSpec;
  /** The container on record is ours; any other of its name is not. */
  readonly container: string | null;
  readonly address: string | null;
  readonly startedAt: number | null;
  /** It was seen to listen at its address. */
  readonly heard: boolean;
  readonly restarts: number;
  /** Ends in a row that came before `stableMs`. */
  readonly quickEnds: number;
  readonly lastExit: ExitRecord | null;
  /** Set before the first signal, so that a stop is finished by whoever comes next. */
  readonly stopping: { readonly graceMs: number } | null;
  /** Of the machine when it was started. */
  readonly bootId: string;
}

export interface Instance {
  state(): ContainerState;
  readonly record: InstanceRecord;
  /** Its container while it runs. */
  container(): string | null;
  /** Its process has ended, and the engine has not said so yet; false where processes cannot be seen. */
  hasJustEnded(): boolean;
  /** Resolves when it was tried to start it; `state` then says how that went. @throws EngineError unavailable. */
  start(): Promise<void>;
  /** Compares what is on record with what the engine says, and acts on it. */
  sync(): Promise<void>;
  /** Resolves when no container of it is left. A second call joins the first; the shorter grace counts. */
  stop(graceMs: number): Promise<void>;
  /** Looks now whether it listens. */
  look(): void;
  close(): void;
}

export interface InstanceContext {
  readonly engine: Engine;
  readonly containers: Containers;
  readonly making: Making;
  readonly bootId: string;
  /** The engine's last one; null: none since this warden runs. */
  readonly absence: () => Absence | null;
  /** It ended before this warden watched, and the engine that runs now knows nothing of it. */
  readonly unseen: (container: string, finishedAt: number | null) => Promise<boolean>;
  readonly save: (record: InstanceRecord, desired: boolean) => void;
  readonly forget: (id: string) => void;
  readonly publish: (state: ContainerState) => void;
  /** Its address or its links came or went. */
  readonly onMoved: () => void;
  readonly report: (message: string) => void;
}

/** Restart back-off: back within a second after a single crash, patient with crash loops. The same as for processes. */
const backoff = { minMs: 250, maxMs: 30_000, stableMs: 10_000 };
/** Pause before an engine that was away is asked again, unless it says itself that it is back. */
const engineAgainMs = 2000;
const stopLookMs = 100;

export function openInstance(first: InstanceRecord, context: InstanceContext): Instance {
  const { engine, containers, making, publish, report } = context;
  const { spec } = first;
  const { id } = spec;
  let record = first;
  let phase: ContainerState['state'] = 'backing-off';
  let pid = 0;
  /** Its process was seen here: an engine whose processes cannot be is believed as it is. */
  let visible = false;
  let closed = false;
  let timer: NodeJS.Timeout | undefined;
  let stopping: { readonly done: Promise<void>; readonly ending: { graceMs: number } } | undefined;
  let turn: Promise<void> = Promise.resolve();

  const watch = openPortWatch({
    address: () => (record.address === null || spec.port === null ? null : { host: record.address, port: spec.port }),
    pid: () => pid,
    told: spec.told,
    onChange: () => {
      if (watch.listening() && !record.heard) keep({ heard: true });
      publish(state());
    },
  });
  const state = (): ContainerState => ({
    id,
    state: phase,
    container: record.container,
    endpoint: record.heard && record.address !== null && spec.port !== null ? { host: record.address, port: spec.port } : null,
    listening: watch.listening(),
    startedAt: record.startedAt,
    restarts: record.restarts,
    lastExit: record.lastExit,
    fault: watch.fault(),
    labels: spec.labels,
  });
  const keep = (change: Partial<InstanceRecord>, desired = false): void => {
    record = { ...record, ...change };
    try {
      context.save(record, desired);
    } catch (cause) {
      report(`The record of ${id} could not be written: ${String(cause)}`);
    }
  };
  const move = (to: ContainerState['state'], change: Partial<InstanceRecord> = {}): void => {
    phase = to;
    keep(change);
    publish(state());
  };
  /** One thing at a time, in the order in which it was asked for. */
  const inTurn = (work: () => Promise<void>): Promise<void> => {
    const mine = turn.then(work, work);
    turn = mine.catch(() => {});
    return mine;
  };
  const later = (ms: number): void => {
    clearTimeout(timer);
    timer = setTimeout(() => void inTurn(launch).catch(trouble), ms);
  };
  const trouble = (cause: unknown): void => {
    if (closed || stopping) return;
    if (!isUnavailable(cause)) report(`${id}: ${cause instanceof Error ? cause.message : String(cause)}`);
    later(engineAgainMs);
  };

  const isUp = (seen: Seen): void => {
    clearTimeout(timer);
    pid = seen.pid;
    visible = readStat(pid) !== null;
    watch.expect(`${seen.container} ${seen.startedAt ?? 0}`);
    move('running', { container: seen.container, startedAt: seen.startedAt, bootId: context.bootId });
  };
  const isDown = (exit: ExitRecord, blameless: boolean): void => {
    pid = 0;
    watch.forget();
    const ranMs = record.startedAt === null ? 0 : exit.at - record.startedAt;
    const quickEnds = blameless || ranMs >= backoff.stableMs ? 0 : record.quickEnds + 1;
    const delay = blameless ? 0 : pauseAfter(quickEnds);
    move('backing-off', { lastExit: exit, quickEnds, restarts: record.restarts + (blameless ? 0 : 1) });
    if (!closed && !stopping) later(delay);
  };

  /** The engine's end, or the machine's, is nobody's crash. */
  const isBlameless = ({ finishedAt }: Seen): boolean =>
    record.bootId !== context.bootId || isEnginesDoing(context.absence(), { startedAt: record.startedAt, finishedAt });

  const launch = async (): Promise<void> => {
    if (closed || stopping || phase === 'running') return;
    try {
      let seen = record.container === null ? null : await containers.inspect(record.container);
      if (seen && !seen.running) seen = await startAgain(seen);
      seen ??= await startAnew();
      if (seen) isUp(seen);
    } catch (cause) {
      if (isUnavailable(cause)) throw cause;
      const message = cause instanceof Error ? cause.message : String(cause);
      keep({ startedAt: Date.now() });
      isDown({ code: null, signal: null, reason: 'start-failed', message, at: Date.now() }, false);
    }
  };
  /** Null when that container can no longer be started, say because its network is gone: then it is removed. */
  const startAgain = async (seen: Seen): Promise<Seen | null> => {
    try {
      await making.network(spec);
      // So that a start that never came on record is not taken for somebody else's.
      keep({ startedAt: null });
      await containers.start(seen.container);
      return await containers.inspect(seen.container);
    } catch (cause) {
      if (isUnavailable(cause)) throw cause;
      await discard(seen.container, `could not be started again: ${cause instanceof Error ? cause.message : String(cause)}`);
      return null;
    }
  };
  const startAnew = async (): Promise<Seen | null> => {
    for (let attempt = 1; ; attempt++) {
      const made = await making.make(spec, record.address);
      const heard = record.heard && made.address === record.address;
      keep({ container: made.container, heard, address: made.address, startedAt: null }, true);
      context.onMoved();
      try {
        await containers.start(made.container);
        return await containers.inspect(made.container);
      } catch (cause) {
        if (isUnavailable(cause)) throw cause;
        await containers.remove(made.container);
        keep({ container: null, address: null });
        // The address may be held by an end that the engine has not digested; the program's own faults stay the same.
        if (attempt === 2 || !/address already in use|network .*not found/i.test(String(cause))) throw cause;
      }
    }
  };
  const discard = async (container: string, why: string): Promise<void> => {
    await keepLastWords(engine, container, spec.logFile, [`[signalbox] ${why}; a new container is made`]);
    await containers.remove(container);
    keep({ container: null });
  };

  const compare = async (): Promise<void> => {
    if (closed || stopping || record.container === null) return;
    const seen = await containers.inspect(record.container);
    if (seen?.running) {
      if (phase !== 'running' || seen.startedAt !== record.startedAt) {
        const unasked = record.startedAt !== null && seen.startedAt !== record.startedAt;
        if (unasked) keep({ restarts: record.restarts + 1, lastExit: unobserved() });
        isUp(seen);
      } else if (pid === 0) isUp(seen);
      return;
    }
    if (phase !== 'running' && timer !== undefined) return;
    if (!seen || seen.removing) {
      // Told before it is gone: whoever judges what fails meanwhile has to know. Its successor waits for its name.
      keep({ container: null });
      report(`${id}: its container was removed by somebody else; a new one is made.`);
      isDown({ ...unobserved(), reason: 'removed' }, false);
    } else if (seen.created) later(0);
    else if (phase !== 'running' && seen.finishedAt !== null && seen.finishedAt === record.lastExit?.at) {
      // Taken in by the warden before this one, which had no time to start it again.
      const pause = record.lastExit.reason === 'unobserved' ? 0 : pauseAfter(record.quickEnds);
      later(Math.min(pause, Math.max(0, seen.finishedAt + pause - Date.now())));
    } else {
      const blameless = isBlameless(seen) || (await context.unseen(seen.container, seen.finishedAt));
      isDown(blameless ? { ...exitOf(seen), reason: 'unobserved' } : exitOf(seen), blameless);
    }
  };

  const end = async (ending: { graceMs: number }): Promise<void> => {
    clearTimeout(timer);
    move('stopping', { stopping: { graceMs: ending.graceMs } });
    await turn;
    const began = performance.now();
    let asked = false;
    let killed = false;
    for (const { container } = record; container !== null; ) {
      try {
        const seen = await containers.inspect(container);
        if (!seen?.running) {
          if (seen && asked) record = { ...record, lastExit: { ...exitOf(seen), reason: 'stopped' } };
          if (seen) {
            await keepLastWords(engine, container, spec.logFile);
            await containers.remove(container);
          }
          break;
        }
        const over = performance.now() - began >= ending.graceMs;
        if (over && !killed) await containers.kill(container, 'SIGKILL');
        else if (!asked) await containers.kill(container, spec.stopSignal);
        killed ||= over;
        asked = true;
        const left = ending.graceMs - (performance.now() - began);
        await wait(killed ? 20 : Math.max(1, Math.min(stopLookMs, left)));
      } catch (cause) {
        if (!isUnavailable(cause)) report(`${id} could not be stopped: ${String(cause)}`);
        if (closed) return;
        await wait(500);
      }
    }
    watch.forget();
    making.release(id);
    context.forget(id);
    context.onMoved();
    phase = 'stopped';
    publish(state());
  };

  const stop = (graceMs: number): Promise<void> => {
    if (stopping) {
      stopping.ending.graceMs = Math.min(stopping.ending.graceMs, graceMs);
      return stopping.done;
    }
    const ending = { graceMs };
    // Set before the first step, which asks whether it is.
    let settle: (work: Promise<void>) => void = () => {};
    stopping = { done: new Promise<void>((resolve) => (settle = resolve)), ending };
    settle(end(ending));
    return stopping.done;
  };

  return {
    state,
    get record() {
      return record;
    },
    container: () => (phase === 'running' ? record.container : null),
    hasJustEnded: () => {
      if (phase !== 'running' || !visible) return false;
      const stat = readStat(pid);
      return stat === null || hasEnded(stat);
    },
    start: () => inTurn(launch),
    sync: () => {
      if (record.stopping && !stopping) void stop(record.stopping.graceMs);
      if (stopping) return Promise.resolve();
      if (record.container === null && phase !== 'running') {
        later(0);
        return Promise.resolve();
      }
      return inTurn(compare);
    },
    stop,
    look: () => watch.look(),
    close: () => {
      closed = true;
      clearTimeout(timer);
      watch.forget();
    },
  };
}

const pauseAfter = (quickEnds: number): number => Math.min(backoff.maxMs, backoff.minMs * 2 ** Math.max(0, quickEnds - 1));

const unobserved = (): ExitRecord => ({ code: null, signal: null, reason: 'unobserved', at: Date.now() });

/** What the first start of an instance failed with, in the wire's words. */
export const refusalOf = (cause: unknown): unknown => {
  if (isUnavailable(cause)) return new WireError('ENGINE_UNAVAILABLE', cause.message);
  if (cause instanceof NameTaken || cause instanceof EngineError) return new WireError('START_FAILED', cause.message);
  return cause;
};
