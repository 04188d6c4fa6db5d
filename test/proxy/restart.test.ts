import { existsSync, readdirSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { RouteTable } from '../../src/domain/route-table.ts';
import { ask, keepAlive } from './clients.ts';
import { openBench } from './harness.ts';
import { type App, endApps, startApp, until } from './processes.ts';
import { tableOf } from './tables.ts';

let app: App;
beforeAll(async () => {
  app = await startApp('app');
});
afterAll(endApps);

const table = (): RouteTable =>
  tableOf({
    version: 4,
    epoch: 2,
    splits: [
      { app: 'good', releases: { v1: { apps: [app] } }, routes: ['good.test'] },
      { app: 'bad', releases: { v1: { apps: [app] } }, routes: ['bad.test', 'half.test'] },
    ],
  });

describe('the stored table', () => {
  test('is served by a worker that starts', async () => {
    const bench = await openBench({ stored: table() });
    try {
      expect((await ask({ port: bench.port, host: 'good.test', path: '/who' })).body).toBe('app');
      expect(await bench.worker.control.call('hello', {})).toMatchObject({ version: 4, epoch: 2, skippedRoutes: [] });
    } finally {
      await bench.close();
    }
  });
  test('one unreadable route is skipped and reported, all others serve', async () => {
    const spoiled = JSON.parse(JSON.stringify(table())) as {
      splits: [unknown, { routes: [{ path: unknown }] }];
      links: unknown[];
    };
    spoiled.splits[1].routes[0].path = 17;
    spoiled.links = [{ slot: 'x' }];
    const bench = await openBench({ stored: spoiled as unknown as RouteTable });
    try {
      for (const host of ['good.test', 'half.test'])
        expect((await ask({ port: bench.port, host, path: '/who' })).body).toBe('app');
      expect((await ask({ port: bench.port, host: 'bad.test' })).status).toBe(404);
      const { skippedRoutes } = await bench.worker.control.call('hello', {});
      expect(skippedRoutes).toHaveLength(2);
      expect(skippedRoutes[0]).toContain('bad/production/web');
    } finally {
      await bench.close();
    }
  });
  test('a corrupt file leaves a worker that says so and takes the next table', async () => {
    const bench = await openBench({ stored: '{"version": 4, "splits": [' });
    try {
      expect((await ask({ port: bench.port })).status).toBe(503);
      expect((await bench.worker.control.call('hello', {})).skippedRoutes[0]).toContain('not JSON');
      await bench.commit(table());
      expect((await ask({ port: bench.port, host: 'good.test', path: '/who' })).body).toBe('app');
    } finally {
      await bench.close();
    }
  });
});

describe('replacement', () => {
  test('a new worker takes over the listeners while the old one finishes: nothing refused, nothing lost', async () => {
    const bench = await openBench({ stored: table() });
    try {
      const run = { stop: false };
      const failures: unknown[] = [];
      let served = 0;
      const clients = Array.from({ length: 10 }, async (_, index) => {
        const agent = index % 2 === 0 ? keepAlive() : undefined;
        while (!run.stop) {
          const path = index === 0 ? '/slow?ms=300' : '/slow?ms=3';
          try {
            const { status } = await ask({ port: bench.port, host: 'good.test', path, ...(agent ? { agent } : {}) });
            if (status !== 200) failures.push(status);
            served += 1;
          } catch (cause) {
            failures.push(cause);
          }
        }
        agent?.destroy();
      });
      for (let round = 0; round < 3; round += 1) {
        const old = bench.worker;
        const young = await bench.startAnother();
        await old.control.call('finish', { graceMs: 8_000 });
        expect(await old.exited).toBe(0);
        expect(existsSync(`${bench.dir}/w.sock`)).toBe(true);
        expect((await young.control.call('hello', {})).version).toBe(4);
        const before = served;
        await until('requests are served', () => served > before + 20);
      }
      run.stop = true;
      await Promise.all(clients);
      expect(failures).toEqual([]);
    } finally {
      await bench.close();
    }
  });
  test('a worker that finishes gives up at the end of its grace', async () => {
    const bench = await openBench({ stored: table() });
    try {
      const hanging = ask({ port: bench.port, host: 'good.test', path: '/never' });
      await until('in flight', async () => (await bench.counts('v1', 'good')).inFlight === 1);
      await bench.worker.control.call('finish', { graceMs: 600 });
      expect((await hanging).status).toBe(504);
      expect(await bench.worker.exited).toBe(0);
    } finally {
      await bench.close();
    }
  });
  test('a program started by the worker inherits its listeners', async () => {
    const bench = await openBench({ stored: table(), links: 1 });
    try {
      const program = `
        const listeners = JSON.parse(process.argv.at(-1));
        const { createServer } = require('node:http');
        const server = createServer((req, res) => res.end('heir of ' + listeners.map(({ name }) => name)));
        server.listen({ fd: listeners[0].fd });
        setTimeout(() => process.exit(), 20000).unref();
        process.title = 'heir';
      `;
      const { pid } = await bench.worker.control.call('spawn-with-listeners', {
        argv: [process.execPath, '-e', program],
        logFile: `${bench.dir}/heir.log`,
      });
      try {
        await bench.worker.kill();
        const answer = await until('the heir answers', () => ask({ port: bench.port }).catch(() => undefined));
        expect(answer.body).toBe('heir of http,link-0');
      } finally {
        process.kill(pid, 'SIGKILL');
      }
      expect(readdirSync(bench.dir)).toContain('heir.log');
    } finally {
      await bench.close();
    }
  });
});
