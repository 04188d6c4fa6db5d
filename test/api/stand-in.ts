import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openMemoryStore } from '../../src/adapters/store/memory/store.ts';
import type { ApiLimits, ApiOptions, DataPlaneReads } from '../../src/api/options.ts';
import type { DeclaredWorkload } from '../../src/api/present-status.ts';
import { type Api, startApi } from '../../src/api/server.ts';
import { type HomeLayout, homeLayout } from '../../src/config/home.ts';
import { ensureToken, makeHomeFolders } from '../../src/config/home-folders.ts';
import type { Accepted, Commands } from '../../src/control-plane/commands.ts';
import { type EnvironmentState, newEnvironment } from '../../src/domain/environment-state.ts';
import type { Release } from '../../src/domain/release.ts';
import type { Rollout } from '../../src/domain/rollout/state.ts';
import { instant, type RolloutId, type RunId, type WallTime, type WorkloadId } from '../../src/domain/values.ts';
import type { InstanceObservation, LogLine } from '../../src/ports/runtime.ts';
import type { NewEvent, Store } from '../../src/ports/store.ts';
import { idOf, newYear, production, release, rollout, shop, shopProduction } from './facts.ts';

/** The real API on real sockets over a store in memory, with commands that do what a test tells them. */
export interface StandIn {
  readonly api: Api;
  readonly url: string;
  readonly token: string;
  readonly home: HomeLayout;
  readonly store: Store;
  /** Commands as they came in: name and request. */
  readonly calls: readonly (readonly [name: string, request: unknown])[];
  readonly faults: readonly unknown[];
  readonly shutdowns: readonly { instances: boolean }[];
  write(change: {
    releases?: Release[];
    rollouts?: Rollout[];
    environment?: Partial<EnvironmentState>;
    events?: NewEvent[];
  }): Promise<void>;
  /** Changes a rollout that is there, says so, and leaves an event with its phase. */
  move(id: string, changes: Partial<Rollout>): Promise<void>;
  /** A line of a build's output. */
  say(line: { service: string; line: string }): void;
  /** Stops listening and listens again on the same store and socket, as a new control plane would. */
  restart(pauseMs: number): Promise<void>;
  close(): Promise<void>;
}

export interface StandInOptions {
  readonly commands?: Partial<Commands>;
  readonly limits?: Partial<ApiLimits>;
  readonly declared?: readonly DeclaredWorkload[];
  readonly observed?: readonly InstanceObservation[];
  readonly logs?: (workload: WorkloadId, follow: AbortSignal | undefined) => AsyncIterable<LogLine>;
  readonly dataPlane?: Partial<DataPlaneReads>;
  readonly host?: string;
  /** Called when a deploy was accepted; plays the rollout. */
  readonly onDeploy?: (id: string, standIn: StandIn) => Promise<void>;
  readonly api?: Partial<ApiOptions>;
}

export async function startStandIn(options: StandInOptions = {}): Promise<StandIn> {
  const folder = await mkdtemp(join(tmpdir(), 'sb-api-'));
  const home = homeLayout(folder, process.getuid?.() ?? 0);
  await makeHomeFolders(home, process.getuid?.() ?? 0);
  const token = await ensureToken(home.apiToken);
  const store = openMemoryStore();
  const { epoch } = await store.acquire();
  const calls: (readonly [string, unknown])[] = [];
  const faults: unknown[] = [];
  const shutdowns: { instances: boolean }[] = [];
  const listeners = new Set<() => void>();
  const lineListeners = new Set<(line: { service: string; line: string }) => void>();
  let clock = 0;
  let environment: EnvironmentState | null = null;

  const write: StandIn['write'] = async ({ releases = [], rollouts = [], environment: changes, events = [] }) => {
    if (environment === null)
      environment = newEnvironment({ app: shop, environment: production, candidateToken: 'secret-token-of-the-candidate' });
    else if (changes !== undefined) environment = { ...environment, revision: environment.revision + 1 };
    const fresh = environment.revision === 0 && (await store.environment(shopProduction)) === null;
    environment = { ...environment, ...changes };
    clock += 1;
    await store.commit({
      epoch,
      at: instant(clock),
      releases,
      rollouts,
      events,
      ...(fresh || changes !== undefined ? { environments: [environment] } : {}),
    });
    for (const listener of listeners) listener();
  };

  const accept = async (number: number, kind: 'deploy' | 'rollback', sha?: string): Promise<Accepted> => {
    const target = release(number, sha === undefined ? {} : { sha });
    const next = { ...rollout(target, {}, { kind }), id: `${kind === 'deploy' ? 'r' : 'b'}${number}` as RolloutId };
    await write({ releases: kind === 'deploy' ? [target] : [], rollouts: [next] });
    void options.onDeploy?.(next.id, standIn);
    return { rolloutId: next.id, release: target.id, kind };
  };
  const record = (name: string, request: unknown): void => void calls.push([name, request]);
  const commands: Commands = {
    async receiveSource(request) {
      record('receiveSource', request);
      return options.commands?.receiveSource?.(request) ?? { sha: 'a'.repeat(40), subject: 'First', author: 'A' };
    },
    async deploy(request) {
      record('deploy', request);
      return (
        options.commands?.deploy?.(request) ??
        accept((await store.releases(shopProduction, { limit: 100 })).length + 1, 'deploy', request.sha)
      );
    },
    async plan(request) {
      record('plan', request);
      return (
        options.commands?.plan?.(request) ?? {
          release: idOf(2),
          operations: ['build web (0123456789ab)', 'start web x2, healthy within 60s', 'move all traffic', 'bake 60s'],
          notes: ['web writes to data.sqlite, which is not under persist'],
          memory: { neededMb: 100, availableMb: 900, warmMb: 50 },
        }
      );
    },
    async rollback(request) {
      record('rollback', request);
      return options.commands?.rollback?.(request) ?? accept(request.to ?? 1, 'rollback');
    },
    async steer(request) {
      record('steer', request);
      return options.commands?.steer?.(request) ?? { rolloutId: 'r1' as RolloutId };
    },
    async traffic(request) {
      record('traffic', request);
      await options.commands?.traffic?.(request);
    },
    async startRun(request) {
      record('startRun', request);
      return options.commands?.startRun?.(request) ?? { run: 'n1' as RunId };
    },
    async cancelRun(request) {
      record('cancelRun', request);
      await options.commands?.cancelRun?.(request);
    },
    async accessory(request) {
      record('accessory', request);
      await options.commands?.accessory?.(request);
    },
    async deployFrom(request) {
      record('deployFrom', request);
      return (
        options.commands?.deployFrom?.(request) ??
        accept((await store.releases(shopProduction, { limit: 100 })).length + 1, 'deploy')
      );
    },
    async planFrom(request) {
      record('planFrom', request);
      return (
        options.commands?.planFrom?.(request) ?? commands.plan({ ...request, sha: '', dirty: false, folder: '.', folderName: '' })
      );
    },
    async lock(request) {
      record('lock', request);
      const { owner, reason } = request;
      return options.commands?.lock?.(request) ?? { owner, reason, since: newYear };
    },
    async unlock(request) {
      record('unlock', request);
      return options.commands?.unlock?.(request) ?? null;
    },
    async sync(request) {
      record('sync', request);
      return options.commands?.sync?.(request) ?? { applied: [] };
    },
    secrets: options.commands?.secrets ?? {
      list: () => Promise.resolve([]),
      set: () => Promise.resolve({ version: 1, notes: [] }),
      remove: () => Promise.resolve({ removed: [1] }),
      rotateKey: () => Promise.resolve({ rewrapped: 0 }),
      export: () => Promise.resolve({ document: '{}', count: 0 }),
      import: () => Promise.resolve({ restored: 0, kept: 0 }),
    },
  };
  const listen = (port: number): Promise<Api> =>
    startApi({
      commands,
      store,
      runtime: {
        observe: async () => options.observed ?? [],
        logs: (workload, { follow }) => options.logs?.(workload, follow) ?? none(),
      },
      dataPlane: {
        observe: async () => ({ workers: [{ name: 'proxy-0', version: 4, ready: true }], version: 4, skippedRoutes: [] }),
        addresses: async () => ({ http: 8080, https: null }),
        statsNow: async () => ({ counts: [] }),
        ...options.dataPlane,
      },
      declared: async () => options.declared ?? [],
      onChange: (listener) => {
        listeners.add(listener);
        return () => listeners.delete(listener);
      },
      onRolloutLine: (_id, listener) => {
        lineListeners.add(listener);
        return () => lineListeners.delete(listener);
      },
      stepLogs: { read: async (_of, { after }) => ({ lines: [], next: after }) },
      shutdown: (request) => void shutdowns.push(request),
      token,
      socketPath: home.apiSocket,
      host: options.host ?? '127.0.0.1',
      port,
      version: '0.0.1',
      home: folder,
      incoming: home.incoming,
      onFault: (fault) => void faults.push(fault),
      limits: { pollMs: 5000, ...options.limits },
      ...options.api,
    });

  let api = await listen(0);
  const standIn: StandIn = {
    get api() {
      return api;
    },
    get url() {
      return `http://127.0.0.1:${api.port}`;
    },
    token,
    home,
    store,
    calls,
    faults,
    shutdowns,
    write,
    async move(id, changes) {
      const before = await store.rollout(id as RolloutId);
      if (before === null) throw new Error(`There is no rollout ${id}.`);
      const event: NewEvent = {
        type: `rollout.${changes.phase ?? before.phase}`,
        at: (newYear + clock * 1000) as WallTime,
        app: shop,
        environment: production,
        rollout: before.id,
        body: { release: before.release },
      };
      await write({ rollouts: [{ ...before, ...changes }], events: [event] });
    },
    say: (line) => {
      for (const listener of lineListeners) listener(line);
    },
    async restart(pauseMs) {
      const { port } = api;
      await api.close();
      await new Promise((resolve) => {
        setTimeout(resolve, pauseMs);
      });
      api = await listen(port);
    },
    async close() {
      await api.close();
      await store.close();
      await rm(folder, { recursive: true, force: true });
      await rm(home.run, { recursive: true, force: true });
    },
  };
  return standIn;
}

async function* none(): AsyncIterable<LogLine> {}
