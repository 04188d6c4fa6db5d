import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ask } from './clients.ts';
import { type Bench, openBench } from './harness.ts';
import { type App, endApps, startApp } from './processes.ts';
import { tableOf } from './tables.ts';

let bench: Bench;
let web: App;
let api: App;
let other: App;
let any: App;

beforeAll(async () => {
  [bench, web, api, other, any] = await Promise.all([
    openBench(),
    startApp('web'),
    startApp('api'),
    startApp('other'),
    startApp('any'),
  ]);
  await bench.commit(
    tableOf({
      version: 1,
      splits: [
        {
          app: 'shop',
          releases: { v1: { apps: [web] } },
          routes: [
            'app.test/',
            { at: 'app.test/app', pools: { v1: 'api' } },
            { at: 'app.test/stripped', stripPath: true, pools: { v1: 'api' } },
            { at: 'app.test/app/deeper', pools: { v1: 'deeper' } },
          ],
        },
        { app: 'wild', releases: { v1: { apps: [other] } }, routes: ['*.example.test/'] },
        { app: 'rest', releases: { v1: { apps: [any] } }, routes: ['*/'] },
      ],
      pools: [
        {
          kind: 'instances',
          id: 'api',
          service: 'api',
          endpoints: [api.endpoint],
          requestTimeout: 5000,
          whenEmpty: 'fail',
        } as never,
        {
          kind: 'instances',
          id: 'deeper',
          service: 'd',
          endpoints: [other.endpoint],
          requestTimeout: 5000,
          whenEmpty: 'fail',
        } as never,
      ],
    }),
  );
});

afterAll(async () => {
  await bench?.close();
  await endApps();
});

const who = async (host: string, path = '/who'): Promise<string> => (await ask({ port: bench.port, host, path })).body;

describe('hosts', () => {
  test('an exact host wins over a wildcard and the default', async () => expect(await who('app.test')).toBe('web'));
  test('a wildcard covers one level and no more', async () => {
    expect(await who('a.example.test')).toBe('other');
    expect(await who('a.b.example.test')).toBe('any');
    expect(await who('example.test')).toBe('any');
  });
  test('a host nobody claims goes to the default host', async () => expect(await who('nobody.invalid')).toBe('any'));
  test('case, port and a trailing dot do not matter', async () => {
    expect(await who('APP.Test')).toBe('web');
    expect(await who('app.test:8080')).toBe('web');
    expect(await who('app.test.')).toBe('web');
    expect(await who('A.EXAMPLE.test:1')).toBe('other');
  });
  test('what is not a host is a 400', async () => {
    for (const host of ['a b', 'a/b', 'a@b', 'a,b']) expect((await ask({ port: bench.port, host })).status).toBe(400);
  });
});

describe('paths', () => {
  test('the longest prefix wins', async () => {
    expect(await who('app.test', '/app/who')).toBe('api');
    expect(await who('app.test', '/app/deeper/who')).toBe('other');
  });
  test('a prefix ends on a segment border', async () => {
    expect(await who('app.test', '/appointment')).toBe('web /appointment');
    expect(await who('app.test', '/app')).toBe('api /app');
    expect(await who('app.test', '/app?x=1')).toBe('api /app?x=1');
    expect(await who('app.test', '/app/')).toBe('api /app/');
  });
  test('a prefix can be stripped, and the app is told', async () => {
    expect(await who('app.test', '/stripped/a/b?c')).toBe('api /a/b?c');
    expect(await who('app.test', '/stripped')).toBe('api /');
    expect(await who('app.test', '/stripped?q')).toBe('api /?q');
    const answer = await ask({ port: bench.port, path: '/stripped/headers' });
    expect(JSON.parse(answer.body).raw).toContain('/stripped');
  });
  test('query bytes pass through untouched, parseable or not', async () => {
    const path = '/x?a=%zz&&=b;c=%20+%E0&\'|\\^`{}"<>[]=';
    expect(await who('app.test', path)).toBe(`web ${path}`);
    expect(await who('app.test', '/x?a?b?c')).toBe('web /x?a?b?c');
  });
});

test('an address without a route is a 404, as problem+json for machines and as a page for people', async () => {
  const lonely = await openBench();
  try {
    expect((await ask({ port: lonely.port })).status).toBe(503);
    await lonely.commit(tableOf({ version: 1, splits: [{ releases: { v1: { apps: [web] } }, routes: ['app.test/only'] }] }));
    const machine = await ask({ port: lonely.port, path: '/else' });
    expect(machine.status).toBe(404);
    expect(machine.headers['content-type']).toBe('application/problem+json');
    expect(JSON.parse(machine.body)).toMatchObject({ status: 404, code: 'NO_ROUTE' });
    const person = await ask({ port: lonely.port, host: 'elsewhere.test', headers: { accept: 'text/html,*/*' } });
    expect(person.status).toBe(404);
    expect(person.headers['content-type']).toContain('text/html');
    expect(person.body).toContain('<!doctype html>');
  } finally {
    await lonely.close();
  }
});

test('two services may not claim the same host and path; the error names the owner and nothing changes', async () => {
  const before = await bench.worker.control.call('hello', {});
  const clash = tableOf({
    version: 2,
    splits: [
      { app: 'one', releases: { v1: { apps: [web] } }, routes: ['taken.test/x'] },
      { app: 'two', releases: { v1: { apps: [api] } }, routes: ['taken.test/x'] },
    ],
  });
  await expect(bench.commit(clash)).rejects.toMatchObject({
    code: 'BAD_TABLE',
    message: expect.stringContaining('one/production/web'),
  });
  expect(await bench.worker.control.call('hello', {})).toEqual(before);
  expect(await who('app.test')).toBe('web');
});

test('a release-local link leads to its pool whatever the host, follows a commit, and is 503 when it leads nowhere', async () => {
  const linked = await openBench({ links: 2 });
  try {
    const port = linked.linkPorts[0] as number;
    const splits = [
      { app: 'a', releases: { v1: { apps: [web] } }, routes: ['a.test'] },
      { app: 'b', releases: { v1: { apps: [api] } }, routes: ['b.test'] },
    ];
    await linked.commit(tableOf({ version: 1, splits, links: [{ slot: 0, pool: 'a-v1' }, { slot: 1 }] }));
    expect((await ask({ port, host: 'whatever:99', path: '/who' })).body).toBe('web');
    expect((await ask({ port: linked.linkPorts[1] as number })).status).toBe(503);
    await linked.commit(tableOf({ version: 2, splits, links: [{ slot: 0, pool: 'b-v1' }] }));
    expect((await ask({ port, host: 'whatever', path: '/who' })).body).toBe('api');
  } finally {
    await linked.close();
  }
});
