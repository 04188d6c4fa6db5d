import { Worker } from 'node:worker_threads';
import { SignalboxError } from '../../../domain/errors.ts';
import { type Call, type CallName, type Calls, giveUp, type Query, type Reply, type Row, type WorkerOptions } from './calls.ts';
import { errorOf } from './errors.ts';

export interface ChannelOptions {
  readonly workerFile: string | URL;
  readonly worker: WorkerOptions;
  /** Milliseconds after which a call is rejected with STORE_STALLED. */
  readonly stallAfter: number;
}

interface Waiting {
  readonly call: Call;
  readonly resolve: (answer: Calls[CallName]['answer']) => void;
  readonly reject: (error: SignalboxError) => void;
  timer?: NodeJS.Timeout;
}

const atMost = (ms: number): Promise<false> => new Promise((resolve) => setTimeout(() => resolve(false), ms).unref());

/** Calls handed to the thread at once; those that come meanwhile wait here, where they can still be taken back. */
const batchSize = 64;

/**
 * The way to the store's thread. Calls are answered in their order. A call that waits too long is rejected: never begun when it
 * was still in the queue (`details.outcome` is "not-done"), with an unknown outcome when the thread had it ("unknown").
 */
export class Channel {
  readonly #worker: Worker;
  readonly #options: ChannelOptions;
  readonly #sent = new Map<number, Waiting>();
  /** Reads that go past the queue. */
  readonly #aside = new Map<number, Waiting>();
  #queue: Waiting[] = [];
  #nextId = 0;
  #ended: SignalboxError | null = null;

  constructor(options: ChannelOptions) {
    this.#options = options;
    this.#worker = new Worker(options.workerFile, {
      name: 'signalbox-store',
      workerData: options.worker,
      resourceLimits: { maxYoungGenerationSizeMb: 4 },
    });
    this.#worker.on('message', (reply: Reply) => this.#settle(reply));
    this.#worker.on('error', (cause) => this.#end(new SignalboxError('INTERNAL', "The store's thread failed.", { cause })));
    this.#worker.on('exit', () => this.#end(new SignalboxError('INTERNAL', 'The store is closed.')));
  }

  call<Name extends CallName>(
    name: Name,
    ask: Calls[Name]['ask'],
    patience = this.#options.stallAfter,
  ): Promise<Calls[Name]['answer']> {
    return new Promise((resolve, reject) => {
      if (this.#ended !== null) {
        reject(this.#ended);
        return;
      }
      this.#nextId += 1;
      const call = { id: this.#nextId, name, ask } as unknown as Call;
      this.#queue.push(this.#waiting({ call, resolve, reject }, patience));
      this.#send();
    });
  }

  /** Rows as they are on disk now: not queued behind a write that waits. Rejected like any call when the disk itself stalls. */
  readAside(ask: readonly Query[]): Promise<readonly Row[]> {
    return new Promise<Calls[CallName]['answer']>((resolve, reject) => {
      if (this.#ended !== null) {
        reject(this.#ended);
        return;
      }
      this.#nextId += 1;
      const call: Call = { id: this.#nextId, name: 'rows', ask, aside: true };
      this.#aside.set(call.id, this.#waiting({ call, resolve, reject }, this.#options.stallAfter));
      this.#worker.postMessage([call]);
    }) as Promise<readonly Row[]>;
  }

  /** Ends the thread after its last call. One that a stalled disk holds is left to the kernel; then this takes `stallAfter` and 2 s. */
  async close(): Promise<void> {
    if (this.#ended !== null) return;
    const exit = new Promise<void>((resolve) => this.#worker.once('exit', () => resolve()));
    try {
      await this.call('close', null);
      await exit;
    } catch {
      // Whoever waits was or is being told; closing itself has nobody left to report to.
      this.#end(new SignalboxError('INTERNAL', 'The store is closed.'));
      this.#worker.unref();
      // A thread that waits for a lock gives up by itself; only one that the disk holds is ended from outside.
      this.#worker.postMessage(giveUp);
      const gone = await Promise.race([exit.then(() => true), atMost(1000)]);
      if (!gone) await Promise.race([this.#worker.terminate(), atMost(1000)]);
    }
  }

  #waiting(waiting: Waiting, patience: number): Waiting {
    waiting.timer = setTimeout(() => this.#stalled(waiting, patience), patience);
    return waiting;
  }

  #send(): void {
    if (this.#sent.size > 0 || this.#queue.length === 0) return;
    const batch = this.#queue.splice(0, batchSize);
    for (const waiting of batch) this.#sent.set(waiting.call.id, waiting);
    this.#worker.postMessage(batch.map((waiting) => waiting.call));
  }

  #settle(reply: Reply): void {
    const waiting = this.#sent.get(reply.id) ?? this.#aside.get(reply.id);
    if (waiting === undefined) return;
    this.#sent.delete(reply.id);
    this.#aside.delete(reply.id);
    clearTimeout(waiting.timer);
    // After a stall nobody listens any more; settling twice does nothing.
    if (reply.ok) waiting.resolve(reply.answer);
    else waiting.reject(errorOf(reply.refusal));
    this.#send();
  }

  #stalled(waiting: Waiting, patience: number): void {
    const begun = this.#sent.has(waiting.call.id) || this.#aside.has(waiting.call.id);
    if (!begun) this.#queue = this.#queue.filter((other) => other !== waiting);
    const { file } = this.#options.worker;
    const fate = begun ? 'it may still be written' : 'it was not begun';
    waiting.reject(
      new SignalboxError(
        'STORE_STALLED',
        `The database ${file} did not answer a ${waiting.call.name} within ${patience} ms; ${fate}.`,
        {
          details: { file, call: waiting.call.name, outcome: begun ? 'unknown' : 'not-done' },
        },
      ),
    );
  }

  #end(error: SignalboxError): void {
    this.#ended ??= error;
    const left = [...this.#sent.values(), ...this.#aside.values(), ...this.#queue];
    this.#sent.clear();
    this.#aside.clear();
    this.#queue = [];
    for (const waiting of left) {
      clearTimeout(waiting.timer);
      waiting.reject(this.#ended);
    }
  }
}
