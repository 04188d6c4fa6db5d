import { afterAll, afterEach, expect, test } from 'vitest';
import { ask } from './clients.ts';
import { type Bench, openBench } from './harness.ts';
import { endApps, startApp, until } from './processes.ts';
import { tableOf } from './tables.ts';

let bench: Bench | undefined;
afterEach(async () => {
  await bench?.close();
  bench = undefined;
});
afterAll(endApps);

test('a request of a service to one that has no instance yet waits for it, as one from outside does', async () => {
  const opened = await openBench({ links: 1 });
  bench = opened;
  const app = await startApp('api');
  const table = (version: number, apps: (typeof app)[]) =>
    tableOf({ version, splits: [{ releases: { v1: { apps, whenEmpty: 'hold' } } }], links: [{ slot: 0, pool: 'shop-v1' }] });
  const woken: string[] = [];
  opened.worker.control.on('wake', ({ pool }) => woken.push(pool));
  await opened.commit(table(1, []));
  const held = ask({ port: opened.linkPorts[0] ?? 0, path: '/who' });
  await until('the pool is called', () => woken[0] === 'shop-v1');
  await opened.commit(table(2, [app]));
  expect((await held).body).toBe('api');
});
