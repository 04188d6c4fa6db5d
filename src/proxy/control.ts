import { randomUUID } from 'node:crypto';
import type { Socket } from 'node:net';
import { writeText } from '../wire/lines.ts';
import { type Handlers, serveWire } from '../wire/server.ts';
import { commit, commitChange, refuseBad, refuseStale } from './commit.ts';
import type { ProxyContext } from './context.ts';
import { drain } from './drain.ts';
import type { CertificateReport, ProxyEvents, ProxyMethods, WorkerConfig, WorkerHello, WorkerStats } from './protocol.ts';
import { relaunch } from './relaunch.ts';
import { checkPool } from './table-check.ts';

/** Errors are told at once, but never more often than this. */
const urgentEveryMs = 50;
/** While nothing changes, looks are so many times rarer. */
const stillPaces = 4;

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
    certificates: () => reportOf(context),
    'reload-certificates': async () => {
      await context.certificates.reload();
      return reportOf(context);
    },
    'spawn-with-listeners': (params) => relaunch(params.argv, params.logFile, config.listeners),
  };
  const server = await serveWire<ProxyMethods, ProxyEvents>(config.controlSocket, handlers);
  context.holds.onWake = (pool) => server.publish('wake', { pool });
}

function reportOf({ certificates, handshakes }: ProxyContext): CertificateReport {
  return {
    certificates: certificates.set.pairs.map(({ facts }) => facts),
    problems: certificates.problems,
    exposed: certificates.exposed,
    handshakes: handshakes ?? null,
  };
}

/**
 * Sends a snapshot every `everyMs` while something changes, and soon after an error was counted. What has not changed is not told again,
 * and looked at less often: an idle worker costs nobody anything. Who wants to know that it is there asks for `stats`. Returns how to
 * end it.
 */
function watch(connection: Socket, stats: () => WorkerStats, everyMs: number, urgent: Set<() => void>): () => void {
  const pace = Math.max(urgentEveryMs, everyMs);
  let told = '';
  let lookedAt = performance.now();
  let hurried = false;
  const look = (): void => {
    hurried = false;
    lookedAt = performance.now();
    const body = JSON.stringify(stats());
    const changed = body !== told;
    // A reader that does not keep up gets the next snapshot instead: counts are cumulative.
    if (changed && connection.writableLength < 4 * 1024 * 1024) {
      told = body;
      writeText(connection, `{"event":"stats","body":${body}}`);
    }
    timer = setTimeout(look, changed ? pace : pace * stillPaces);
  };
  const hurry = (): void => {
    if (hurried) return;
    hurried = true;
    clearTimeout(timer);
    timer = setTimeout(look, Math.max(0, lookedAt + urgentEveryMs - performance.now()));
  };
  let timer = setTimeout(look, pace);
  urgent.add(hurry);
  return () => {
    clearTimeout(timer);
    urgent.delete(hurry);
  };
}
