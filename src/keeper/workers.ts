import { spawn } from 'node:child_process';
import { closeSync } from 'node:fs';
import { setTimeout as wait } from 'node:timers/promises';
import { connectWire, type WireClient } from '../wire/client.ts';
import type { Events } from '../wire/protocol.ts';
import type { Bystander, Ended } from './children.ts';
import { note, type OutputBounds, openOutput } from './output.ts';
import { identify, isAlive, type ProcessIdentity } from './processes.ts';
import type { InheritedListener, WorkerSpec, WorkerState } from './protocol.ts';
import { readJson, writeJson } from './state.ts';

export interface WorkerRecord {
  readonly spec: WorkerSpec;
  readonly process: ProcessIdentity | null;
  readonly restarts: number;
  /** What the process was started as (`launchedAs`); another means that it has to be exchanged. */
  readonly launched?: string;
}

export interface Workers {
  /** Takes over those that live, starts the others; call once, first. */
  adopt(): void;
  declare(specs: readonly WorkerSpec[]): Promise<WorkerState[]>;
  replace(name: string, graceMs: number): Promise<WorkerState[]>;
  list(): WorkerState[];
  /** Asks all to finish; resolves when they have ended. */
  end(graceMs: number): Promise<void>;
  close(): void;
}

export interface WorkersOptions {
  readonly homeId: string;
  readonly file: string;
  readonly listeners: () => readonly InheritedListener[];
  readonly bystander: Bystander;
  readonly bounds: OutputBounds;
  readonly publish: (state: WorkerState) => void;
  readonly report: (message: string) => void;
}

/** The part of a worker's control protocol that the keeper needs. */
type WorkerMethods = {
  hello: { params: Record<string, never>; result: { readonly pid: number } };
  finish: { params: { readonly graceMs: number }; result: null };
};
type WorkerControl = WireClient<WorkerMethods, Events>;

/**
 * After the first restart, which is immediate: `firstMs` * 2^n up to `mostMs`, so that whoever kills it again and again finds it back
 * within a second each time. Forgiven after `stableMs` of running: nobody is served while a worker is waited for, and a start costs
 * little.
 */
const backoff = { firstMs: 100, mostMs: 500, stableMs: 2000 };
const logBytes = 10 * 1024 * 1024;
const readyMs = 5000;
const helloMs = 1000;
const killMs = 1000;
/** How long a worker that is exchanged or no longer wanted may take to finish. */
const exchangeGraceMs = 10_000;
/** All that a worker needs of an environment. */
const path = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

interface Worker {
  spec: WorkerSpec;
  process: ProcessIdentity | null;
  startedAt: number;
  restarts: number;
  quickEnds: number;
  state: WorkerState['state'];
  timer: NodeJS.Timeout | undefined;
  launched: string;
}

export function openWorkers(options: WorkersOptions): Workers {
  const { homeId, file, listeners, bystander, bounds, publish, report } = options;
  const workers = new Map<string, Worker>();
  let closed = false;

  const stateOf = ({ spec, process, state, restarts }: Worker): WorkerState => ({
    name: spec.name,
    pid: state === 'running' ? (process?.pid ?? null) : null,
    state,
    restarts,
  });
  const list = (): WorkerState[] => [...workers.values()].map(stateOf);
  const save = (): void => {
    const records: WorkerRecord[] = [...workers.values()].map(({ spec, process, restarts, launched }) => ({
      spec,
      process,
      restarts,
      launched,
    }));
    try {
      writeJson(file, records);
    } catch (cause) {
      report(`The workers' record could not be written: ${String(cause)}`);
    }
  };
  const watch = (worker: Worker, process: ProcessIdentity, ended: Promise<Ended>): void => {
    bounds.watch(worker.spec.logFile, logBytes);
    void ended.then((end) => {
      if (!closed && worker.process === process && workers.get(worker.spec.name) === worker) revive(worker, end);
    });
  };
  const revive = (worker: Worker, end: Ended): void => {
    const ranMs = performance.now() - worker.startedAt;
    worker.quickEnds = ranMs >= backoff.stableMs ? 0 : worker.quickEnds + 1;
    worker.restarts += 1;
    const delay = worker.quickEnds <= 1 ? 0 : Math.min(backoff.mostMs, backoff.firstMs * 2 ** (worker.quickEnds - 2));
    note(worker.spec.logFile, `ended (${end.signal ?? end.code ?? 'unobserved'}); starting again in ${delay} ms`);
    worker.state = 'backing-off';
    publish(stateOf(worker));
    if (delay === 0) launch(worker);
    else worker.timer = setTimeout(() => launch(worker), delay);
  };

  const launch = (worker: Worker): void => {
    const { spec } = worker;
    worker.startedAt = performance.now();
    const held = listeners();
    worker.launched = launchedAs(spec, held);
    const inherited = held.map(({ name, host, port }, index) => ({ name, host, port, fd: 3 + index }));
    let output: number | undefined;
    try {
      output = openOutput(spec.logFile);
      const config = JSON.stringify({ ...spec.config, listeners: inherited });
      const child = spawn(process.execPath, [...spec.nodeArgs, spec.program, config], {
        env: { PATH: path, SIGNALBOX_WORKER: `${homeId}:${spec.name}` },
        cwd: '/',
        detached: true,
        stdio: ['ignore', output, output, ...held.map(({ fd }) => fd)],
      });
      const ended = new Promise<Ended>((resolve) => {
        child.once('exit', (code, signal) => resolve({ observed: true, code, signal }));
        child.once('error', () => resolve({ observed: true, code: 127, signal: null }));
      });
      child.unref();
      worker.process = (child.pid !== undefined && identify(child.pid)) || { pid: 0, startTime: 0, bootId: '' };
      worker.state = 'running';
      watch(worker, worker.process, ended);
      save();
      publish(stateOf(worker));
    } catch (cause) {
      report(`The worker ${spec.name} could not be started: ${String(cause)}`);
      worker.process = null;
      revive(worker, { observed: true, code: 127, signal: null });
    } finally {
      if (output !== undefined) closeSync(output);
    }
  };

  const add = (spec: WorkerSpec, known?: WorkerRecord): Worker => {
    const worker: Worker = {
      spec,
      process: known?.process ?? null,
      startedAt: performance.now(),
      restarts: known?.restarts ?? 0,
      quickEnds: 0,
      state: 'backing-off',
      timer: undefined,
      launched: known?.launched ?? '',
    };
    workers.set(spec.name, worker);
    return worker;
  };

  /** Lets a process finish on its own, then ends it. */
  const retire = async (process: ProcessIdentity, control: WorkerControl | null, graceMs: number): Promise<void> => {
    if (control) await control.call('finish', { graceMs }).catch(() => send(process, 'SIGTERM'));
    else send(process, 'SIGTERM');
    const deadline = performance.now() + graceMs + 500;
    while (isAlive(process) && performance.now() < deadline) await wait(50);
    send(process, 'SIGKILL');
    control?.close();
  };

  const drop = async (worker: Worker, graceMs: number): Promise<void> => {
    clearTimeout(worker.timer);
    workers.delete(worker.spec.name);
    worker.state = 'stopped';
    save();
    if (worker.process && isAlive(worker.process)) {
      await retire(worker.process, await controlOf(worker.spec, worker.process, graceMs), graceMs);
    }
    bounds.unwatch(worker.spec.logFile);
    publish(stateOf(worker));
  };

  const replace = async (name: string, graceMs: number): Promise<WorkerState[]> => {
    const worker = workers.get(name);
    if (!worker) return list();
    clearTimeout(worker.timer);
    const former = worker.process;
    // Its end is ours from here on, and starts nothing.
    worker.process = null;
    // Connected before the new one takes the socket's name.
    const control = former && isAlive(former) ? await controlOf(worker.spec, former, graceMs) : null;
    // One that does not answer may be about to: it would take the socket from its successor, which nobody could reach then.
    if (former && !control) await kill(former);
    worker.quickEnds = 0;
    worker.restarts += 1;
    launch(worker);
    await ready(worker);
    if (former && isAlive(former)) void retire(former, control, graceMs);
    return list();
  };

  return {
    adopt: () => {
      for (const record of (readJson(file) as WorkerRecord[] | undefined) ?? []) {
        const worker = add(record.spec, record);
        if (record.process && isAlive(record.process)) {
          worker.state = 'running';
          watch(worker, record.process, bystander.ended(record.process));
          publish(stateOf(worker));
        } else {
          launch(worker);
        }
      }
    },
    declare: async (specs) => {
      const gone = [...workers.values()].filter(({ spec }) => !specs.some(({ name }) => name === spec.name));
      for (const spec of specs) {
        const worker = workers.get(spec.name);
        if (worker) worker.spec = spec;
        else launch(add(spec));
      }
      save();
      await Promise.all(gone.map((worker) => drop(worker, exchangeGraceMs)));
      for (const worker of workers.values()) {
        if (worker.launched !== launchedAs(worker.spec, listeners())) await replace(worker.spec.name, exchangeGraceMs);
      }
      return list();
    },
    replace,
    list,
    end: async (graceMs) => {
      await Promise.all([...workers.values()].map((worker) => drop(worker, graceMs)));
    },
    close: () => {
      closed = true;
      for (const { timer } of workers.values()) clearTimeout(timer);
    },
  };
}

/** Everything that a worker is given at its start: when it changes, only a new process can know. */
const launchedAs = ({ program, config, nodeArgs }: WorkerSpec, held: readonly InheritedListener[]): string =>
  JSON.stringify([program, config, nodeArgs, held.map(({ name, host, port }) => [name, host, port])]);

/** Waits until the newly started process answers on the control socket, or the time for that is over. */
async function ready(worker: Worker): Promise<void> {
  const deadline = performance.now() + readyMs;
  while (performance.now() < deadline) {
    const control = worker.process && (await controlOf(worker.spec, worker.process, 0));
    control?.close();
    if (control) return;
    await wait(20);
  }
}

/** Null when this very process does not answer: within `helloMs`, or as long as what it has in flight is worth waiting for. */
async function controlOf({ config }: WorkerSpec, { pid }: ProcessIdentity, graceMs: number): Promise<WorkerControl | null> {
  const { controlSocket } = config;
  if (typeof controlSocket !== 'string') return null;
  const control = await connectWire<WorkerMethods, Events>(controlSocket).catch(() => null);
  const hello = await control?.call('hello', {}, Math.max(helloMs, Math.min(graceMs, readyMs))).catch(() => null);
  if (hello?.pid === pid) return control;
  control?.close();
  return null;
}

/** Resolves when it has ended, or after `killMs`: what hangs in the kernel is no reason to serve nobody. */
async function kill(target: ProcessIdentity): Promise<void> {
  send(target, 'SIGKILL');
  const deadline = performance.now() + killMs;
  while (isAlive(target) && performance.now() < deadline) await wait(5);
}

function send(target: ProcessIdentity, signal: 'SIGTERM' | 'SIGKILL'): void {
  if (!isAlive(target)) return;
  try {
    process.kill(target.pid, signal);
  } catch {
    // It ended just now.
  }
}
