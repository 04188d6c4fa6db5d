import { SignalboxError } from '../../../src/domain/errors.ts';
import type { Workload } from '../../../src/domain/release.ts';
import type { InstanceId, WallTime, WorkloadId } from '../../../src/domain/values.ts';
import type { InstanceExit, InstanceObservation, OneOff, OneOffResult, Runtime } from '../../../src/ports/runtime.ts';
import { Fence, type Violations } from './fence.ts';
import type { ManualTime } from './time.ts';

/** How a workload's program behaves, by its age in milliseconds. Default: listens at once and is well for ever. */
export interface Program {
  /** Whether a health probe succeeds at this age. */
  readonly healthy?: (age: number) => boolean | 'hangs';
  /** Exits with 1 at this age, each time it is started. */
  readonly crashesAfter?: number;
  readonly fault?: { readonly code: string; readonly message: string };
  readonly log?: readonly string[] | 'hangs';
  /** `ensure` throws this. */
  readonly refusesToStart?: Error;
}

/** How a release command behaves. Default: takes 200 ms and exits with 0. */
export interface Command {
  readonly takes?: number;
  readonly exitCode?: number;
  /** Nobody sees its end. */
  readonly lost?: boolean;
}

interface Instance {
  seen: InstanceObservation;
  workload: Workload;
  bornAt: number;
  cancel: () => void;
}

interface Run {
  readonly done: Promise<OneOffResult>;
  end: (how: OneOffResult['end'], exitCode: number | null) => void;
  over: boolean;
}

/** A machine that runs programs in virtual time. It outlives every control plane and watches over what it is told. */
export class MachineRuntime {
  readonly fence = new Fence();
  readonly programs = new Map<string, Program>();
  readonly commands = new Map<string, Command>();
  /** Every call that changed something: `ensure <workload> x<n>`, `stop <workload>`, `run <workload>`. */
  readonly journal: string[] = [];
  /** Ids of the release commands that were really started. */
  readonly commandsStarted: string[] = [];
  readonly instances = new Map<string, Instance>();
  readonly runs = new Map<string, Run>();
  /** The next calls of `observe` that throw. */
  blindFor = 0;
  /** All calls of `observe` throw until this moment: the engine is away. */
  awayUntil = 0;
  /** Set by the data plane: why a workload may not be stopped now, or null. */
  mayStop: (workload: string) => string | null = () => null;
  readonly #time: ManualTime;
  readonly #violations: Violations;
  readonly #watchers = new Set<(o: InstanceObservation) => void>();
  readonly #runsOf = new Map<string, string>();
  #port = 20_000;
  #born = 0;

  constructor(time: ManualTime, violations: Violations) {
    this.#time = time;
    this.#violations = violations;
  }

  /** `<rollout> <workload>` of a release command that was started: at most one each. */
  serviceOf(run: string): string {
    return `${run.split('-')[0]} ${this.#runsOf.get(run) ?? ''}`;
  }

  running(): readonly string[] {
    return [...new Set([...this.instances.values()].map((i) => i.seen.workload as string))].sort();
  }

  count(workload: string): number {
    return [...this.instances.values()].filter((i) => i.seen.workload === workload).length;
  }

  /** What a probe of the port would see; undefined: nothing listens there. */
  healthAt(port: number): boolean | 'hangs' | undefined {
    const instance = [...this.instances.values()].find((i) => i.seen.endpoint?.port === port && i.seen.state === 'running');
    return instance && this.healthOf(instance);
  }

  healthOf(instance: Instance): boolean | 'hangs' {
    return this.#program(instance.workload).healthy?.(this.#time.now - instance.bornAt) ?? true;
  }

  /** Whether some instance of the workload would answer. */
  serves(workload: string): boolean {
    return [...this.instances.values()].some(
      (i) => i.seen.workload === workload && i.seen.state === 'running' && this.healthOf(i) === true,
    );
  }

  crash(workload: string): void {
    for (const instance of this.instances.values()) if (instance.seen.workload === workload) this.#end(instance);
  }

  /** Somebody takes one instance away; another is there after a second. */
  takeAway(workload: string): void {
    const one = [...this.instances.values()].find((instance) => instance.seen.workload === workload);
    if (one) this.#end(one, { reason: 'removed', backAfter: 1000 });
  }

  /** The port as one control plane sees it. */
  port(): Runtime {
    return {
      ensure: async (workload, { replicas, epoch }) => {
        this.fence.check(epoch);
        const refusal = this.#program(workload).refusesToStart;
        if (refusal) throw refusal;
        this.journal.push(`ensure ${workload.id} x${replicas}`);
        if (workload.kind === 'worker') this.#checkAlone(workload);
        for (let n = this.count(workload.id); n < replicas; n++) this.#start(workload);
        const surplus = [...this.instances.values()].filter((i) => i.seen.workload === workload.id).slice(replicas);
        for (const instance of surplus) this.#remove(instance);
      },
      stop: async (workload, { epoch }) => {
        this.fence.check(epoch);
        const why = this.count(workload) > 0 ? this.mayStop(workload) : null;
        if (why) this.#violations.add(`${workload} was stopped although ${why}`);
        this.journal.push(`stop ${workload}`);
        const doomed = [...this.instances.values()].filter((i) => i.seen.workload === workload);
        for (const instance of doomed) {
          instance.cancel();
          this.#change(instance, { state: 'stopping' });
        }
        await this.#time.sleep(100);
        for (const instance of doomed) this.#remove(instance);
      },
      observe: async () => {
        if (this.#time.now < this.awayUntil) throw new Error('The engine is away.');
        if (this.blindFor > 0) {
          this.blindFor -= 1;
          throw new Error('The runtime does not answer.');
        }
        return [...this.instances.values()].map((i) => i.seen);
      },
      watch: (listener) => {
        this.#watchers.add(listener);
        return () => this.#watchers.delete(listener);
      },
      logs: (workload) => this.#logs(workload),
      run: (command) => this.#run(command),
      inspectRun: async (id) => {
        const run = this.runs.get(id);
        if (!run) return { state: 'unknown' };
        return run.over ? { state: 'ended', result: await run.done } : { state: 'running' };
      },
      forget: async () => undefined,
      close: async () => undefined,
    };
  }

  #program(workload: Workload): Program {
    return this.programs.get(workload.id) ?? {};
  }

  #checkAlone(workload: Workload): void {
    for (const other of this.instances.values()) {
      const same = other.workload.app === workload.app && other.workload.service === workload.service;
      if (same && other.workload.id !== workload.id)
        this.#violations.add(`${workload.id} was started beside ${other.workload.id}`);
    }
  }

  #start(workload: Workload): void {
    const id = `${workload.id}.${++this.#born}`;
    const instance: Instance = {
      workload,
      bornAt: this.#time.now,
      cancel: () => undefined,
      seen: {
        instance: id as InstanceId,
        workload: workload.id,
        state: 'running',
        endpoint: workload.kind === 'web' ? { host: '127.0.0.1', port: ++this.#port } : null,
        listening: workload.kind === 'web',
        startedAt: this.#wall(),
        restarts: 0,
        lastExit: null,
        fault: this.#program(workload).fault ?? null,
        memory: 50 * 2 ** 20,
      },
    };
    this.instances.set(id, instance);
    this.#live(instance);
    this.#tell(instance);
  }

  /** A life begins: it may end by itself. */
  #live(instance: Instance): void {
    instance.bornAt = this.#time.now;
    const { crashesAfter } = this.#program(instance.workload);
    if (crashesAfter !== undefined) instance.cancel = this.#time.after(crashesAfter, () => this.#end(instance));
  }

  #end(
    instance: Instance,
    { reason = 'exited', backAfter = 500 }: { reason?: InstanceExit['reason']; backAfter?: number } = {},
  ): void {
    instance.cancel();
    const lastExit: InstanceExit = { code: reason === 'exited' ? 1 : null, signal: null, reason, at: this.#wall() };
    this.#change(instance, { state: 'backing-off', lastExit });
    instance.cancel = this.#time.after(backAfter, () => {
      this.#live(instance);
      this.#change(instance, { state: 'running', restarts: instance.seen.restarts + 1, startedAt: this.#wall() });
    });
  }

  #remove(instance: Instance): void {
    instance.cancel();
    this.instances.delete(instance.seen.instance);
    this.#change(instance, { state: 'stopped', lastExit: { code: 0, signal: null, reason: 'stopped', at: this.#wall() } });
  }

  #change(instance: Instance, fields: Partial<InstanceObservation>): void {
    instance.seen = { ...instance.seen, ...fields };
    this.#tell(instance);
  }

  #tell(instance: Instance): void {
    for (const tell of this.#watchers) tell(instance.seen);
  }

  readonly #wall = (): WallTime => (1_700_000_000_000 + this.#time.now) as WallTime;

  async *#logs(workload: WorkloadId): AsyncIterable<{ instance: InstanceId; text: string }> {
    const log = this.programs.get(workload)?.log ?? [];
    if (log === 'hangs') await this.#time.sleep(1e9);
    else for (const text of log) yield { instance: `${workload}.1` as InstanceId, text };
  }

  #run(command: OneOff): Promise<OneOffResult> {
    this.fence.check(command.epoch);
    const known = this.runs.get(command.id) ?? this.#begin(command);
    command.signal?.addEventListener('abort', () => known.end('cancelled', null), { once: true });
    return known.done;
  }

  #begin(command: OneOff): Run {
    const {
      takes = 200,
      exitCode = 0,
      lost = false,
    } = this.commands.get(command.workload.id) ?? this.commands.get(command.command) ?? {};
    const began = this.#time.now;
    let settle: (result: OneOffResult) => void = () => undefined;
    const run: Run = {
      over: false,
      done: new Promise((resolve) => {
        settle = resolve;
      }),
      end: (how, code) => {
        if (run.over) return;
        run.over = true;
        settle({ end: how, exitCode: code, duration: (this.#time.now - began) as never, tail: ['migrating'] });
      },
    };
    this.commandsStarted.push(command.id);
    this.#runsOf.set(command.id, command.workload.id);
    this.journal.push(`run ${command.workload.id}`);
    this.runs.set(command.id, run);
    this.#time.after(takes, () => (lost ? run.end('lost', null) : run.end('exited', exitCode)));
    this.#time.after(command.timeout, () => run.end('timed-out', null));
    return run;
  }
}

export const startFailed = (message: string): Error => new SignalboxError('START_FAILED', message);
