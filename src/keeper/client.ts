import { setTimeout as wait } from 'node:timers/promises';
import type { WireClient } from '../wire/client.ts';
import { WireError } from '../wire/server.ts';
import { ensureKeeper, type KeeperConnection, type KeeperLaunch } from './launch.ts';
import type { KeeperEvents, KeeperMethods } from './protocol.ts';

/**
 * A connection to the keeper that outlives keepers: after a loss it starts a new one (see `ensureKeeper`), subscribes again and
 * repeats the calls that were under way, all of which are idempotent. `closed` resolves after `close()` only.
 */
export interface KeeperClient extends WireClient<KeeperMethods, KeeperEvents> {
  /** Called after each new connection but the first: events in between were missed, ask `list`. */
  onReconnect(listener: () => void): () => void;
}

export interface KeeperClientOptions extends KeeperLaunch {
  /** How long a call waits for a keeper that cannot be started, ms. Default 15,000. */
  readonly patienceMs?: number;
  /** Told when no keeper could be started; it is tried again every second. */
  readonly onTrouble?: (error: Error) => void;
}

/** @throws WireError KEEPER_UNAVAILABLE when the first connection fails. */
export async function openKeeperClient(options: KeeperClientOptions): Promise<KeeperClient> {
  const { patienceMs = 15_000, onTrouble = () => {} } = options;
  const subscriptions = new Map<string, Set<(body: never) => void>>();
  const reconnected = new Set<() => void>();
  let over = false;
  /** The keeper was told to end with all it runs: no other one takes its place. */
  let ending = false;
  let finish = (): void => {};
  const closed = new Promise<void>((resolve) => {
    finish = resolve;
  });

  const adopt = (connection: KeeperConnection): KeeperConnection => {
    for (const event of ['instance', 'run', 'worker'] as const) {
      connection.on(event, (body) => {
        for (const listener of subscriptions.get(event) ?? []) listener(body as never);
      });
    }
    void connection.closed.then(() => {
      if (!over && !ending) current = reconnect();
    });
    return connection;
  };
  const reconnect = async (): Promise<KeeperConnection> => {
    for (;;) {
      try {
        const connection = await ensureKeeper(options);
        if (over) {
          connection.close();
          throw new WireError('WIRE_CLOSED', 'The keeper client was closed.');
        }
        adopt(connection);
        queueMicrotask(() => {
          for (const listener of reconnected) listener();
        });
        return connection;
      } catch (cause) {
        if (over) throw cause;
        onTrouble(cause instanceof Error ? cause : new Error(String(cause)));
        await wait(1000);
      }
    }
  };
  let current: Promise<KeeperConnection> = Promise.resolve(adopt(await ensureKeeper(options)));

  return {
    call: async (method, params, timeoutMs = defaultTimeout(params)) => {
      const until = performance.now() + patienceMs;
      for (;;) {
        if (over) throw new WireError('WIRE_CLOSED', 'The keeper client was closed.');
        const attempt = current;
        attempt.catch(() => {});
        const connection = await within(attempt, until - performance.now());
        const last = method === 'shutdown';
        if (last) ending = true;
        try {
          return await connection.call(method, params, timeoutMs);
        } catch (cause) {
          const lost = cause instanceof WireError && cause.code === 'WIRE_CLOSED';
          if (last && !lost) ending = false;
          if (!lost || over || ending || performance.now() >= until) throw cause;
          // `closed` fires in the same tick; wait until it has put the next connection in place.
          await wait(1);
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
    closed,
    close: () => {
      over = true;
      current.then((connection) => connection.close()).catch(() => {});
      finish();
    },
  };
}

/** Calls that wait for processes to end take as long as those may. */
function defaultTimeout(params: unknown): number {
  const { graceMs } = params as { graceMs?: number };
  return 30_000 + (graceMs ?? 0);
}

async function within<T>(promise: Promise<T>, ms: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(new WireError('KEEPER_UNAVAILABLE', 'There is no keeper, and none could be started.')),
      Math.max(0, ms),
    );
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
