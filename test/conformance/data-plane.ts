import { once } from 'node:events';
import { request } from 'node:http';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import type { Epoch, Millis, ReleaseId, WorkloadId } from '../../src/domain/values.ts';
import type { DataPlane, TrafficCounts } from '../../src/ports/data-plane.ts';
import { ask, keepAlive, raw } from '../proxy/clients.ts';
import { type App, endApps, startApp, until } from '../proxy/processes.ts';
import { type SplitSpec, tableOf, token } from '../proxy/tables.ts';

export interface DataPlaneUnderTest {
  readonly plane: DataPlane;
  /** A second control plane of a later epoch takes over the same data plane. */
  reopen(epoch: number): Promise<DataPlane>;
  /** kill -9 of one traffic-carrying process; resolves when it is gone. */
  killOne(): Promise<void>;
  close(): Promise<void>;
}

const epoch = 1 as Epoch;
const shop = (name: string): ReleaseId => `shop/production/${name}` as ReleaseId;

/** What every implementation of ports/data-plane.ts does, seen by real clients and real small apps. */
export function dataPlaneSuite(name: string, factory: () => Promise<DataPlaneUnderTest>): void {
  describe(`data plane: ${name}`, () => {
    let under: DataPlaneUnderTest;
    let plane: DataPlane;
    let port: number;
    let one: App;
    let two: App;

    beforeAll(async () => {
      [one, two] = await Promise.all([startApp('one'), startApp('two')]);
    });
    beforeEach(async () => {
      under = await factory();
      plane = under.plane;
      port = (await plane.addresses()).http;
    });
    afterEach(() => under.close());
    afterAll(endApps);

    const v1 = (): SplitSpec => ({ releases: { v1: { apps: [one] } } });
    const v2 = (): SplitSpec => ({ releases: { v2: { apps: [two] } } });
    const commit = (
      version: number,
      split: SplitSpec,
      more: { epoch?: number; links?: readonly { slot: number; pool?: string }[] } = {},
    ) => plane.commit(tableOf({ version, splits: [split], ...more }));
    const drain = (pool: string, ms: number) => plane.drain(pool as WorkloadId, ms as Millis, epoch);
    const counts = async (release: string): Promise<TrafficCounts> => {
      const found = (await plane.statsNow()).counts.find((arm) => arm.release === shop(release));
      if (!found) throw new Error(`no counts of ${release}`);
      return found;
    };
    const canary = (weight: number, apps: { canary?: App } = {}): SplitSpec => ({
      releases: {
        v1: { apps: [one], weight: 10_000 - weight },
        v2: { apps: [apps.canary ?? two], weight, role: 'canary', requestTimeoutMs: 500 },
      },
    });

    test('routes by host and path: exact, wildcard, default, longest prefix on segment borders', async () => {
      await plane.commit(
        tableOf({
          version: 1,
          splits: [
            { app: 'a', releases: { v1: { apps: [one] } }, routes: ['app.test/', '*.wild.test/x'] },
            { app: 'b', releases: { v1: { apps: [two] } }, routes: ['app.test/api', '*/'] },
          ],
        }),
      );
      const served = async (host: string, path: string) => (await ask({ port, host, path })).body.split(' ')[0];
      expect(await served('APP.test:80', '/')).toBe('one');
      expect(await served('app.test', '/api/x?%zz')).toBe('two');
      expect(await served('app.test', '/apix')).toBe('one');
      expect(await served('a.wild.test', '/x/y')).toBe('one');
      expect(await served('a.b.wild.test', '/x')).toBe('two');
      expect((await ask({ port, host: 'a.wild.test', path: '/other' })).status).toBe(404);
    });

    test('after a commit returns no request starts on the old pool, on no worker and on no open connection', async () => {
      await commit(1, v1());
      const agents = Array.from({ length: 12 }, keepAlive);
      await Promise.all(agents.map((agent) => ask({ port, path: '/who', agent })));
      for (let version = 2; version < 22; version += 1) {
        const even = version % 2 === 0;
        const receipt = await commit(version, even ? v2() : v1());
        expect(receipt.version).toBe(version);
        const bodies = await Promise.all(agents.map(async (agent) => (await ask({ port, path: '/who', agent })).body));
        expect(new Set(bodies)).toEqual(new Set([even ? 'two' : 'one']));
      }
      for (const agent of agents) agent.destroy();
    });

    test('commit is idempotent by version; stale versions and epochs are refused and change nothing', async () => {
      await commit(3, v1());
      await commit(3, v1());
      await expect(commit(2, v2())).rejects.toMatchObject({ code: 'STALE_EPOCH' });
      plane = await under.reopen(2);
      await commit(1, v2(), { epoch: 2 });
      await expect(commit(9, v1(), { epoch: 1 })).rejects.toMatchObject({ code: 'STALE_EPOCH' });
      await expect(under.plane.commit(tableOf({ version: 10, splits: [v1()] }))).rejects.toMatchObject({ code: 'STALE_EPOCH' });
      expect((await ask({ port, path: '/who' })).body).toBe('two');
    });

    test('a table with two owners of one address is refused whole, naming the owner', async () => {
      await commit(1, v1());
      const clash = tableOf({
        version: 2,
        splits: [
          { ...v2(), app: 'first' },
          { ...v2(), app: 'second' },
        ],
      });
      await expect(plane.commit(clash)).rejects.toMatchObject({ code: 'BAD_TABLE', message: expect.stringContaining('first') });
      expect((await ask({ port, path: '/who' })).body).toBe('one');
      expect(await plane.observe()).toMatchObject({ version: 1 });
      await commit(2, v2());
    });

    test('drain waits for requests in flight, which finish where they started', async () => {
      await commit(1, v1());
      const slow = ask({ port, path: '/slow?ms=500' });
      await until('in flight', async () => (await counts('v1')).inFlight === 1);
      await commit(2, v2());
      expect(await drain('shop-v1', 8_000)).toEqual({ finished: 1, cut: 0 });
      expect((await slow).body).toBe('one slow');
      expect(await drain('shop-v1', 8_000)).toEqual({ finished: 0, cut: 0 });
    });

    test('at the drain deadline: 504 without headers, 1012 for websockets, a clean end for event streams', async () => {
      await commit(1, v1());
      const silent = ask({ port, path: '/never' });
      const socket = new WebSocket(`ws://127.0.0.1:${port}/ticks`);
      await once(socket, 'open');
      const closed = once(socket, 'close');
      const events = new Promise<string>((resolve, reject) => {
        const req = request({ port, host: '127.0.0.1', path: '/sse', headers: { host: 'a' }, agent: false }, (res) => {
          let text = '';
          res.on('data', (chunk) => (text += chunk));
          res.on('end', () => resolve(text));
          res.on('error', reject);
        });
        req.on('error', reject);
        req.end();
      });
      await until('in flight', async () => (await counts('v1')).inFlight === 3);
      await commit(2, v2());
      expect(await drain('shop-v1', 300)).toEqual({ finished: 0, cut: 3 });
      expect((await silent).status).toBe(504);
      expect((await closed)[0]).toBe(1012);
      expect((await events).endsWith('\n\n')).toBe(true);
    });

    test('a candidate is reached by its header alone, whatever its weight, and is not counted', async () => {
      await commit(1, canary(0));
      const { baseUrl, headers } = plane.candidate(shop('v2'), token);
      const at = Number(new URL(baseUrl).port);
      const before = (await counts('v2')).requests;
      expect((await ask({ port: at, path: '/who', headers })).body).toBe('two');
      const seen = JSON.parse((await ask({ port: at, path: '/headers', headers })).body) as { raw: string[] };
      expect(seen.raw.map((part) => part.toLowerCase())).not.toContain('x-signalbox-candidate');
      expect((await counts('v2')).requests).toBe(before);
      for (const release of [shop('v2'), shop('v9')]) {
        const wrong = plane.candidate(release, release === shop('v9') ? token : 'guess').headers;
        expect((await ask({ port: at, path: '/who', headers: wrong })).status).toBe(403);
      }
      expect((await ask({ port, path: '/who' })).body).toBe('one');
    });

    test('a split holds clients by a cookie; a growing weight moves them one way only; cookieless ones are drawn by weight', async () => {
      const cookieOf = (answer: Awaited<ReturnType<typeof ask>>) => answer.headers['set-cookie']?.[0]?.split(';')[0];
      await commit(1, v1());
      expect(cookieOf(await ask({ port, path: '/who' }))).toBeUndefined();
      await commit(2, canary(3_000));
      const clients: { cookie: string; release: string }[] = [];
      for (let i = 0; i < 120; i += 1) {
        const answer = await ask({ port, path: '/who' });
        expect(answer.headers['set-cookie']?.[0]).toMatch(/^signalbox-split=\d{1,4}; Path=\/; HttpOnly; SameSite=Lax$/);
        clients.push({ cookie: cookieOf(answer) ?? '', release: answer.body });
      }
      const onCanary = clients.filter(({ release }) => release === 'two').length;
      expect(onCanary).toBeGreaterThan(10);
      expect(onCanary).toBeLessThan(70);
      for (const weight of [3_000, 6_000, 9_000]) {
        await commit(weight, canary(weight));
        for (const client of clients) {
          const answer = await ask({ port, path: '/who', headers: { cookie: `x=1; ${client.cookie}; y=2` } });
          expect(cookieOf(answer)).toBeUndefined();
          if (client.release === 'two') expect(answer.body).toBe('two');
          client.release = answer.body;
        }
      }
    });

    test('a safe request that fails on the canary is answered by stable; the canary keeps the blame', async () => {
      await commit(1, canary(10_000));
      for (const path of ['/fail', '/reset', '/never']) {
        const before = await counts('v2');
        const answer = await ask({ port, path: path === '/fail' ? '/fail' : path, headers: { accept: 'text/plain' } }).catch(
          () => undefined,
        );
        const after = await counts('v2');
        expect([path, after.errors - before.errors, after.rescued - before.rescued]).toEqual([path, 1, 1]);
        // The stable app of this suite fails in the same way; what matters is who was asked last.
        if (path === '/fail') expect(answer?.body).toBe('one failed');
      }
      const post = await ask({ port, path: '/fail', method: 'POST', body: 'x' });
      expect(post.body).toBe('two failed');
    });

    test('a canary that nobody answers for any more is rescued by stable', async () => {
      const doomed = await startApp('doomed');
      await commit(1, canary(10_000, { canary: doomed }));
      expect((await ask({ port, path: '/who' })).body).toBe('doomed');
      await doomed.kill();
      for (let i = 0; i < 5; i += 1) expect((await ask({ port, path: '/who' })).body).toBe('one');
      expect(await counts('v2')).toMatchObject({ requests: 6, errors: 5, rescued: 5, dropped: 0 });
      expect((await ask({ port, path: '/who', method: 'POST', body: 'x' })).status).toBe(502);
    });

    test('release-local links lead to their pool and follow a commit', async () => {
      const links = await plane.links();
      if (links.length === 0) return;
      const linkPort = Number(new URL(links[0] as string).port);
      await commit(1, v1(), { links: [{ slot: 0, pool: 'shop-v1' }] });
      expect((await ask({ port: linkPort, path: '/who', host: '127.0.0.1' })).body).toBe('one');
      await commit(2, v2(), { links: [{ slot: 0, pool: 'shop-v2' }] });
      expect((await ask({ port: linkPort, path: '/who', host: '127.0.0.1' })).body).toBe('two');
      await commit(3, v2(), { links: [{ slot: 0 }] });
      expect((await ask({ port: linkPort, path: '/who', host: '127.0.0.1' })).status).toBe(503);
    });

    test('counts are exact per release and workload, and errors are told soon', async () => {
      await commit(1, v1());
      const heard: number[] = [];
      const stop = plane.stats((snapshot) => {
        const errors = snapshot.counts.find((arm) => arm.release === shop('v1'))?.errors;
        if (errors) heard.push(errors);
      });
      await Promise.all(Array.from({ length: 50 }, () => ask({ port, path: '/who' })));
      await Promise.all(Array.from({ length: 7 }, () => ask({ port, path: '/status?code=404' })));
      await Promise.all(Array.from({ length: 3 }, () => ask({ port, path: '/fail' })));
      const started = performance.now();
      await until('the errors are told', () => heard.at(-1) === 3);
      expect(performance.now() - started).toBeLessThan(2_000);
      stop();
      const { requests, byClass, errors, dropped, inFlight, latency } = await counts('v1');
      expect({ requests, byClass, errors, dropped, inFlight }).toEqual({
        requests: 60,
        byClass: [0, 0, 50, 0, 7, 3],
        errors: 3,
        dropped: 0,
        inFlight: 0,
      });
      expect(latency.reduce((sum, count) => sum + count, 0)).toBe(60);
    });

    test('traffic can be held and stopped; health paths answer; both survive the loss of a worker', async () => {
      await commit(1, v1());
      const health = ['/health'];
      await commit(2, { ...v1(), mode: { kind: 'hold', healthPaths: health } });
      const held = Array.from({ length: 30 }, () => ask({ port, path: '/who' }));
      expect((await ask({ port, path: '/health' })).status).toBe(200);
      const first = await Promise.race([...held, new Promise((resolve) => setTimeout(resolve, 300, 'still held'))]);
      expect(first).toBe('still held');
      await commit(3, v2());
      const bodies = (await Promise.all(held)).map(({ body }) => body);
      expect(new Set(bodies)).toEqual(new Set(['two']));
      await commit(4, { ...v2(), mode: { kind: 'stop', message: 'Back at noon', healthPaths: health } });
      await under.killOne();
      const stopped = await until('it answers again', () => ask({ port, path: '/who' }).catch(() => undefined));
      expect(stopped.status).toBe(503);
      expect(stopped.body).toContain('Back at noon');
      expect((await ask({ port, path: '/health' })).status).toBe(200);
    });

    test('a killed worker comes back with the last table, without a commit, and its counts are kept', async () => {
      await commit(1, v1());
      for (let i = 0; i < 10; i += 1) await ask({ port, path: '/who' });
      await until('counted', async () => (await counts('v1')).requests === 10);
      await under.killOne();
      const answer = await until('it answers again', () => ask({ port, path: '/who' }).catch(() => undefined));
      expect(answer.body).toBe('one');
      await until('all serve', async () => (await plane.observe()).version === 1);
      expect((await counts('v1')).requests).toBeGreaterThanOrEqual(11);
      await commit(2, v2());
      expect((await ask({ port, path: '/who' })).body).toBe('two');
    });

    test('a commit that meets the loss of a worker still ends with every worker on the new table', async () => {
      await commit(1, v1());
      const killed = under.killOne();
      const receipt = await commit(2, v2());
      await killed;
      expect(receipt.version).toBe(2);
      await until('all serve it', async () => (await plane.observe()).version === 2);
      for (let i = 0; i < 10; i += 1) expect((await ask({ port, path: '/who' })).body).toBe('two');
    });

    test('ambiguous framing is refused and never reaches the app', async () => {
      await commit(1, v1());
      const { seen } = await one.stats();
      const bad = [
        'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
        'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\nabc',
        'GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n',
        'GET / HTTP/1.1\r\nHost : a\r\n\r\n',
      ];
      for (const bytes of bad) expect(await raw(port, bytes)).toMatch(/^HTTP\/1\.[01] 400 /);
      expect((await one.stats()).seen).toBe(seen);
    });
  });
}
