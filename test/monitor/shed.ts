import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { systemClock } from '../../src/adapters/clock/system/clock.ts';
import { httpProber } from '../../src/adapters/prober/http/prober.ts';
import type { HealthMonitor } from '../../src/control-plane/commands.ts';
import type { HealthSpec } from '../../src/domain/spec.ts';
import { instant, type InstanceId, millis, type WallTime } from '../../src/domain/values.ts';
import type { Workload } from '../../src/domain/release.ts';
import { createHealthMonitor } from '../../src/monitor/health-monitor.ts';
import type { InstanceObservation, Runtime } from '../../src/ports/runtime.ts';
import { sketchRelease } from '../domain/rollout/world.ts';

/** Real servers under the eyes of a real monitor; only what the runtime would observe is said by the test. */
export class Shed {
  readonly changes: string[] = [];
  readonly monitor: HealthMonitor;
  readonly #seen = new Map<string, InstanceObservation>();
  readonly #watchers = new Set<(o: InstanceObservation) => void>();
  readonly #servers: Server[] = [];
  /** `observe` fails this often. */
  blind = 0;

  constructor() {
    const runtime = {
      observe: async () => {
        if (this.blind > 0) {
          this.blind -= 1;
          throw new Error('The runtime does not answer.');
        }
        return [...this.#seen.values()];
      },
      watch: (listener: (o: InstanceObservation) => void) => {
        this.#watchers.add(listener);
        return () => this.#watchers.delete(listener);
      },
    } as unknown as Runtime;
    this.monitor = createHealthMonitor({
      runtime,
      prober: httpProber(),
      clock: systemClock(instant(0)),
      onChange: (id) => this.changes.push(id),
    });
  }

  async serve(answer: (request: IncomingMessage, response: ServerResponse) => void): Promise<number> {
    const server = createServer(answer);
    this.#servers.push(server);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return (server.address() as AddressInfo).port;
  }

  /** What the runtime sees from now on of instance `n` of a workload. */
  see(workload: Workload, fields: Partial<InstanceObservation> & { readonly port?: number | null }, n = 1): void {
    const instance = `${workload.id}.${n}` as InstanceId;
    const { port, ...rest } = fields;
    const before = this.#seen.get(instance);
    const endpoint = port === undefined ? (before?.endpoint ?? null) : port === null ? null : { host: '127.0.0.1', port };
    const now: InstanceObservation = {
      instance,
      workload: workload.id,
      state: 'running',
      startedAt: 1 as WallTime,
      restarts: 0,
      lastExit: null,
      fault: null,
      memory: null,
      ...before,
      listening: endpoint !== null,
      endpoint,
      ...rest,
    };
    this.#seen.set(instance, now);
    for (const tell of this.#watchers) tell(now);
  }

  async until(condition: () => boolean, limit = 10_000): Promise<void> {
    const end = Date.now() + limit;
    while (!condition()) {
      if (Date.now() > end) throw new Error(`Not within ${limit} ms; changes: ${this.changes.join(' ')}`);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }

  async close(): Promise<void> {
    this.monitor.stop();
    for (const server of this.#servers) server.closeAllConnections();
    await Promise.all(this.#servers.map((server) => new Promise((resolve) => server.close(resolve))));
  }
}

/** A workload of one service that is probed often. */
export function workloadOf(health: Partial<HealthSpec> = {}): Workload {
  const kind = health.type === 'up' ? ('worker' as const) : ('web' as const);
  const sketch = { strategy: 'blue-green' as const, warm: true, smoke: false };
  const release = sketchRelease(1, { ...sketch, services: [{ name: 'web', kind, version: 1, replicas: 1 }] });
  const [service] = release.services;
  if (!service) throw new Error('A release has services.');
  const spec = { ...service.workload.health, interval: millis(60), timeout: millis(300), upFor: millis(200), ...health };
  return { ...service.workload, health: spec };
}
