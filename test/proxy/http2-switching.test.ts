import { setTimeout as wait } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type Bench, openBench } from './harness.ts';
import { type App, endApps, startApp, until } from './processes.ts';
import { answerOf, ask2, begin2, type Certification, certify, open2 } from './secure.ts';
import { tableOf } from './tables.ts';

let bench: Bench;
let one: App;
let two: App;
let certs: Certification;

beforeEach(async () => {
  certs = certify();
  [bench, one, two] = await Promise.all([openBench({ certificates: certs.folder }), startApp('one'), startApp('two')]);
  await bench.commit(toOne(1));
});
afterEach(async () => {
  await bench?.close();
  await endApps();
  certs?.remove();
});
const toOne = (version: number) => tableOf({ version, splits: [{ releases: { v1: { apps: [one] } } }] });
const toTwo = (version: number) => tableOf({ version, splits: [{ releases: { v2: { apps: [two] } } }] });
const drain = (deadlineMs: number) =>
  bench.worker.control.call('drain', { epoch: 1, pool: 'shop-v1', deadlineMs }, deadlineMs + 5_000);

describe('a switch', () => {
  test('what is in flight finishes where it started, what follows on the same connection goes to the new release', async () => {
    const client = await open2(bench.httpsPort, certs.authority);
    const slow = Array.from({ length: 20 }, () => ask2(client, { path: '/slow?ms=300' }));
    await until('all are in flight', async () => (await bench.counts('v1')).inFlight === 20);
    await bench.commit(toTwo(2));
    expect((await ask2(client, { path: '/who' })).body).toBe('two');
    expect((await Promise.all(slow)).every(({ body }) => body === 'one slow')).toBe(true);
    expect(await bench.counts('v1')).toMatchObject({ requests: 20, inFlight: 0, dropped: 0, errors: 0 });
    expect(await bench.counts('v2')).toMatchObject({ requests: 1, inFlight: 0 });
    client.destroy();
  });
  test('at a drain’s deadline: 504 before the head, a clean end for event streams, a reset for the rest', async () => {
    const client = await open2(bench.httpsPort, certs.authority);
    const never = ask2(client, { path: '/never' });
    const events = ask2(client, { path: '/sse?every=10' });
    const big = begin2(client, { path: '/big?bytes=500000000' });
    const cut = answerOf(big).catch((cause: Error) => cause);
    big.pause();
    await until('all are in flight', async () => (await bench.counts('v1')).inFlight === 3);
    await bench.commit(toTwo(2));
    await wait(200);
    const result = await drain(200);
    expect(result).toEqual({ finished: 0, cut: 3 });
    expect((await never).status).toBe(504);
    expect((await events).body).toMatch(/\n\n$/);
    big.resume();
    expect(await cut).toBeInstanceOf(Error);
    client.destroy();
  });
});

describe('a worker that leaves', () => {
  test('tells its clients, finishes what it has, and ends; its successor serves on the same port', async () => {
    const client = await open2(bench.httpsPort, certs.authority);
    const idle = await open2(bench.httpsPort, certs.authority);
    await ask2(idle, { path: '/who' });
    const told: string[] = [];
    client.on('goaway', (code) => told.push(`client ${code}`));
    idle.on('goaway', (code) => told.push(`idle ${code}`));
    const slow = ask2(client, { path: '/slow?ms=600' });
    await until('it is in flight', async () => (await bench.counts('v1')).inFlight === 1);
    const former = bench.worker;
    await bench.startAnother();
    await bench.commit(toOne(2));
    await former.control.call('finish', { graceMs: 8_000 });
    expect((await slow).body).toBe('one slow');
    expect(await former.exited).toBe(0);
    expect(told.sort()).toEqual(['client 0', 'idle 0']);
    const next = await open2(bench.httpsPort, certs.authority);
    expect((await ask2(next, { path: '/who' })).body).toBe('one');
    next.destroy();
  });
  test('is exchanged under load without a lost answer: clients come back when they are told', async () => {
    const run = { stop: false, done: 0, failed: [] as string[] };
    const load = Array.from({ length: 4 }, async () => {
      let client = await open2(bench.httpsPort, certs.authority);
      client.on('error', () => {});
      while (!run.stop) {
        if (client.closed || client.destroyed) {
          client = await open2(bench.httpsPort, certs.authority);
          client.on('error', () => {});
        }
        // A request that was on its way when the connection was taken back was not looked at, and says so: it is sent again.
        const stream = begin2(client, { path: '/slow?ms=5' });
        const answer = await answerOf(stream).catch((cause: Error) => cause);
        if (!(answer instanceof Error)) run.done += 1;
        else if (stream.rstCode !== 7 && !/GOAWAY|REFUSED/.test(`${(answer as NodeJS.ErrnoException).code} ${answer.message}`))
          run.failed.push(answer.message);
      }
      client.destroy();
    });
    for (let round = 0; round < 3; round++) {
      await until('some answers', () => run.done > (round + 1) * 30);
      const former = bench.worker;
      await bench.startAnother();
      await bench.commit(toOne(round + 2));
      await former.control.call('finish', { graceMs: 8_000 });
      await former.exited;
    }
    run.stop = true;
    await Promise.all(load);
    expect(run.failed).toEqual([]);
  });
});
