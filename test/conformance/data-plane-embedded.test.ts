import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { type EmbeddedDataPlane, openEmbeddedDataPlane } from '../../src/adapters/data-plane/embedded/embedded.ts';
import type { Epoch, Millis } from '../../src/domain/values.ts';
import type { KeeperClient } from '../../src/keeper/client.ts';
import type { ProxyEvents, ProxyMethods } from '../../src/proxy/protocol.ts';
import { connectWire } from '../../src/wire/client.ts';
import { type Home, makeHome } from '../keeper/harness.ts';
import { ask, keepAlive } from '../proxy/clients.ts';
import { type App, dist, endApps, startApp, until } from '../proxy/processes.ts';
import { tableOf } from '../proxy/tables.ts';
import { type DataPlaneUnderTest, dataPlaneSuite } from './data-plane.ts';

interface Installation extends DataPlaneUnderTest {
  readonly plane: EmbeddedDataPlane;
  readonly home: Home;
  workerPids(): Promise<number[]>;
}

/** The real keeper, two real workers. */
async function install(): Promise<Installation> {
  const home = makeHome();
  const opened: EmbeddedDataPlane[] = [];
  const open = async (epoch: number): Promise<EmbeddedDataPlane> => {
    const keeper = await home.connect();
    const plane = await openEmbeddedDataPlane({
      keeper,
      epoch: epoch as Epoch,
      dir: home.launch.proxyDir,
      program: join(dist, 'proxy/main.js'),
      http: { host: '127.0.0.1', port: 0 },
      workers: 2,
      links: 2,
    });
    opened.push(plane);
    return plane;
  };
  const keeper: KeeperClient = await home.connect();
  const workerPids = async (): Promise<number[]> => {
    const { workers } = await keeper.call('list', {});
    return workers.flatMap(({ pid }) => (pid === null ? [] : [pid]));
  };
  const plane = await open(1);
  return {
    home,
    plane,
    reopen: open,
    workerPids,
    killOne: async () => {
      const [pid] = await workerPids();
      if (pid === undefined) throw new Error('no worker runs');
      process.kill(pid, 'SIGKILL');
      await until('the worker is gone', async () => !(await workerPids()).includes(pid));
    },
    close: async () => {
      for (const each of opened) await each.close();
      await home.destroy();
    },
  };
}

dataPlaneSuite('embedded', install);

/** Two workers serve `one`, and the first of them is stopped: it takes no commit. */
async function withStoppedWorker(): Promise<{ under: Installation; first: number; two: App }> {
  const under = await install();
  const [first] = await under.workerPids();
  const [one, two] = await Promise.all([startApp('one'), startApp('two')]);
  await under.plane.commit(tableOf({ version: 1, splits: [{ releases: { v1: { apps: [one] } } }] }));
  process.kill(first as number, 'SIGSTOP');
  return { under, first: first as number, two };
}

describe('embedded', () => {
  afterAll(endApps);

  test('the table is on disk before it is served', async () => {
    const under = await install();
    try {
      const app = await startApp('one');
      await under.plane.commit(tableOf({ version: 7, splits: [{ releases: { v1: { apps: [app] } } }] }));
      expect(JSON.parse(readFileSync(join(under.home.launch.proxyDir, 'routes.json'), 'utf8'))).toMatchObject({
        version: 7,
        epoch: 1,
      });
    } finally {
      await under.close();
    }
  });

  test('a worker that does not acknowledge within 2 s is replaced, and the new one serves the table before the commit returns', async () => {
    const { under, first, two } = await withStoppedWorker();
    try {
      const receipt = await under.plane.commit(tableOf({ version: 2, splits: [{ releases: { v2: { apps: [two] } } }] }));
      expect(receipt).toEqual({ version: 2, workers: 2, replaced: 1 });
      const { http: port } = await under.plane.addresses();
      for (let i = 0; i < 20; i += 1) expect((await ask({ port, path: '/who' })).body).toBe('two');
      expect(await under.workerPids()).not.toContain(first);
    } finally {
      await under.close();
    }
  });

  test('a commit whose worker ends in the middle is given to its successor', async () => {
    const { under, first, two } = await withStoppedWorker();
    try {
      const commit = under.plane.commit(tableOf({ version: 2, splits: [{ releases: { v2: { apps: [two] } } }] }));
      // The other worker has it, so it is on the way to the stopped one.
      const other = await connectWire<ProxyMethods, ProxyEvents>(join(under.home.launch.proxyDir, 'proxy-1.sock'));
      await until('the other worker serves it', async () => (await other.call('hello', {})).version === 2);
      other.close();
      process.kill(first, 'SIGKILL');
      // How many were replaced depends on how long the successor takes on this machine.
      expect(await commit).toMatchObject({ version: 2, workers: 2 });
      expect(await under.plane.observe()).toMatchObject({ version: 2, workers: [{ ready: true }, { ready: true }] });
      expect(await under.workerPids()).not.toContain(first);
    } finally {
      await under.close();
    }
  });

  test('a worker that serves another table than the last one committed gets the whole one', async () => {
    const under = await install();
    const worker = await connectWire<ProxyMethods, ProxyEvents>(join(under.home.launch.proxyDir, 'proxy-0.sock'));
    try {
      const [one, two] = await Promise.all([startApp('one'), startApp('two')]);
      const shop = { releases: { v1: { apps: [one] } }, routes: ['shop.test'] };
      const blog = { app: 'blog', releases: { v1: { apps: [two] } }, routes: ['blog.test'] };
      await under.plane.commit(tableOf({ version: 1, splits: [shop] }));
      // Says nothing of the shop, which does not change any more.
      await worker.call('commit', { table: tableOf({ version: 2, splits: [] }) });
      expect(await under.plane.commit(tableOf({ version: 3, splits: [shop, blog] }))).toMatchObject({ replaced: 0 });
      const { http: port } = await under.plane.addresses();
      for (let i = 0; i < 10; i += 1) {
        expect((await ask({ port, host: 'shop.test', path: '/who' })).body).toBe('one');
        expect((await ask({ port, host: 'blog.test', path: '/who' })).body).toBe('two');
      }
    } finally {
      worker.close();
      await under.close();
    }
  });

  test('a worker that has started from the stored table follows by the difference; from an altered one by the whole', async () => {
    const under = await install();
    const path = join(under.home.launch.proxyDir, 'proxy-0.sock');
    const stored = join(under.home.launch.proxyDir, 'routes.json');
    const digest = async (): Promise<string | null | undefined> => {
      const worker = await connectWire<ProxyMethods, ProxyEvents>(path).catch(() => undefined);
      const hello = await worker?.call('hello', {}).catch(() => undefined);
      worker?.close();
      return hello && hello.version > 0 ? hello.digest : undefined;
    };
    const restarted = async (before: number | undefined): Promise<void> => {
      process.kill(before as number, 'SIGKILL');
      await until('its successor runs', async () => {
        const [now] = await under.workerPids();
        return now !== undefined && now !== before && (await digest()) !== undefined;
      });
    };
    try {
      const app = await startApp('one');
      const shop = { releases: { v1: { apps: [app] } }, routes: ['shop.test'] };
      await under.plane.commit(tableOf({ version: 1, splits: [shop] }));
      const written = (JSON.parse(readFileSync(stored, 'utf8')) as { digest: string }).digest;
      await restarted((await under.workerPids())[0]);
      expect(await digest()).toBe(written);
      writeFileSync(stored, readFileSync(stored, 'utf8').replace('shop.test', 'else.test'));
      await restarted((await under.workerPids())[0]);
      expect(await digest()).toBeNull();
      await under.plane.commit(tableOf({ version: 2, splits: [shop, { ...shop, app: 'blog', routes: ['blog.test'] }] }));
      const { http: port } = await under.plane.addresses();
      for (let i = 0; i < 10; i += 1) expect((await ask({ port, host: 'shop.test', path: '/who' })).body).toBe('one');
    } finally {
      await under.close();
    }
  });

  test('workers are exchanged under load without a refused connection or a lost request', async () => {
    const under = await install();
    try {
      const app = await startApp('one');
      await under.plane.commit(tableOf({ version: 1, splits: [{ releases: { v1: { apps: [app] } } }] }));
      const { http: port } = await under.plane.addresses();
      const run = { stop: false };
      const failures: unknown[] = [];
      let served = 0;
      const clients = Array.from({ length: 12 }, async (_, index) => {
        const agent = index % 3 === 0 ? undefined : keepAlive();
        while (!run.stop) {
          try {
            const { status } = await ask({ port, path: '/slow?ms=5', ...(agent ? { agent } : {}) });
            if (status !== 200) failures.push(status);
            served += 1;
          } catch (cause) {
            failures.push(cause);
          }
        }
        agent?.destroy();
      });
      const before = await under.workerPids();
      await under.plane.replaceWorkers(3_000 as Millis);
      await until('load went on', () => served > 300);
      const after = await under.workerPids();
      run.stop = true;
      await Promise.all(clients);
      expect(failures).toEqual([]);
      expect(after.filter((pid) => before.includes(pid))).toEqual([]);
    } finally {
      await under.close();
    }
  });

  test('a lost keeper does not stop traffic, and a new one takes over the same listeners', async () => {
    const under = await install();
    try {
      const [one, two] = await Promise.all([startApp('one'), startApp('two')]);
      await under.plane.commit(tableOf({ version: 1, splits: [{ releases: { v1: { apps: [one] } } }] }));
      const { http: port } = await under.plane.addresses();
      await under.home.killKeeper();
      expect((await ask({ port, path: '/who' })).body).toBe('one');
      await under.plane.commit(tableOf({ version: 2, splits: [{ releases: { v2: { apps: [two] } } }] }));
      expect((await ask({ port, path: '/who' })).body).toBe('two');
      await under.killOne();
      const answer = await until('it answers', () => ask({ port, path: '/who' }).catch(() => undefined));
      expect(answer.body).toBe('two');
      expect((await under.plane.addresses()).http).toBe(port);
    } finally {
      await under.close();
    }
  });
});
