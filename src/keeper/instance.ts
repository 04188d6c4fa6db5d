import { closeSync, writeFileSync } from 'node:fs';
import { setTimeout as wait } from 'node:timers/promises';
import { type Bystander, type Child, type Ended, start } from './children.ts';
import { endProcesses, processesOf } from './ending.ts';
import type { Cages, MemoryWatch } from './limits.ts';
import { note, type OutputBounds, openOutput } from './output.ts';
import { isAlive, markedProcesses, markerName, type ProcessIdentity } from './processes.ts';
import type { ExitRecord, InstanceState, LaunchSpec } from './protocol.ts';

export interface InstanceRecord {
  readonly spec: LaunchSpec;
  /** The last main process, alive or not; null until the first start. */
  readonly process: ProcessIdentity | null;
  readonly startedAt: number | null;
  readonly restarts: number;
  /** Ends in a row that came before `stableMs`. */
  readonly quickEnds: number;
  readonly lastExit: ExitRecord | null;
  /** Set before the first signal, so that a stop is finished by whoever comes next. */
  readonly stopping: { readonly graceMs: number } | null;
}

export interface Instance {
  state(): InstanceState;
  /** Least time it gets to end when everything is shut down; 0: any. */
  graceMs(): number;
  /** Takes over what the record says: a living process, a death nobody saw, a stop that was under way. */
  adopt(): Promise<void>;
  /** Starts it unless it runs; one that is backing off takes a changed spec and starts at once. */
  start(spec: LaunchSpec): Promise<void>;
  /** Resolves when none of its processes is left. A second call joins the first; the shorter grace counts. */
  stop(graceMs: number): Promise<ExitRecord | null>;
  close(): void;
}

export interface InstanceContext {
  readonly homeId: string;
  readonly bystander: Bystander;
  readonly cages: Cages;
  readonly memory: MemoryWatch;
  readonly bounds: OutputBounds;
  /** Writes the record; `desired` ones survive a power cut. @throws when the disk does not take it. */
  readonly save: (record: InstanceRecord, desired: boolean) => void;
  readonly forget: (id: string) => void;
  readonly publish: (state: InstanceState) => void;
  readonly report: (message: string) => void;
}

/** The kernel takes instances before the programs that carry traffic when the machine's memory ends. */
const oomScore = '500';

export function openInstance(first: InstanceRecord, context: InstanceContext): Instance {
  const { id } = first.spec;
  const marker = `${context.homeId}:${id}`;
  let record = first;
  let phase: InstanceState['state'] = 'backing-off';
  let adopted = false;
  let closed = false;
  let overLimit = false;
  let timer: NodeJS.Timeout | undefined;
  let launching: Promise<void> | undefined;
  let stopping: { promise: Promise<ExitRecord | null>; ending: { graceMs: number } } | undefined;
  let watched: Promise<void> | undefined;
  let cage = context.cages.open(id, first.spec.limits);

  const members = (): number[] => cage?.members() ?? [];
  const state = (): InstanceState => ({
    id,
    state: phase,
    pid: phase === 'running' || phase === 'stopping' ? (record.process?.pid ?? null) : null,
    startedAt: record.startedAt,
    restarts: record.restarts,
    lastExit: record.lastExit,
    labels: record.spec.labels,
    adopted,
  });
  const move = (to: InstanceState['state'], change: Partial<InstanceRecord> = {}): void => {
    phase = to;
    record = { ...record, ...change };
    try {
      context.save(record, false);
    } catch (cause) {
      context.report(`The record of ${id} could not be written: ${String(cause)}`);
    }
    context.publish(state());
  };

  const watch = (process: ProcessIdentity, ended: Promise<Ended>): void => {
    const { memoryMb } = record.spec.limits;
    context.bounds.watch(record.spec.logFile, record.spec.logBytes);
    if (!cage && memoryMb !== undefined) {
      context.memory.watch(id, {
        limitBytes: memoryMb * 1024 * 1024,
        processes: (look) => processesOf({ main: process, marker, members }, look),
        exceeded: () => {
          overLimit = true;
          note(record.spec.logFile, `memory limit of ${memoryMb} MiB exceeded, restarting`);
          void endProcesses({ main: process, marker, members, graceMs: 0 });
        },
      });
    }
    watched = ended.then((end) => onEnd(process, end));
  };

  const onEnd = (process: ProcessIdentity, end: Ended): void => {
    if (record.process !== process || closed) return;
    context.memory.unwatch(id);
    const outOfMemory = overLimit || (end.signal === 'SIGKILL' && cage?.outOfMemory() === true);
    const reason = stopping ? 'stopped' : outOfMemory ? 'memory-limit' : end.observed ? 'exited' : 'unobserved';
    backOff({ code: end.code, signal: end.signal, reason, at: Date.now() });
  };

  const backOff = (lastExit: ExitRecord): void => {
    const { backoff, logFile } = record.spec;
    if (stopping) {
      record = { ...record, lastExit };
      return;
    }
    const ranMs = record.startedAt === null ? 0 : lastExit.at - record.startedAt;
    const quickEnds = ranMs >= backoff.stableMs ? 0 : record.quickEnds + 1;
    const delay = Math.min(backoff.maxMs, backoff.minMs * 2 ** Math.max(0, quickEnds - 1));
    note(logFile, `${describe(lastExit)}; starting again in ${delay} ms`);
    move('backing-off', { lastExit, quickEnds, restarts: record.restarts + 1 });
    timer = setTimeout(() => void launch(), delay);
  };

  const launch = (): Promise<void> => {
    clearTimeout(timer);
    launching ??= attempt().finally(() => {
      launching = undefined;
    });
    return launching;
  };

  const attempt = async (): Promise<void> => {
    const { spec } = record;
    // Whoever outlived the last main process may still sit on the port.
    await endProcesses({ main: null, marker, members, graceMs: 0 });
    if (stopping || closed) return;
    overLimit = false;
    adopted = false;
    const startedAt = Date.now();
    let child: Child;
    let output: number | undefined;
    try {
      output = openOutput(spec.logFile);
      child = await start({
        argv: spec.argv,
        cwd: spec.cwd,
        env: { ...spec.env, [markerName]: marker },
        uid: spec.uid,
        gid: spec.gid,
        output,
        admit: (process) => {
          cage ??= context.cages.open(id, spec.limits);
          cage?.admit(process.pid);
          raiseOomScore(process.pid);
          move('running', { process, startedAt });
        },
      });
    } catch (cause) {
      record = { ...record, startedAt };
      const message = cause instanceof Error ? cause.message : String(cause);
      backOff({ code: null, signal: null, reason: 'start-failed', message, at: Date.now() });
      return;
    } finally {
      if (output !== undefined) closeSync(output);
    }
    watch(child.process, child.ended);
  };

  const end = async (ending: { graceMs: number }): Promise<ExitRecord | null> => {
    clearTimeout(timer);
    move('stopping', { stopping: { graceMs: ending.graceMs } });
    await launching;
    const ran = record.process !== null && isAlive(record.process);
    await endProcesses({
      main: record.process,
      marker,
      members,
      stopSignal: record.spec.stopSignal,
      get graceMs() {
        return ending.graceMs;
      },
    });
    // Its exit code arrives a moment after its end.
    if (ran && watched) await Promise.race([watched, wait(1000)]);
    context.bounds.unwatch(record.spec.logFile);
    context.memory.unwatch(id);
    cage?.remove();
    phase = 'stopped';
    context.forget(id);
    context.publish(state());
    return record.lastExit;
  };

  return {
    state,
    graceMs: () => record.spec.graceMs ?? 0,
    adopt: async () => {
      const process = record.process ?? (await oldestLeader(marker));
      if (process && isAlive(process)) {
        adopted = true;
        record = { ...record, process };
        phase = 'running';
        watch(process, context.bystander.ended(process));
      }
      if (record.stopping) {
        const ending = { graceMs: record.stopping.graceMs };
        stopping = { promise: Promise.resolve(null), ending };
        stopping.promise = end(ending);
      } else if (phase !== 'running') {
        if (record.process) {
          const at = Date.now();
          const unseen = record.lastExit === null || record.startedAt === null || record.lastExit.at < record.startedAt;
          if (unseen)
            record = {
              ...record,
              lastExit: { code: null, signal: null, reason: 'unobserved', at },
              restarts: record.restarts + 1,
            };
        }
        void launch();
      }
      context.publish(state());
    },
    start: async (spec) => {
      if (launching) await launching;
      if (phase === 'running') return;
      if (record.process !== null && JSON.stringify(spec) === JSON.stringify(record.spec)) return;
      record = { ...record, spec };
      context.save(record, true);
      await launch();
    },
    stop: (graceMs) => {
      if (stopping) {
        stopping.ending.graceMs = Math.min(stopping.ending.graceMs, graceMs);
        return stopping.promise;
      }
      const ending = { graceMs };
      stopping = { promise: Promise.resolve(null), ending };
      stopping.promise = end(ending);
      return stopping.promise;
    },
    close: () => {
      closed = true;
      clearTimeout(timer);
    },
  };
}

/** When the disk was full while it started there is no record of its process: the oldest leader with the marker is it. */
async function oldestLeader(marker: string): Promise<ProcessIdentity | null> {
  const leaders = (await markedProcesses()).filter(
    (found) => found.marker === marker && found.stat.session === found.process.pid,
  );
  return leaders.map(({ process }) => process).sort((a, b) => a.startTime - b.startTime)[0] ?? null;
}

/** Allowed without privileges: only lowering it is not. */
export function raiseOomScore(pid: number): void {
  try {
    writeFileSync(`/proc/${pid}/oom_score_adj`, oomScore);
  } catch {
    // It ended already.
  }
}

function describe(exit: ExitRecord): string {
  if (exit.reason === 'start-failed') return `could not be started: ${exit.message ?? ''}`;
  if (exit.reason === 'memory-limit') return 'ended: memory limit exceeded';
  if (exit.code !== null) return `exited with code ${exit.code}`;
  return exit.signal === null ? 'ended unobserved' : `ended by ${exit.signal}`;
}
