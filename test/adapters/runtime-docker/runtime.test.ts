import { randomUUID } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Workload } from '../../../src/domain/release.ts';
import { type Epoch, millis } from '../../../src/domain/values.ts';
import type { Runtime } from '../../../src/ports/runtime.ts';
import { ask, eventually, instancesOf, serving, workloadOf } from '../../conformance/runtime.ts';
import { testEngine } from '../../docker/engine.ts';
import { stateOf, until } from '../../keeper/harness.ts';
import { type DockerPlace, makePlace } from './place.ts';

const engine = testEngine();
const epoch = 1 as Epoch;
const ensured = (env: Record<string, string> = {}, replicas = 1) => ({ replicas, env, epoch });

let place: DockerPlace;

beforeEach(async (ctx) => {
  if ('missing' in engine) ctx.skip(engine.missing);
  else place = await makePlace(engine.socket);
});
afterEach(async () => {
  if (!('missing' in engine)) await place.remove();
});

/** kill -9 of the warden; the keeper brings it back. */
async function killWarden(): Promise<void> {
  const before = (await stateOf(place.keeper, 'signalbox-warden'))?.pid;
  if (!before) throw new Error('There is no warden.');
  process.kill(before, 'SIGKILL');
  await until('another warden', async () => {
    const state = await stateOf(place.keeper, 'signalbox-warden');
    return state?.state === 'running' && state.pid !== null && state.pid !== before;
  });
}
const containerOf = async (instance: string): Promise<string | undefined> =>
  (await place.containers()).find(({ Labels }) => Labels['signalbox.instance'] === instance)?.Id;
const kill = (container: string, signal = 'SIGKILL') =>
  place.engine.call('POST', `/containers/${container}/kill`, { query: { signal } });

describe('without a control plane', () => {
  it('a killed container is back within seconds at the same address, and its end is on record', async () => {
    const runtime = place.open();
    const workload = workloadOf(await place.artifact('healthy'));
    await runtime.ensure(workload, ensured());
    const [before] = await serving(runtime, workload);
    const instance = before?.instance;
    await runtime.close();
    await kill((await containerOf(instance?.instance ?? '')) ?? '');
    const answer = await eventually('another life', async () => {
      const now = instance && (await ask(instance));
      return now && now.life !== before?.answer.life ? now : null;
    });
    expect(answer.version).toBe('1');
    const [after] = await instancesOf(place.open(2), workload);
    expect(after).toMatchObject({ restarts: 1, lastExit: { signal: 'SIGKILL', reason: 'exited' }, endpoint: instance?.endpoint });
  });

  it('the time of a one-off command is over all the same', async () => {
    const runtime = place.open();
    const workload = workloadOf(await place.artifact('hanging-migration'));
    const run = runtime.run({ id: 'r1', workload, command: 'node migrate.js', env: {}, timeout: millis(4000), epoch });
    run.catch(() => {});
    await eventually('the run', async () => (await place.containers()).some(({ State }) => State === 'running'));
    await runtime.close();
    await eventually('its end', async () => (await place.containers()).length === 0);
    expect(await place.open(2).inspectRun('r1')).toMatchObject({ state: 'ended', result: { end: 'timed-out', exitCode: null } });
  });
});

describe('a warden that is killed', () => {
  it('leaves containers serving, and the next one finds them', async () => {
    const runtime = place.open();
    const workload = workloadOf(await place.artifact('healthy'));
    await runtime.ensure(workload, ensured({}, 2));
    const before = await serving(runtime, workload, 2);
    await killWarden();
    const after = await serving(runtime, workload, 2);
    expect(after.map(({ answer }) => answer.life)).toEqual(before.map(({ answer }) => answer.life));
    expect(after.map(({ instance }) => [instance.restarts, instance.lastExit])).toEqual([
      [0, null],
      [0, null],
    ]);
  });

  it('in the middle of a one-off command: it is not run again, and its end is known', async () => {
    const runtime = place.open();
    const workload = workloadOf(await place.artifact('failing-migration'));
    const env = { MIGRATION_EXIT: '3', MIGRATION_MS: '2500' };
    const run = runtime.run({
      id: 'r1',
      workload,
      command: 'echo started; node migrate.js',
      env,
      timeout: millis(60_000),
      epoch,
    });
    await eventually('the run', async () => (await place.containers()).some(({ State }) => State === 'running'));
    await killWarden();
    const result = await run;
    expect(result).toMatchObject({ end: 'exited', exitCode: 3 });
    expect(result.tail.filter((line) => line === 'started')).toHaveLength(1);
    await eventually('its container to be gone', async () => (await place.containers()).length === 0);
  });
});

describe('release-local addresses', () => {
  let api: Server;
  let url: string;
  beforeEach(async () => {
    api = createServer((request, response) => {
      response.end(JSON.stringify({ called: request.url }));
    });
    await new Promise<void>((resolve) => api.listen(0, '127.0.0.1', resolve));
    url = `http://127.0.0.1:${(api.address() as AddressInfo).port}`;
  });
  afterEach(() => new Promise<void>((resolve) => void api.close(() => resolve())));

  // Plain sockets: whoever is turned away at once sees it, whatever a client library makes of that.
  const script = [
    'const { hostname, port, pathname } = new URL(process.env.API);',
    'let answer = ``;',
    'require(`node:net`).connect(port, hostname)',
    '.on(`connect`, function () { this.write(`GET ${pathname} HTTP/1.1\\r\\nhost: x\\r\\nconnection: close\\r\\n\\r\\n`); })',
    '.on(`data`, (data) => { answer += data; }).on(`error`, () => {})',
    '.on(`close`, () => console.log(answer.split(`\\r\\n`).at(-1) || `refused`));',
  ].join(' ');
  /** What a program in the workload's image gets from `target`. */
  const call = async (runtime: Runtime, workload: Workload, target: string): Promise<readonly string[]> => {
    const id = `call-${randomUUID()}`;
    const command = `node -e '${script}'`;
    return (await runtime.run({ id, workload, command, env: { API: target }, timeout: millis(20_000), epoch })).tail;
  };

  it('of this machine are reached by the workload that was given them, by nobody else', async () => {
    const runtime = place.open(1, { links: () => Promise.resolve([url, 'http://127.0.0.1:1']) });
    const artifact = await place.artifact('healthy');
    const caller = workloadOf(artifact);
    await runtime.ensure(caller, ensured({ API: `${url}/v2` }));
    const [found] = await serving(runtime, caller);
    if (!found) throw new Error('Nothing serves.');
    const { value } = await ask<{ value: string }>(found.instance, '/env?name=API');
    expect(value).not.toContain('127.0.0.1');
    expect(value.endsWith('/v2')).toBe(true);
    // A one-off that is given the address reaches it; other containers, of this app and of others, do not by what they know of it.
    expect(await call(runtime, caller, `${url}/given`)).toEqual(['{"called":"/given"}']);
    for (const stranger of [workloadOf(artifact), workloadOf(artifact, { app: 'blog' as typeof caller.app })])
      expect(await call(runtime, stranger, value)).toEqual(['refused']);
  });
});

describe('volumes', () => {
  it('that an image asks for by itself go with their container', async () => {
    const runtime = place.open();
    const made = await place.artifact('healthy');
    const workload = workloadOf({ ...made, given: { image: 'redis:7' } }, { port: 6379, run: undefined as never });
    await runtime.ensure(workload, ensured());
    const container = await eventually('its container', async () => (await place.containers())[0]);
    type Mounts = { readonly Mounts: readonly { readonly Name?: string }[] };
    const seen = await place.engine.call<Mounts>('GET', `/containers/${container.Id}/json`);
    const names = seen.ok ? seen.body.Mounts.flatMap(({ Name }) => Name ?? []) : [];
    expect(names).toHaveLength(1);
    await runtime.stop(workload.id, { grace: millis(3000), epoch });
    expect((await place.engine.call('GET', `/volumes/${names[0]}`)).status).toBe(404);
  });
});
