import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { type EmbeddedDataPlane, openEmbeddedDataPlane } from '../../src/adapters/data-plane/embedded/embedded.ts';
import type { Epoch, Millis } from '../../src/domain/values.ts';
import type { KeeperClient } from '../../src/keeper/client.ts';
import { type Home, makeHome } from '../keeper/harness.ts';
import { ask, keepAlive } from '../proxy/clients.ts';
import { dist, endApps, startApp, until } from '../proxy/processes.ts';
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
    const under = await install();
    const [first] = await under.workerPids();
    try {
      const [one, two] = await Promise.all([startApp('one'), startApp('two')]);
      await under.plane.commit(tableOf({ version: 1, splits: [{ releases: { v1: { apps: [one] } } }] }));
      process.kill(first as number, 'SIGSTOP');
      const receipt = await under.plane.commit(tableOf({ version: 2, splits: [{ releases: { v2: { apps: [two] } } }] }));
      expect(receipt).toEqual({ version: 2, workers: 2, replaced: 1 });
      const { http: port } = await under.plane.addresses();
      for (let i = 0; i < 20; i += 1) expect((await ask({ port, path: '/who' })).body).toBe('two');
      expect(await under.workerPids()).not.toContain(first);
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
