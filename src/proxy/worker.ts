import { join } from 'node:path';
import type { ProxyContext } from './context.ts';
import { restore } from './commit.ts';
import { serveControl } from './control.ts';
import { Counters } from './counts.ts';
import { Rates } from './edge/rules.ts';
import { Holds } from './hold.ts';
import { defaultLimits } from './limits.ts';
import { Pools } from './pools.ts';
import type { WorkerConfig } from './protocol.ts';
import { Router } from './routing.ts';
import { Listener } from './server.ts';
import { Certificates } from './tls/certificates.ts';
import { SecureEntrance } from './tls/entrance.ts';
import { StaticSite } from './static/site.ts';
import { readStoredTable } from './table-file.ts';
import { TrustedPeers } from './trust.ts';
import { Uploads } from './upload.ts';

/** The last part of a worker's grace: what is still in flight is cut and may wind up. */
const windUpMs = 1_500;

export interface Worker {
  /** Stops accepting, lets requests finish, then calls `exit`. */
  finish(graceMs: number): void;
}

/** Brings a worker up: the stored table first, then the control socket, then the listeners; so nothing is answered unrouted. */
export async function startWorker(config: WorkerConfig, exit: () => void): Promise<Worker> {
  const limits = { ...defaultLimits, ...config.limits };
  const context: ProxyContext = {
    limits,
    router: new Router(),
    pools: new Pools(limits.connectTimeoutMs, (pool) => new StaticSite(pool)),
    counters: new Counters(),
    rates: new Rates(),
    holds: new Holds(limits.holdQueue, limits.holdTimeoutMs),
    uploads: new Uploads(limits.bodyIdleTimeoutMs),
    trusted: new TrustedPeers(config.trustedProxies),
    certificates: new Certificates(config.certificates),
    handshakes: undefined,
    httpsPort: config.publicHttpsPort ?? config.listeners.find(({ name }) => name === 'https')?.port ?? 443,
    finishing: false,
  };
  const stored = readStoredTable(join(config.dir, 'routes.json'));
  if (stored.table) restore(context, stored.table, stored.digest);
  const restored = context.router.table;
  for (const skipped of stored.skipped) process.stderr.write(`left out of the stored table: ${skipped}\n`);
  await context.certificates.open();
  const listeners = config.listeners.map((listener) =>
    listener.name === 'https' ? new SecureEntrance(context, listener) : new Listener(context, listener),
  );
  const finish = (graceMs: number): void => {
    if (context.finishing) return;
    context.finishing = true;
    let open = listeners.length;
    const gone = (): void => {
      open -= 1;
      if (open === 0) exit();
    };
    for (const listener of listeners) listener.stopAccepting(gone);
    setTimeout(exit, graceMs);
    setTimeout(
      () => {
        for (const pool of context.pools.all()) for (const work of pool.active) work.cut();
      },
      Math.max(graceMs / 2, graceMs - windUpMs),
    );
  };
  await serveControl(context, {
    config,
    skippedRoutes: () => (context.router.table === restored ? stored.skipped : []),
    connections: () => listeners.reduce((sum, listener) => sum + listener.connections, 0),
    finish,
  });
  await Promise.all(listeners.map((listener) => listener.listen()));
  return { finish };
}
