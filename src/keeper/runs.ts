import { closeSync, constants, openSync, readFileSync, rmSync } from 'node:fs';
import { setPriority } from 'node:os';
import { join } from 'node:path';
import { type Bystander, type Ended, start } from './children.ts';
import { endProcesses } from './ending.ts';
import { raiseOomScore } from './instance.ts';
import type { Cages, MemoryWatch } from './limits.ts';
import { note, type OutputBounds, openOutput } from './output.ts';
import { isAlive, markerName, type ProcessIdentity } from './processes.ts';
import type { RunSpec, RunState } from './protocol.ts';
import type { Records } from './state.ts';

export interface RunRecord {
  readonly spec: RunSpec;
  readonly process: ProcessIdentity | null;
  readonly state: RunState;
  /** Set before the first signal. */
  readonly ending: 'timed-out' | 'cancelled' | null;
}

/** Commands that run once and are never started a second time, whatever dies in between. */
export interface Runs {
  adopt(): void;
  /** @throws when the record cannot be written: then nothing is started. */
  run(spec: RunSpec): Promise<RunState>;
  end(id: string, graceMs: number, reason: 'timed-out' | 'cancelled'): Promise<RunState | null>;
  forget(id: string): void;
  has(id: string): boolean;
  list(): RunState[];
}

export interface RunsOptions {
  readonly homeId: string;
  readonly folder: string;
  readonly records: Records<RunRecord>;
  readonly bystander: Bystander;
  readonly cages: Cages;
  readonly memory: MemoryWatch;
  readonly bounds: OutputBounds;
  readonly publish: (state: RunState) => void;
  readonly report: (message: string) => void;
}

export function openRuns(options: RunsOptions): Runs {
  const { homeId, folder, records, bystander, cages, bounds, publish, report } = options;
  const runs = new Map<string, RunRecord>();
  const finished = new Map<string, Promise<void>>();
  const markerOf = (id: string): string => `${homeId}:${id}`;
  const exitFile = (id: string): string => join(folder, `${encodeURIComponent(id)}.exit`);
  const save = (record: RunRecord): RunRecord => {
    runs.set(record.spec.id, record);
    records.write(record.spec.id, record);
    return record;
  };
  const trySave = (record: RunRecord): RunRecord => {
    try {
      return save(record);
    } catch (cause) {
      report(`The record of ${record.spec.id} could not be written: ${String(cause)}`);
      return record;
    }
  };
  const membersOf = (spec: RunSpec): (() => number[]) => {
    const cage = cages.open(spec.id, spec.limits);
    return () => cage?.members() ?? [];
  };

  /** What the command started and left behind ends with it. */
  const finish = async (id: string, ended: Ended | null): Promise<void> => {
    const record = runs.get(id);
    if (!record || record.state.state === 'ended') return;
    await endProcesses({ main: null, marker: markerOf(id), members: membersOf(record.spec), graceMs: 0 });
    const written = readExit(exitFile(id));
    const exitCode = written ?? (ended?.observed ? (ended.code ?? 128 + 9) : null);
    const end = record.ending ?? (exitCode === null ? 'lost' : 'exited');
    bounds.unwatch(record.spec.logFile);
    cages.open(id, record.spec.limits)?.remove();
    const latest = runs.get(id) ?? record;
    const state: RunState = {
      ...latest.state,
      state: 'ended',
      exitCode: record.ending ? null : exitCode,
      end,
      endedAt: Date.now(),
    };
    publish(trySave({ ...latest, state }).state);
  };
  const watch = (record: RunRecord, ended: Promise<Ended>): void => {
    bounds.watch(record.spec.logFile, record.spec.logBytes);
    finished.set(
      record.spec.id,
      ended.then((end) => finish(record.spec.id, end)),
    );
  };

  const launch = async (spec: RunSpec): Promise<void> => {
    const output = openOutput(spec.logFile);
    const exit = openSync(exitFile(spec.id), constants.O_WRONLY | constants.O_CREAT | constants.O_APPEND, 0o600);
    const cage = cages.open(spec.id, spec.limits);
    try {
      const child = await start({
        argv: spec.argv,
        cwd: spec.cwd,
        env: { ...spec.env, [markerName]: markerOf(spec.id) },
        uid: spec.uid,
        gid: spec.gid,
        output,
        exitFile: exit,
        admit: (process) => {
          const record = runs.get(spec.id);
          if (!record || record.ending) throw new Error('It was cancelled before it started.');
          cage?.admit(process.pid);
          raiseOomScore(process.pid);
          if (spec.nice > 0) setPriority(process.pid, spec.nice);
          save({ ...record, process, state: { ...record.state, pid: process.pid } });
        },
      });
      const record = runs.get(spec.id);
      if (record) watch(record, child.ended);
    } finally {
      closeSync(output);
      closeSync(exit);
    }
  };

  return {
    adopt: () => {
      for (const record of records.all((file, cause) => report(`${file} is unreadable: ${String(cause)}`))) {
        runs.set(record.spec.id, record);
        if (record.state.state === 'ended') continue;
        const { process } = record;
        if (process && isAlive(process)) watch(record, bystander.ended(process));
        else finished.set(record.spec.id, finish(record.spec.id, null));
      }
    },
    run: async (spec) => {
      const known = runs.get(spec.id);
      if (known) return known.state;
      const { id, labels } = spec;
      const state: RunState = {
        id,
        state: 'running',
        pid: null,
        exitCode: null,
        end: null,
        startedAt: Date.now(),
        endedAt: null,
        labels,
      };
      save({ spec, process: null, state, ending: null });
      try {
        await launch(spec);
      } catch (cause) {
        note(spec.logFile, `could not be started: ${cause instanceof Error ? cause.message : String(cause)}`);
        await finish(id, { observed: true, code: 127, signal: null });
      }
      const now = runs.get(id)?.state ?? state;
      publish(now);
      return now;
    },
    end: async (id, graceMs, reason) => {
      const record = runs.get(id);
      if (!record) return null;
      if (record.state.state === 'running') {
        trySave({ ...record, ending: record.ending ?? reason });
        await endProcesses({ main: record.process, marker: markerOf(id), members: membersOf(record.spec), graceMs });
        await (finished.get(id) ?? finish(id, null));
      }
      return runs.get(id)?.state ?? null;
    },
    forget: (id) => {
      if (runs.get(id)?.state.state === 'running') return;
      runs.delete(id);
      finished.delete(id);
      records.remove(id);
      rmSync(exitFile(id), { force: true });
    },
    has: (id) => runs.has(id),
    list: () => [...runs.values()].map(({ state }) => state),
  };
}

/** Null until the whole line is there. */
function readExit(file: string): number | null {
  try {
    const code = /^(\d+)\n/.exec(readFileSync(file, 'latin1'))?.[1];
    return code === undefined ? null : Number(code);
  } catch {
    return null;
  }
}
