import { createHash } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { millis } from '../../../domain/values.ts';
import type { RunState } from '../../../keeper/protocol.ts';
import type { LogOptions, OneOff, OneOffResult, OneOffState } from '../../../ports/runtime.ts';
import { logFolderOf, placeOf } from './folders.ts';
import type { KeeperCalls, RuntimeKeeper } from './keeper-calls.ts';
import { lastLines, readLogs } from './logs.ts';
import { type PrepareOptions, prepare } from './prepare.ts';
import { shellArgv } from './shell.ts';

export interface OneOffs {
  run(command: OneOff): Promise<OneOffResult>;
  inspect(id: string): Promise<OneOffState>;
  /** Ends the running ones of a workload. */
  cancel(workload: string, graceMs: number, epoch: number): Promise<void>;
  forget(workload: string, epoch: number): Promise<void>;
  /** Lines of one command's output; waits for it to begin as long as it is followed. */
  lines(id: string, options: LogOptions): AsyncIterable<string>;
}

export interface OneOffsOptions extends PrepareOptions {
  readonly keeper: RuntimeKeeper;
  readonly call: KeeperCalls;
}

const tailLines = 50;
const logBytes = 10 * 1024 * 1024;
/** SIGTERM to SIGKILL when its time is over, ms. */
const graceMs = 5000;
/** The keeper's events may be missed while it is away; the list tells, ms. */
const pollMs = 1000;
/** How often is looked whether a command has begun whose output is wanted, ms. */
const beginMs = 50;

export function openOneOffs(options: OneOffsOptions): OneOffs {
  const { keeper, call, folders } = options;
  /** Calls for one id that are still preparing. */
  const starting = new Map<string, Promise<RunState>>();

  const stateOf = async (id: string): Promise<RunState | undefined> =>
    (await call('list', {})).runs.find((run) => run.id === runId(id));

  const start = async (command: OneOff): Promise<RunState> => {
    const known = await stateOf(command.id);
    if (known) return known;
    const { workload, env, epoch } = command;
    const id = runId(command.id);
    const logFile = join(logFolderOf(folders, workload), `${id}.log`);
    const prepared = await prepare({ workload, copy: id, command: command.command, env, listen: null }, options);
    const { memoryMb, cpus } = workload.resources;
    return call('run', {
      epoch,
      spec: {
        id,
        argv: shellArgv(command.command),
        cwd: prepared.place.cwd,
        env: prepared.env,
        logFile,
        logBytes,
        ...prepared.owner,
        limits: { ...(memoryMb === undefined ? {} : { memoryMb }), ...(cpus === undefined ? {} : { cpus }) },
        nice: command.lowPriority === true ? 10 : 0,
        labels: { workload: workload.id, scratch: placeOf(folders, workload, id).base, log: logFile },
      },
    });
  };

  /** Resolves with the state at its end; ends it itself at the deadline or when the signal aborts. */
  const finish = (first: RunState, command: OneOff): Promise<RunState> =>
    new Promise((resolve, reject) => {
      const left = first.startedAt + command.timeout - Date.now();
      const settle = (state: RunState | null): void => {
        if (state?.state === 'running') return;
        clearTimeout(deadline);
        clearInterval(poll);
        stopListening();
        command.signal?.removeEventListener('abort', cancel);
        resolve(state ?? { ...first, state: 'ended', end: 'lost', endedAt: Date.now() });
      };
      const end = (reason: 'timed-out' | 'cancelled'): void => {
        call('end-run', { epoch: command.epoch, id: first.id, graceMs, reason }).then(settle, reject);
      };
      const look = (): void => {
        stateOf(command.id).then((state) => settle(state ?? null), reject);
      };
      const cancel = (): void => end('cancelled');
      const stopListening = keeper.on('run', (state) => {
        if (state.id === first.id) settle(state);
      });
      const deadline = setTimeout(() => end('timed-out'), Math.max(0, Math.min(left, command.timeout)));
      const poll = setInterval(look, pollMs);
      if (command.signal?.aborted) cancel();
      else command.signal?.addEventListener('abort', cancel);
      look();
    });

  return {
    run: async (command) => {
      const joined = starting.get(command.id) ?? start(command).finally(() => starting.delete(command.id));
      starting.set(command.id, joined);
      const first = await joined;
      const last = first.state === 'ended' ? first : await finish(first, command);
      const scratch = last.labels['scratch'];
      if (scratch) await rm(scratch, { recursive: true, force: true });
      return resultOf(last);
    },
    inspect: async (id) => {
      const state = await stateOf(id);
      if (!state) return { state: 'unknown' };
      return state.state === 'running' ? { state: 'running' } : { state: 'ended', result: resultOf(state) };
    },
    lines: async function* (id, { tail = 100, follow }) {
      let file = (await stateOf(id))?.labels['log'];
      while (file === undefined && follow !== undefined && !follow.aborted) {
        await wait(beginMs, undefined, { signal: follow }).catch(() => {});
        file = (await stateOf(id).catch(() => undefined))?.labels['log'];
      }
      if (file === undefined) return;
      const name = basename(file, '.log');
      for await (const { text } of readLogs(dirname(file), { tail, follow, matches: (other) => other === name })) yield text;
    },
    cancel: async (workload, grace, epoch) => {
      const { runs } = await call('list', {});
      const open = runs.filter(({ labels, state }) => labels['workload'] === workload && state === 'running');
      await Promise.all(open.map(({ id }) => call('end-run', { epoch, id, graceMs: grace, reason: 'cancelled' })));
    },
    forget: async (workload, epoch) => {
      const { runs } = await call('list', {});
      for (const { id, labels } of runs) if (labels['workload'] === workload) await call('forget-run', { epoch, id });
    },
  };
}

function resultOf({ end, exitCode, startedAt, endedAt, labels }: RunState): OneOffResult {
  return {
    end: end ?? 'lost',
    exitCode,
    duration: millis(Math.max(0, (endedAt ?? startedAt) - startedAt)),
    tail: labels['log'] ? lastLines(labels['log'], tailLines) : [],
  };
}

/** Short and safe as a file name, apart from every instance's id. */
const runId = (id: string): string =>
  /^[\w.-]{1,80}$/.test(id) ? `run-${id}` : `run-${createHash('sha256').update(id).digest('hex').slice(0, 24)}`;
