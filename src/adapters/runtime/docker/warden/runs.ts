import type { Engine } from '../../../../engine/client.ts';
import { isUnavailable } from '../../../../engine/errors.ts';
import type { Records } from '../../../../keeper/state.ts';
import type { RunSpec, RunState } from '../protocol.ts';
import { type Absence, isEnginesDoing } from './absence.ts';
import type { Containers } from './containers.ts';
import { lastLines } from './last-words.ts';
import type { Making } from './making.ts';

export interface RunRecord {
  readonly spec: RunSpec;
  readonly container: string | null;
  readonly address: string | null;
  readonly state: RunState;
  /** Set before the first signal. */
  readonly ending: 'timed-out' | 'cancelled' | null;
}

/** Commands that run once and are never started a second time, whatever dies in between. Their records outlive their containers. */
export interface Runs {
  adopt(records: readonly RunRecord[]): void;
  /** @throws EngineError, NameTaken: then nothing was started. */
  run(spec: RunSpec): Promise<RunState>;
  end(id: string, graceMs: number, reason: 'timed-out' | 'cancelled'): Promise<RunState | null>;
  /** What the engine says of them, acted on. */
  sync(id?: string): Promise<void>;
  forget(workload: string): void;
  list(): RunState[];
  records(): readonly RunRecord[];
  close(): void;
}

export interface RunsOptions {
  readonly engine: Engine;
  readonly containers: Containers;
  readonly making: Making;
  readonly store: Records<RunRecord>;
  readonly publish: (state: RunState) => void;
  readonly onMoved: () => void;
  /** The engine's last one; null: none since this warden runs. */
  readonly absence: () => Absence | null;
  /** It ended before this warden watched, and the engine that runs now knows nothing of it. */
  readonly unseen: (container: string, finishedAt: number | null) => Promise<boolean>;
  readonly report: (message: string) => void;
}

const tailLines = 40;
/** Of one of them; the same as of a build's. They go into records, events and every answer about runs. */
const longestLine = 4096;
/** SIGTERM to SIGKILL of a command whose time is over, ms. */
const graceAtTimeoutMs = 2000;

export function openRuns(options: RunsOptions): Runs {
  const { engine, containers, making, store, publish, onMoved, absence, unseen, report } = options;
  const runs = new Map<string, RunRecord>();
  const timers = new Map<string, NodeJS.Timeout>();
  const starting = new Map<string, Promise<RunState>>();
  const finishing = new Map<string, Promise<void>>();
  let closed = false;

  const keep = (record: RunRecord): void => {
    runs.set(record.spec.id, record);
    store.write(record.spec.id, record);
  };
  const drop = (id: string): void => {
    clearTimeout(timers.get(id));
    timers.delete(id);
    making.release(id);
    onMoved();
  };
  const finish = (id: string, exitCode: number | null): Promise<void> => {
    const mine = finishing.get(id) ?? conclude(id, exitCode).finally(() => finishing.delete(id));
    finishing.set(id, mine);
    return mine;
  };
  const conclude = async (id: string, exitCode: number | null): Promise<void> => {
    const record = runs.get(id);
    if (!record || record.state.state === 'ended') return;
    const words = record.container === null ? [] : await lastLines(engine, record.container, tailLines);
    const tail = words.map((line) => line.slice(0, longestLine));
    const { ending } = runs.get(id) ?? record;
    const end = ending ?? (exitCode === null ? 'lost' : 'exited');
    const state: RunState = {
      ...record.state,
      state: 'ended',
      exitCode: ending ? null : exitCode,
      end,
      endedAt: Date.now(),
      tail,
    };
    const done = { ...record, ending, state };
    try {
      keep(done);
    } catch (cause) {
      // Its exited container stays as the record.
      report(`The record of ${id} could not be written: ${String(cause)}`);
      runs.set(id, done);
      publish(state);
      return;
    }
    drop(id);
    publish(state);
    if (record.container !== null) await containers.remove(record.container).catch(() => {});
  };
  /** The deadline counts from the start, whoever watches by then. */
  const arm = ({ spec, state }: RunRecord): void => {
    clearTimeout(timers.get(spec.id));
    const left = Math.min(spec.timeoutMs, state.startedAt + spec.timeoutMs - Date.now());
    timers.set(
      spec.id,
      setTimeout(() => void end(spec.id, graceAtTimeoutMs, 'timed-out'), Math.max(0, left)),
    );
  };
  const launch = async (spec: RunSpec): Promise<RunState> => {
    const state: RunState = {
      id: spec.id,
      state: 'running',
      exitCode: null,
      end: null,
      startedAt: Date.now(),
      endedAt: null,
      tail: [],
      labels: spec.labels,
    };
    let record: RunRecord = { spec, container: null, address: null, state, ending: null };
    let asked = false;
    try {
      keep(record);
      const made = await making.make(spec, null);
      record = { ...(runs.get(spec.id) ?? record), ...made };
      keep(record);
      onMoved();
      if (record.ending) return await over(spec.id);
      asked = true;
      await containers.start(made.container);
    } catch (cause) {
      // An engine that went away may have started it: what became of it shows when it is back.
      if (asked && isUnavailable(cause)) return state;
      if (record.container !== null) await containers.remove(record.container).catch(() => {});
      drop(spec.id);
      runs.delete(spec.id);
      store.remove(spec.id);
      throw cause;
    }
    arm(record);
    await sync(spec.id);
    const now = runs.get(spec.id)?.state ?? state;
    publish(now);
    return now;
  };
  const over = async (id: string): Promise<RunState> => {
    await finish(id, null);
    return runs.get(id)?.state as RunState;
  };

  const look = async (record: RunRecord): Promise<void> => {
    const { id } = record.spec;
    if (record.state.state === 'ended' || (starting.has(id) && record.container === null)) return;
    const seen = await containers.inspect(record.container ?? record.spec.name);
    if (!seen || (record.container === null && seen.labels['signalbox.run'] !== id)) {
      if (!starting.has(id)) await finish(id, null);
    } else if (seen.running) {
      if (!timers.has(id)) arm(record);
    } else if (seen.created) {
      // Made and never begun: the one before died in between.
      if (starting.has(id)) return;
      const found = { ...record, container: seen.container };
      keep(found);
      if (record.ending) await finish(id, null);
      else {
        await containers.start(seen.container);
        arm(found);
      }
    } else {
      if (record.container === null) keep({ ...record, container: seen.container });
      // How it would have ended, had the engine not ended it, nobody knows.
      const cut =
        seen.exitCode !== 0 &&
        (isEnginesDoing(absence(), { ...record.state, finishedAt: seen.finishedAt }) ||
          (await unseen(seen.container, seen.finishedAt)));
      await finish(id, cut ? null : seen.exitCode);
    }
  };
  const sync = async (id?: string): Promise<void> => {
    const all = [...runs.values()].filter(({ spec, state }) => state.state === 'running' && (id === undefined || spec.id === id));
    await Promise.all(all.map((record) => look(record)));
  };
  const end = async (id: string, graceMs: number, reason: 'timed-out' | 'cancelled'): Promise<RunState | null> => {
    const record = runs.get(id);
    if (!record) return null;
    if (record.state.state === 'running') {
      const marked = { ...record, ending: record.ending ?? reason };
      runs.set(id, marked);
      try {
        keep(marked);
      } catch (cause) {
        report(`The record of ${id} could not be written: ${String(cause)}`);
      }
      await starting.get(id)?.catch(() => {});
      await put(id, graceMs);
    }
    return runs.get(id)?.state ?? null;
  };
  /** Ends its container, and goes on until the engine has said so. */
  const put = async (id: string, graceMs: number): Promise<void> => {
    const began = performance.now();
    let signal: 'SIGTERM' | 'SIGKILL' | null = null;
    while (!closed && runs.get(id)?.state.state === 'running') {
      const { container } = runs.get(id) as RunRecord;
      const next = performance.now() - began >= graceMs ? 'SIGKILL' : 'SIGTERM';
      try {
        if (container !== null && signal !== next) await containers.kill(container, next);
        signal = next;
        await sync(id);
      } catch (cause) {
        if (!isUnavailable(cause)) report(`${id} could not be ended: ${String(cause)}`);
      }
      if (runs.get(id)?.state.state === 'running') await new Promise((resolve) => setTimeout(resolve, 50));
    }
  };

  return {
    adopt: (records) => {
      for (const record of records) {
        runs.set(record.spec.id, record);
        if (record.state.state === 'ended') continue;
        making.hold(record.spec, record.address);
        if (record.ending) void end(record.spec.id, graceAtTimeoutMs, record.ending);
        else if (record.container !== null) arm(record);
      }
    },
    run: (spec) => {
      const known = runs.get(spec.id);
      const begun = starting.get(spec.id);
      if (begun) return begun;
      if (known) return Promise.resolve(known.state);
      const mine = launch(spec).finally(() => starting.delete(spec.id));
      starting.set(spec.id, mine);
      return mine;
    },
    end,
    sync,
    forget: (workload) => {
      for (const { spec, state } of runs.values()) {
        if (state.state !== 'ended' || spec.labels['signalbox.workload'] !== workload) continue;
        runs.delete(spec.id);
        store.remove(spec.id);
      }
    },
    list: () => [...runs.values()].map(({ state }) => state),
    records: () => [...runs.values()],
    close: () => {
      closed = true;
      for (const timer of timers.values()) clearTimeout(timer);
    },
  };
}
