import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { handOver } from '../../src/adapters/data-plane/embedded/delivery.ts';
import { Edition } from '../../src/adapters/data-plane/embedded/edition.ts';
import type { Live } from '../../src/adapters/data-plane/embedded/worker-link.ts';
import type { Pool, RouteTable } from '../../src/domain/route-table.ts';
import type { InstanceId } from '../../src/domain/values.ts';
import { commit, commitChange, restore } from '../../src/proxy/commit.ts';
import type { ProxyContext } from '../../src/proxy/context.ts';
import { Counters } from '../../src/proxy/counts.ts';
import { Rates } from '../../src/proxy/edge/rules.ts';
import { Holds } from '../../src/proxy/hold.ts';
import { defaultLimits } from '../../src/proxy/limits.ts';
import { Pools } from '../../src/proxy/pools.ts';
import type { ProxyMethods, TableChange } from '../../src/proxy/protocol.ts';
import { Router } from '../../src/proxy/routing.ts';
import { StaticSite } from '../../src/proxy/static/site.ts';
import { readStoredTable } from '../../src/proxy/table-file.ts';
import { Certificates } from '../../src/proxy/tls/certificates.ts';
import { TrustedPeers } from '../../src/proxy/trust.ts';
import { Uploads } from '../../src/proxy/upload.ts';
import { WireError } from '../../src/wire/server.ts';
import { type SplitSpec, tableOf } from './tables.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'sb-changes-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** The state of a worker, without its listeners. */
function emptyWorker(): ProxyContext {
  return {
    limits: defaultLimits,
    router: new Router(),
    pools: new Pools(1_000, (pool) => new StaticSite(pool)),
    counters: new Counters(),
    rates: new Rates(),
    holds: new Holds(10, 1_000),
    uploads: new Uploads(1_000),
    trusted: new TrustedPeers([]),
    certificates: new Certificates(undefined),
    handshakes: undefined,
    httpsPort: 443,
    finishing: false,
  };
}

/** A worker as it starts with this file. */
function restarted(file: Buffer): ProxyContext {
  const path = join(folder, 'routes.json');
  writeFileSync(path, file);
  const context = emptyWorker();
  const { table, digest } = readStoredTable(path);
  if (table) restore(context, table, digest);
  return context;
}

/** Everything that a request can meet, in an order of its own. */
function served({ router: { table }, pools }: ProxyContext): unknown {
  const hosts = [...table.hosts].map(([host, routes]) => ({
    host,
    routes: routes.map(({ split, targets, ...route }) => ({
      ...route,
      split: split.key,
      current: table.splits.get(split.key) === split,
      targets: targets.map(
        (to) => to && { pool: to.pool.id, counted: to.counter.identity, current: table.pools.get(to.pool.id) === to.pool },
      ),
    })),
  }));
  const byName = (a: { host: string }, b: { host: string }) => a.host.localeCompare(b.host);
  return {
    stamp: [table.version, table.epoch, table.digest],
    hosts: hosts.sort(byName),
    splits: new Map(table.splits),
    links: [...table.links].map(([slot, pool]) => [slot, pool?.id]),
    pools: new Map(
      [...table.pools].map(([id, { endpoints, requestTimeoutMs, holdWhenEmpty, site, routed }]) => [
        id,
        {
          current: routed && pools.get(id) === table.pools.get(id),
          endpoints: endpoints.map(({ instance, host, port, healthy }) => ({ instance, host, port, healthy })),
          ...(site ? { site: true } : { requestTimeoutMs, holdWhenEmpty }),
        },
      ]),
    ),
  };
}

/** What a worker that gets the whole table first thing makes of it; the code of its refusal when it does not take it. */
function byTheWhole(table: RouteTable, digest: string): unknown {
  const context = emptyWorker();
  try {
    commit(context, JSON.parse(JSON.stringify(table)) as RouteTable, digest);
    return served(context);
  } catch (cause) {
    return (cause as WireError).code;
  }
}

type Fate =
  | 'arrives'
  | 'request lost'
  | 'answer lost'
  | 'worker restarts'
  | 'stored table altered'
  | 'another table behind our back';

/** The adapter's end of a connection to the worker `of()`; each way a message may be lost is one of its moods. */
function connection(of: () => ProxyContext): { readonly live: Live; readonly sent: string[]; mood: Fate } {
  const sent: string[] = [];
  const answers: Record<string, (params: never) => unknown> = {
    commit: ({ table, digest }: ProxyMethods['commit']['params']) => commit(of(), table, digest),
    'commit-change': ({ change }: { change: TableChange }) => commitChange(of(), change),
  };
  const call = async (method: string, params: unknown): Promise<unknown> => {
    sent.push(method);
    if (ends.mood === 'request lost') throw new WireError('WIRE_TIMEOUT', 'lost');
    const result = answers[method]?.(JSON.parse(JSON.stringify(params)) as never);
    if (ends.mood === 'answer lost') throw new WireError('WIRE_CLOSED', 'lost');
    return Promise.resolve(result);
  };
  const live = { control: { call }, digest: null, open: true } as unknown as Live;
  const ends = { live, sent, mood: 'arrives' as Fate };
  return ends;
}

const appArbitrary = fc.record({
  arms: fc.constantFrom<readonly [string, number, 'stable' | 'canary'][]>(
    [['v1', 10_000, 'stable']],
    [['v2', 10_000, 'stable']],
    [
      ['v1', 7_000, 'stable'],
      ['v2', 3_000, 'canary'],
    ],
    [['v3', 0, 'canary']],
  ),
  routes: fc.uniqueArray(
    fc.constantFrom('a.test/', 'a.test/x', 'a.test/x/', 'a.test/long', 'b.test/', '*.test/', '*.test/x', '*/', '*/x'),
    { maxLength: 3 },
  ),
  port: fc.integer({ min: 1, max: 3 }),
  healthy: fc.boolean(),
  files: fc.boolean(),
  held: fc.boolean(),
});
/** What becomes of some apps; the others stay as they are. */
const nextArbitrary = fc.record({
  apps: fc.dictionary(fc.constantFrom('0', '1', '2', '3'), fc.option(appArbitrary, { nil: undefined, freq: 3 }), { maxKeys: 2 }),
  link: fc.option(fc.constantFrom('app0-v1', 'app1-v2'), { nil: undefined }),
  spoiled: fc.constantFrom('no', 'no', 'no', 'no', 'a pool is missing', 'a pool twice', 'a split twice'),
});
const fates: Fate[] = [
  'arrives',
  'request lost',
  'answer lost',
  'worker restarts',
  'stored table altered',
  'another table behind our back',
];
const stepArbitrary = fc.record({
  next: nextArbitrary,
  fate: fc.constantFrom<Fate>('arrives', 'arrives', ...fates),
  inFlight: fc.constantFrom('app0-v1', 'app1-v1', 'app2-v2'),
});
type App = typeof appArbitrary extends fc.Arbitrary<infer T> ? T : never;
type Next = typeof nextArbitrary extends fc.Arbitrary<infer T> ? T : never;
type Apps = Readonly<Record<string, App | undefined>>;

function tableFrom(apps: Apps, { link, spoiled }: Next, version: number): RouteTable {
  const splits = Object.entries(apps).flatMap(([index, app]): SplitSpec[] => {
    if (!app) return [];
    const { arms, routes, port, healthy, files, held } = app;
    const endpoint = { instance: `i${port}` as InstanceId, host: '127.0.0.1', port, healthy };
    const releases = arms.map(([name, weight, role]) => {
      const pool = files && index === '3' ? { files: { root: folder } } : { apps: [endpoint] };
      return [name, { weight, role, ...pool }] as const;
    });
    const mode = held ? { kind: 'hold' as const, healthPaths: ['/up'] } : { kind: 'open' as const };
    return [{ app: `app${index}`, releases: Object.fromEntries(releases), routes, mode }];
  });
  const table = tableOf({ version, splits, links: link === undefined ? [] : [{ slot: 0, pool: link }] });
  const [pool, split] = [table.pools[0], table.splits[0]];
  if (!pool || !split) return { ...table, links: [] };
  if (spoiled === 'a pool is missing') return { ...table, pools: table.pools.slice(1) };
  if (spoiled === 'a pool twice') return { ...table, pools: [...table.pools, { ...pool, requestTimeout: 7 } as Pool] };
  if (spoiled === 'a split twice') return { ...table, splits: [...table.splits, { ...split, routes: [] }] };
  return table;
}

describe('a table told by what has changed', () => {
  test('is the table told as a whole, whatever was lost, restarted, altered or refused in between', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(stepArbitrary, { minLength: 1, maxLength: 16 }), async (steps) => {
        let worker = emptyWorker();
        let ends = connection(() => worker);
        let edition: Edition | undefined;
        let apps: Apps = {};
        let disk: Buffer = Buffer.from('');
        const restart = (file: Buffer): void => {
          worker = restarted(file);
          ends = connection(() => worker);
          ends.live.digest = worker.router.table.digest ?? null;
        };
        for (const [index, { next: drawn, fate, inFlight }] of steps.entries()) {
          const wish = { ...apps, ...drawn.apps };
          const table = tableFrom(wish, drawn, 2 * index + 2);
          if (fate === 'worker restarts') restart(disk);
          // JSON all the same, and a table that serves, but not the one that was written.
          if (fate === 'stored table altered')
            restart(Buffer.from(disk.toString().replaceAll('"healthy":true', '"healthy":false')));
          if (fate === 'another table behind our back') {
            const other = tableOf({
              version: 2 * index + 1,
              splits: [{ app: 'other', releases: { v9: {} }, routes: ['b.test'] }],
            });
            commit(worker, other, 'another');
          }
          const before = worker.router.table;
          const work = { cut: () => {} };
          const pool = worker.pools.get(inFlight);
          pool?.claim(work);
          const { edition: next, file } = Edition.of(table, edition);
          const wanted = byTheWhole(table, next.digest);
          ends.mood = fate;
          const refused = await handOver(ends.live, next, 1_000).then(
            () => undefined,
            (cause: WireError) => cause.code,
          );
          pool?.release(work);
          if (wanted === 'BAD_TABLE' && fate !== 'request lost') {
            expect(refused).toBe('BAD_TABLE');
            expect(worker.router.table).toBe(before);
            continue;
          }
          edition = next;
          apps = wish;
          disk = file;
          if (fate === 'request lost') {
            expect(worker.router.table).toBe(before);
            // Silent: it is killed, and its successor reads the table that it did not take.
            if (wanted === 'BAD_TABLE') return;
            restart(disk);
          } else if (fate === 'answer lost') {
            // A connection of its own each time: what it serves is asked anew.
            ends = connection(() => worker);
            ends.live.digest = worker.router.table.digest ?? null;
          } else {
            expect(refused).toBeUndefined();
          }
          expect(served(worker)).toEqual(wanted);
        }
      }),
      { numRuns: 150, interruptAfterTimeLimit: 20_000 },
    );
  }, 30_000);

  test('holds the app that was deployed, not the thousands beside it', async () => {
    const names = Array.from({ length: 2_000 }, (_, index) => `app${index}`);
    const tableWith = (version: number, deployed: string): RouteTable =>
      tableOf({
        version,
        splits: names.map((app) => ({
          app,
          releases: { [app === deployed ? 'v2' : 'v1']: { apps: [] } },
          routes: [`${app}.test`],
        })),
      });
    const worker = emptyWorker();
    const { live, sent } = connection(() => worker);
    const first = Edition.of(tableWith(1, 'none')).edition;
    await handOver(live, first, 1_000);
    const kept = worker.router.table.splits.get('app6/production');
    const second = Edition.of(tableWith(2, 'app7'), first).edition;
    const change = second.changeFrom(first.digest);
    expect(change?.splits.put.map(({ key }) => key)).toEqual(['app7/production']);
    expect([change?.pools.put.map(({ id }) => id), change?.pools.drop]).toEqual([['app7-v2'], ['app7-v1']]);
    await handOver(live, second, 1_000);
    expect(sent).toEqual(['commit', 'commit-change']);
    expect(worker.router.table.splits.get('app6/production')).toBe(kept);
    expect(worker.pools.get('app7-v1')).toBeUndefined();
  });

  test('is sent whole to a worker that does not know changes', async () => {
    const worker = emptyWorker();
    const { live } = connection(() => worker);
    const old: Live['control']['call'] = (method, params) =>
      method === 'commit-change'
        ? Promise.reject(new WireError('UNKNOWN_METHOD', 'of another version'))
        : live.control.call(method, params);
    const aged: Live = { ...live, control: { ...live.control, call: old } };
    const first = Edition.of(tableOf({ version: 1, splits: [{ releases: { v1: {} } }] })).edition;
    await handOver(aged, first, 1_000);
    const second = Edition.of(tableOf({ version: 2, splits: [{ releases: { v2: {} } }] }), first).edition;
    await handOver(aged, second, 1_000);
    expect(worker.router.table.version).toBe(2);
  });
});
