import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { TableChange } from '../../src/proxy/protocol.ts';
import { ask } from './clients.ts';
import { type Bench, openBench } from './harness.ts';
import { type App, endApps, startApp } from './processes.ts';
import { tableOf } from './tables.ts';

let bench: Bench;
let one: App;
let two: App;

beforeAll(async () => {
  [one, two] = await Promise.all([startApp('one'), startApp('two')]);
});
beforeEach(async () => {
  bench = await openBench();
  const splits = [
    { app: 'shop', releases: { v1: { apps: [one] } }, routes: ['shop.test'] },
    { app: 'blog', releases: { v1: { apps: [two] } }, routes: ['blog.test'] },
  ];
  await bench.worker.control.call('commit', { table: tableOf({ version: 1, splits }), digest: 'first' });
});
afterEach(() => bench.close());
afterAll(endApps);

const nothing: TableChange = {
  base: 'first',
  digest: 'second',
  version: 2,
  epoch: 1,
  splits: { put: [], drop: [] },
  pools: { put: [], drop: [] },
  links: [],
};
const change = (parts: Partial<TableChange>) => bench.worker.control.call('commit-change', { change: { ...nothing, ...parts } });
const answersOf = async (...hosts: readonly string[]) =>
  Promise.all(hosts.map(async (host) => (await ask({ port: bench.port, path: '/who', host })).body));

describe('a change of the table is refused whole, and all goes on as it was,', () => {
  afterEach(async () => {
    expect(await answersOf('shop.test', 'blog.test')).toEqual(['one', 'two']);
    expect((await bench.worker.control.call('hello', {})).version).toBe(1);
  });

  test('when what stays leads to a pool that it takes away', async () => {
    const refused = change({ pools: { put: [], drop: ['blog-v1'] } });
    await expect(refused).rejects.toMatchObject({ code: 'BAD_TABLE', message: expect.stringContaining('blog/production') });
  });

  test('when it asks for an address of what stays', async () => {
    const taken = tableOf({
      version: 2,
      splits: [{ app: 'shop', releases: { v1: { apps: [one] } }, routes: ['shop.test', 'blog.test'] }],
    });
    const refused = change({ splits: { put: taken.splits, drop: [] } });
    await expect(refused).rejects.toMatchObject({ code: 'BAD_TABLE', message: expect.stringContaining('blog/production/web') });
  });

  test('when it is one of another table', async () => {
    await expect(change({ base: 'another' })).rejects.toMatchObject({ code: 'TABLE_GAP' });
  });
});

test('a change may take a pool away together with what leads to it, and its address be taken over', async () => {
  const grown = tableOf({
    version: 2,
    splits: [{ app: 'shop', releases: { v1: { apps: [one] } }, routes: ['shop.test', 'blog.test'] }],
  });
  await change({ splits: { put: grown.splits, drop: ['blog/production'] }, pools: { put: [], drop: ['blog-v1'] } });
  expect(await answersOf('shop.test', 'blog.test')).toEqual(['one', 'one']);
});
