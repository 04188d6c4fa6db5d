import { randomBytes } from 'node:crypto';
import { setMaxListeners } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import type { LoadOptions, LoadReport, LoadTotals, MixItem } from './contract.ts';
import { Followers } from './followers.ts';
import { Lane } from './lane.ts';
import { OrderBook } from './orders.ts';
import { Pacer } from './pacer.ts';
import { everyShare, Proportion } from './proportion.ts';
import { withResolvers } from './stream.ts';
import { Tally } from './tally.ts';

const defaults = { connections: 16, timeoutMs: 15_000, newConnections: 0.2 } as const;

/** Load made in this process. Benches use start.ts, which gives it a process of its own. */
export interface Generator {
  totals(): LoadTotals;
  /** Requests that start from now on are timed under this name. Default `all`. */
  mark(phase: string): void;
  /** Starts no more requests, waits for those in flight (each bounded by its time limit), closes the streams. */
  stop(): Promise<LoadReport>;
  /** Resolves with the report when the load has ended, by itself or by `stop`. */
  readonly done: Promise<LoadReport>;
}

/** Nothing is retried: each request is answered or counted as lost, and the totals add up whenever it ends. @throws RangeError on senseless options. */
export function generateLoad(options: LoadOptions): Generator {
  const runId = options.runId ?? randomBytes(6).toString('hex');
  const tally = new Tally();
  const orders = new OrderBook(runId);
  const now = (): number => performance.now();
  const pacer = new Pacer({ mode: options.mode ?? 'closed', rate: options.rate, count: options.count }, now());
  const proportion = options.mix.length > 0 ? new Proportion(options.mix) : undefined;
  const isFresh = everyShare(options.newConnections ?? defaults.newConnections);
  const hostHeader = options.hostHeader ?? `${options.target.host}:${options.target.port}`;
  const appHeader = options.appHeader === undefined ? 'x-app' : options.appHeader;
  const timeoutMs = options.timeoutMs ?? defaults.timeoutMs;
  const halt = new AbortController();
  setMaxListeners(0, halt.signal);

  const runLane = async (proportion: Proportion<MixItem>): Promise<void> => {
    const lane = new Lane({ target: options.target, hostHeader, appHeader, timeoutMs, tally, orders });
    while (!halt.signal.aborted) {
      const due = pacer.next(now());
      if (due === undefined) break;
      const early = due - now();
      if (early > 0) await delay(early, undefined, { signal: halt.signal }).catch(() => undefined);
      if (halt.signal.aborted) break;
      const openLoop = options.mode === 'open';
      await lane.send({ item: proportion.next(), fresh: isFresh(), since: openLoop ? due : now() });
    }
    lane.close();
  };

  const followers = [
    ...(options.websockets ? [{ kind: 'websocket' as const, options: options.websockets }] : []),
    ...(options.events ? [{ kind: 'events' as const, options: options.events }] : []),
  ].map((stream) => new Followers({ ...stream, target: options.target, hostHeader, runId, tally }));

  const end = withResolvers<void>();
  if (options.seconds !== undefined) {
    const timer = setTimeout(end.resolve, options.seconds * 1000);
    halt.signal.addEventListener('abort', () => clearTimeout(timer));
  }
  const laneCount = options.connections ?? defaults.connections;
  const lanes = proportion ? Promise.all(Array.from({ length: laneCount }, () => runLane(proportion))) : end.promise;

  const run = async (): Promise<LoadReport> => {
    await Promise.race([lanes, end.promise]);
    halt.abort();
    await lanes;
    await Promise.all(followers.map((follower) => follower.stop()));
    return {
      ...tally.totals(),
      runId,
      startedAt: tally.startedAt,
      perItem: { ...tally.perItem },
      firstDrops: [...tally.firstDrops],
      firstClientFault: tally.firstClientFault,
      latency: tally.latencies(),
      orders: orders.ledger(),
    };
  };
  const done = run();
  return {
    totals: () => tally.totals(),
    mark: (phase) => tally.mark(phase),
    stop: () => {
      end.resolve();
      return done;
    },
    done,
  };
}
