import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { dirname, join } from 'node:path';
import { build } from 'esbuild';
import { afterEach, beforeEach, describe, expect, it as test } from 'vitest';
import { accessoryObstacle } from '../../../src/adapters/runtime/process/system/available.ts';
import { clusterVersion, makeCluster } from '../../../src/adapters/runtime/process/system/postgres-cluster.ts';
import { findPostgres, findRedis } from '../../../src/adapters/runtime/process/system/programs.ts';
import { httpProber } from '../../../src/adapters/prober/http/prober.ts';
import { type AccessorySpec, accessoryValues, accessoryWorkload } from '../../../src/domain/accessories.ts';
import { resolveReferences } from '../../../src/domain/links.ts';
import type { Workload } from '../../../src/domain/release.ts';
import { type AppName, type EnvironmentName, type Epoch, millis, type ServiceName } from '../../../src/domain/values.ts';
import type { Runtime } from '../../../src/ports/runtime.ts';
import { eventually, instancesOf, serving, workloadOf } from '../../conformance/runtime.ts';
import { base, makePlace, type ProcessPlace } from './place.ts';

const epoch = 1 as Epoch;
const password = 'a-secret_of-this-test';
const missing =
  findPostgres(base.path).length === 0
    ? 'needs PostgreSQL: apt-get install postgresql'
    : findRedis(base.path).length === 0
      ? 'needs Redis: apt-get install redis-server'
      : null;
const it = (title: string, run: () => Promise<void> | void): void =>
  test(title, { timeout: 60_000 }, async (context) => {
    if (missing !== null) return context.skip(missing);
    await run();
  });

const spec = (type: AccessorySpec['type'], more: Partial<AccessorySpec> = {}): AccessorySpec => ({
  name: 'db' as ServiceName,
  type,
  deadline: millis(60_000),
  env: {},
  persist: [],
  resources: {},
  when: 'always',
  ...more,
});
const asWorkload = (one: AccessorySpec): Workload =>
  accessoryWorkload(one, { app: 'shop' as AppName, environment: 'production' as EnvironmentName, runtime: 'process' });
const started = (one: AccessorySpec, workload = asWorkload(one)): Parameters<Runtime['ensure']>[1] => {
  const values = accessoryValues(one, { runtime: 'process', inside: { host: '', port: 0 }, password });
  const env = resolveReferences(
    workload.env,
    () => '',
    (_, field) => values[field] ?? '',
  );
  return { replicas: 1, env, epoch };
};

let place: ProcessPlace;
beforeEach(async () => {
  place = await makePlace();
});
afterEach(() => place.remove());

const portOf = async (runtime: Runtime, workload: Workload): Promise<number> => {
  const [seen] = await eventually('its port', async () => {
    const all = await instancesOf(runtime, workload);
    return all[0]?.listening === true ? all : null;
  });
  return seen?.inside?.port ?? 0;
};

describe('accessories as processes', () => {
  it('keep their port over a stop and a start, and leave it only to somebody who sits on it', async () => {
    const runtime = place.open();
    const workload = asWorkload(spec('redis'));
    const options = started(spec('redis'));
    await runtime.ensure(workload, options);
    const first = await portOf(runtime, workload);
    await runtime.stop(workload.id, { grace: millis(5000), epoch });
    await runtime.ensure(workload, options);
    expect(await portOf(runtime, workload)).toBe(first);
    await runtime.stop(workload.id, { grace: millis(5000), epoch });
    const stranger = createServer().listen(first, '127.0.0.1');
    try {
      await runtime.ensure(workload, options);
      expect(await portOf(runtime, workload)).not.toBe(first);
    } finally {
      await new Promise((resolve) => stranger.close(resolve));
    }
  });

  it('that have moved have those who call them started again with the new address, and nobody else', async () => {
    const runtime = place.open();
    const workload = workloadOf(place.artifact('healthy'));
    const ensure = (follows: string | undefined): Promise<void> =>
      runtime.ensure(workload, { replicas: 1, env: { DB: follows ?? '' }, epoch, ...(follows === undefined ? {} : { follows }) });
    await ensure('db=127.0.0.1:1');
    const [first] = await serving(runtime, workload);
    await ensure('db=127.0.0.1:1');
    const [same] = await serving(runtime, workload);
    expect(same?.instance.startedAt).toBe(first?.instance.startedAt);
    await ensure('db=127.0.0.1:2');
    const [second] = await eventually('the new instance', async () => {
      const all = await serving(runtime, workload);
      return all[0]?.instance.startedAt !== first?.instance.startedAt ? all : null;
    });
    expect(second?.instance.restarts).toBe(0);
  });

  it('are probed as what they are: a server that takes logins is healthy, another that has the port open is not', async () => {
    const runtime = place.open();
    const one = spec('postgres');
    const workload = asWorkload(one);
    await runtime.ensure(workload, started(one));
    const port = await portOf(runtime, workload);
    const prober = httpProber();
    await eventually('a login', async () => (await prober.health({ host: '127.0.0.1', port }, workload.health)).ok);
    const other = createServer((socket) =>
      socket
        .on('error', () => undefined)
        .resume()
        .end('hello\n'),
    ).listen(0, '127.0.0.1');
    await once(other, 'listening');
    const { port: otherPort } = other.address() as { port: number };
    expect(await prober.health({ host: '127.0.0.1', port: otherPort }, workload.health)).toMatchObject({ ok: false });
    await new Promise((resolve) => other.close(resolve));
    await runtime.stop(workload.id, { grace: workload.grace, epoch });
    expect(await prober.health({ host: '127.0.0.1', port }, workload.health)).toMatchObject({ ok: false });
  });

  it('leave their data when they are forgotten, and lose it when a person says so', async () => {
    const runtime = place.open();
    const one = spec('redis');
    const workload = asWorkload(one);
    await runtime.ensure(workload, started(one));
    await portOf(runtime, workload);
    await expect(runtime.discard?.(workload)).rejects.toMatchObject({ code: 'CONFLICT' });
    await runtime.stop(workload.id, { grace: millis(5000), epoch });
    await runtime.forget(workload.id);
    const data = join(place.folders.persist, 'shop/production/.accessories/db/data');
    expect(readdirSync(data).length).toBeGreaterThan(0);
    await runtime.discard?.(workload);
    expect(existsSync(data)).toBe(false);
  });

  it('a mail catcher takes mail on the port after its page', async () => {
    const file = join(place.home.dir, 'mail-catcher.js');
    await build({ entryPoints: ['src/mail-catcher/main.ts'], outfile: file, bundle: true, platform: 'node', format: 'esm' });
    const runtime = place.open(1, { mailCatcher: file });
    const one = spec('mailcatcher');
    const workload = asWorkload(one);
    await runtime.ensure(workload, started(one));
    const inside = { host: '127.0.0.1', port: await portOf(runtime, workload) };
    const { port, web } = accessoryValues(one, { runtime: 'process', inside, password });
    const socket = connect(Number(port), '127.0.0.1').setEncoding('utf8');
    const lines = ['EHLO x', 'MAIL FROM:<a@b.c>', 'RCPT TO:<d@e.f>', 'DATA', 'Subject: hello\r\n\r\nx\r\n.', 'QUIT'];
    await new Promise<void>((resolve, reject) => {
      socket.on('data', (text: string) => {
        if (!/^\d{3} .*\r\n$/m.test(text)) return;
        const next = lines.shift();
        if (next !== undefined) socket.write(`${next}\r\n`);
      });
      socket.on('close', () => resolve()).on('error', reject);
    });
    const messages = (await (await fetch(`${web ?? ''}/api/v1/messages`)).json()) as { messages: unknown[] };
    expect(messages.messages).toMatchObject([{ subject: 'hello', from: 'a@b.c', to: ['d@e.f'] }]);
  });
});

describe('a PostgreSQL data folder', () => {
  const env = { POSTGRES_USER: 'app', POSTGRES_DB: 'shop', POSTGRES_PASSWORD: password };
  const [server] = findPostgres(base.path);
  const owner = process.getuid?.() === 0 ? { uid: 61_234, gid: 61_234 } : null;

  it('appears whole, once, and nothing is left of attempts that were cut off', async () => {
    if (!server) return;
    const lasting = join(place.folders.persist, 'shop/data');
    mkdirSync(`${lasting}.init-0123456789ab/cluster`, { recursive: true });
    await makeCluster({ server, lasting, owner, env });
    expect(readdirSync(dirname(lasting))).toEqual(['data']);
    expect(clusterVersion(lasting)).toMatch(/^\d+$/);
    expect(statSync(lasting).mode & 0o777).toBe(0o700);
    expect(readFileSync(join(lasting, 'pg_hba.conf'), 'utf8')).not.toMatch(/^\w.*\btrust$/m);
    const before = statSync(join(lasting, 'PG_VERSION')).mtimeMs;
    await makeCluster({ server, lasting, owner, env });
    expect(statSync(join(lasting, 'PG_VERSION')).mtimeMs).toBe(before);
  });

  it('that is something else already is not touched, and the refusal names it', async () => {
    if (!server) return;
    const lasting = join(place.folders.persist, 'shop/data');
    mkdirSync(lasting, { recursive: true });
    writeFileSync(join(lasting, 'mine'), 'x');
    await expect(makeCluster({ server, lasting, owner, env })).rejects.toMatchObject({
      code: 'START_FAILED',
      message: expect.stringContaining(lasting) as string,
    });
    expect(readdirSync(lasting)).toEqual(['mine']);
    expect(readdirSync(dirname(lasting))).toEqual(['data']);
  });
});

describe('what this system lacks', () => {
  test('is named with the package that has it', () => {
    const refusal = accessoryObstacle(spec('redis'), '/nonexistent');
    expect(refusal).toMatchObject({
      code: 'ACCESSORY_UNAVAILABLE',
      hint: expect.stringContaining('apt-get install redis-server') as string,
    });
    expect(accessoryObstacle(spec('pgadmin'), base.path)?.message).toContain('dpage/pgadmin4');
    expect(accessoryObstacle(spec('custom', { image: 'x:1' }), base.path)?.code).toBe('ACCESSORY_UNAVAILABLE');
    expect(accessoryObstacle(spec('custom', { run: 'x' }), base.path)).toBeNull();
    expect(accessoryObstacle(spec('mailcatcher'), base.path)).toBeNull();
  });

  it('in its version is told with the one there is', () => {
    const refusal = accessoryObstacle(spec('postgres', { version: '9' }), base.path);
    expect(refusal?.message).toContain('asks for version 9');
    const there = findPostgres(base.path)[0]?.version.split('.')[0];
    expect(accessoryObstacle(spec('postgres', { version: there ?? '' }), base.path)).toBeNull();
  });
});
