import { setTimeout as wait } from 'node:timers/promises';
import { type ErrorCode, SignalboxError } from '../../../domain/errors.ts';
import type { KeeperClient } from '../../../keeper/client.ts';
import type { LaunchSpec } from '../../../keeper/protocol.ts';
import { connectWire, type WireClient } from '../../../wire/client.ts';
import { WireError } from '../../../wire/server.ts';
import { type WardenEvents, type WardenMethods, wardenRevision } from './protocol.ts';

export interface WardenClient {
  /**
   * Asks the warden; starts it when there is none, and asks again when it went away meanwhile: every call may be repeated.
   * @throws SignalboxError STALE_EPOCH, START_FAILED, ENGINE_UNAVAILABLE, RUNTIME_UNAVAILABLE.
   */
  call<Name extends keyof WardenMethods>(
    method: Name,
    params: WardenMethods[Name]['params'],
    timeoutMs?: number,
  ): Promise<WardenMethods[Name]['result']>;
  on<Name extends keyof WardenEvents>(event: Name, listener: (body: WardenEvents[Name]) => void): () => void;
  /** Told when a new connection is there: events may have been missed. */
  onReconnect(listener: () => void): () => void;
  /** Ends the warden and every container; nobody can be called any more. */
  endAll(): Promise<void>;
  close(): void;
}

export interface WardenLaunch {
  readonly keeper: Pick<KeeperClient, 'call'>;
  readonly spec: LaunchSpec;
  readonly socket: string;
  readonly epoch: () => number;
}

type Wire = WireClient<WardenMethods, WardenEvents>;

const patienceMs = 20_000;
const comeUpMs = 15_000;
const callMs = 90_000;
const exchangeGraceMs = 5000;
const endMs = 60_000;

export function openWardenClient({ keeper, spec, socket, epoch }: WardenLaunch): WardenClient {
  const subscriptions = new Map<string, Set<(body: never) => void>>();
  const reconnected = new Set<() => void>();
  let current: Promise<Wire> | undefined;
  let before = false;
  let over = false;

  const attach = async (): Promise<Wire | null> => {
    const wire = await connectWire<WardenMethods, WardenEvents>(socket).catch(() => null);
    if (!wire) return null;
    const hello = await wire.call('hello', { epoch: epoch() }, 10_000).catch((cause: unknown) => {
      wire.close();
      throw cause;
    });
    if (hello.revision === wardenRevision) return wire;
    wire.close();
    await keeper.call('stop', { epoch: epoch(), id: spec.id, graceMs: exchangeGraceMs });
    return null;
  };
  const bringUp = async (): Promise<Wire> => {
    const there = await attach();
    if (there) return there;
    await keeper.call('start', { epoch: epoch(), spec });
    const deadline = performance.now() + comeUpMs;
    for (let pause = 10; performance.now() < deadline && !over; pause = Math.min(100, pause * 1.5)) {
      const wire = await attach();
      if (wire) return wire;
      await wait(pause);
    }
    throw new WireError(
      'WARDEN_UNAVAILABLE',
      `The warden of containers did not come up within ${comeUpMs / 1000} s; see ${spec.logFile}.`,
    );
  };
  const adopt = (wire: Wire): Wire => {
    for (const event of ['instance', 'run'] as const) {
      wire.on(event, (body) => {
        for (const listener of subscriptions.get(event) ?? []) listener(body as never);
      });
    }
    void wire.closed.then(() => {
      current = undefined;
      // It is started again by the keeper: its events are wanted.
      if (!over) void reach().catch(() => {});
    });
    if (before) for (const listener of reconnected) queueMicrotask(listener);
    before = true;
    if (over) wire.close();
    return wire;
  };
  const reach = (): Promise<Wire> => {
    current ??= bringUp()
      .then(adopt)
      .catch((cause: unknown) => {
        current = undefined;
        throw cause;
      });
    return current;
  };

  return {
    call: async (method, params, timeoutMs = callMs + graceOf(params)) => {
      const until = performance.now() + patienceMs;
      for (;;) {
        try {
          if (over) throw new WireError('WARDEN_UNAVAILABLE', 'The connection to the warden was closed.');
          const wire = await reach();
          return await wire.call(method, params, timeoutMs);
        } catch (cause) {
          const lost = cause instanceof WireError && cause.code === 'WIRE_CLOSED';
          if (!lost || over || performance.now() >= until) throw mapped(cause);
          await wait(20);
        }
      }
    },
    on: (event, listener) => {
      const set = subscriptions.get(event) ?? new Set();
      subscriptions.set(event, set);
      set.add(listener);
      return () => set.delete(listener);
    },
    onReconnect: (listener) => {
      reconnected.add(listener);
      return () => reconnected.delete(listener);
    },
    endAll: async () => {
      const wire = await reach();
      over = true;
      await wire.call('shutdown', { epoch: epoch(), all: true }, endMs).catch((cause: unknown) => {
        // It has ended before its answer arrived: that is what was asked for.
        if (!(cause instanceof WireError) || cause.code !== 'WIRE_CLOSED') throw mapped(cause);
      });
      wire.close();
      await keeper.call('stop', { epoch: epoch(), id: spec.id, graceMs: exchangeGraceMs });
    },
    close: () => {
      over = true;
      current?.then((wire) => wire.close()).catch(() => {});
    },
  };
}

/** Calls that wait for containers to end take as long as those may. */
const graceOf = (params: unknown): number => (params as { graceMs?: number }).graceMs ?? 0;

const ours: ReadonlySet<string> = new Set<ErrorCode>(['STALE_EPOCH', 'START_FAILED', 'ENGINE_UNAVAILABLE']);

function mapped(cause: unknown): unknown {
  if (!(cause instanceof WireError)) return cause;
  const { code, message } = cause;
  if (ours.has(code)) return new SignalboxError(code as ErrorCode, message, { cause });
  return new SignalboxError(message.includes('ENOSPC') ? 'NO_SPACE' : 'RUNTIME_UNAVAILABLE', message, { cause });
}
