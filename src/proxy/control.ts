import { randomUUID } from 'node:crypto';
import type { Socket } from 'node:net';
import { writeLine } from '../wire/lines.ts';
import { type Handlers, serveWire } from '../wire/server.ts';
import { commit, commitChange, refuseBad, refuseStale } from './commit.ts';
import type { ProxyContext } from './context.ts';
import { drain } from './drain.ts';
import type { ProxyEvents, ProxyMethods, WorkerConfig, WorkerHello, WorkerStats } from './protocol.ts';
import { relaunch } from './relaunch.ts';
import { checkPool } from './table-check.ts';

/** Errors are told at once, but never more often than this. */
const urgentEveryMs = 50;

export interface ControlOptions {
  readonly config: WorkerConfig;
  /** What the served table lacks of the one on disk. */
  readonly skippedRoutes: () => readonly string[];
  readonly connections: () => number;
  readonly finish: (graceMs: number) => void;
}

/** Serves the worker's control socket. */
export async function serveControl(context: ProxyContext, options: ControlOptions): Promise<void> {
  const { config } = options;
  const bootId = randomUUID();
  const pushUrgently = new Set<() => void>();
  context.counters.onError = () => {
    for (const push of pushUrgently) push();
  };
  const stats = (): WorkerStats => ({
    name: config.name,
    bootId,
    version: context.router.table.version,
    connections: options.connections(),
    counts: context.counters.snapshot(),
  });
  const handlers: Handlers<ProxyMethods> = {
    hello: (): WorkerHello => {
      const { version, epoch, digest = null } = context.router.table;
      const skippedRoutes = options.skippedRoutes();
      return { name: config.name, pid: process.pid, bootId, version, epoch, digest, skippedRoutes };
    },
    prepare: (params) => {
      refuseStale(context, params.epoch);
      for (const pool of params.pools) refuseBad(() => checkPool(pool));
      return null;
    },
    commit: (params) => commit(context, params.table, params.digest),
    'commit-change': (params) => commitChange(context, params.change),
    drain: (params) => {
      refuseStale(context, params.epoch);
      return drain(context.pools.get(params.pool), params.deadlineMs);
    },
    stats,
    'watch-stats': (params, connection) => {
      const stop = watch(connection, stats, params.everyMs, pushUrgently);
      connection.once('close', stop);
      return null;
    },
    finish: (params) => {
      options.finish(params.graceMs);
      return null;
    },
    'spawn-with-listeners': (params) => relaunch(params.argv, params.logFile, config.listeners),
  };
  const server = await serveWire<ProxyMethods, ProxyEvents>(config.controlSocket, handlers);
  context.holds.onWake = (pool) => server.publish('wake', { pool });
}

/** Sends a snapshot every `everyMs`, and soon after an error was counted. Returns how to end it. */
function watch(connection: Socket, stats: () => WorkerStats, everyMs: number, urgent: Set<() => void>): () => void {
  let sentAt = 0;
  let soon: NodeJS.Timeout | undefined;
  const send = (): void => {
    clearTimeout(soon);
    soon = undefined;
    sentAt = performance.now();
    // A reader that does not keep up gets the next snapshot instead: counts are cumulative.
    if (connection.writableLength < 4 * 1024 * 1024) writeLine(connection, { event: 'stats', body: stats() });
  };
  const hurry = (): void => {
    soon ??= setTimeout(send, Math.max(0, sentAt + urgentEveryMs - performance.now()));
  };
  const regular = setInterval(send, Math.max(urgentEveryMs, everyMs));
  urgent.add(hurry);
  return () => {
    clearInterval(regular);
    clearTimeout(soon);
    urgent.delete(hurry);
  };
}
