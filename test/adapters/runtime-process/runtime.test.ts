import { chmodSync, existsSync, lstatSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { canMakeNetworks } from '../../../src/adapters/runtime/process/namespaces.ts';
import { type Epoch, millis } from '../../../src/domain/values.ts';
import type { InstanceObservation, Runtime } from '../../../src/ports/runtime.ts';
import { ask, eventually, instancesOf, serving, workloadOf } from '../../conformance/runtime.ts';
import { processIsThere } from '../../keeper/harness.ts';
import { base, makePlace, type ProcessPlace } from './place.ts';

const uid = process.getuid?.() ?? -1;
const epoch = 1 as Epoch;
const ensured = (env: Record<string, string> = {}, replicas = 1): Parameters<Runtime['ensure']>[1] => ({ replicas, env, epoch });

let place: ProcessPlace;
beforeEach(async () => {
  place = await makePlace();
});
afterEach(() => place.remove());

async function freePort(): Promise<number> {
  const server = createServer();
  const port = await new Promise<number>((resolve) => {
    server.listen(0, () => resolve((server.address() as { port: number }).port));
  });
  await new Promise((resolve) => server.close(resolve));
  return port;
}

describe('ports', () => {
  it('lie below those that the kernel gives to outgoing connections, and no two instances get the same', async () => {
    const runtime = place.open();
    const workload = workloadOf(place.artifact('healthy'));
    await runtime.ensure(workload, ensured({}, 4));
    const ports = (await serving(runtime, workload, 4)).map(({ instance }) => instance.endpoint?.port ?? 0);
    expect(new Set(ports).size).toBe(4);
    const lowest = Number(readFileSync('/proc/sys/net/ipv4/ip_local_port_range', 'utf8').split(/\s+/)[0]);
    for (const port of ports) expect(port).toBeLessThan(lowest);
  });

  it('a taken one: the next start gets another', async () => {
    const runtime = place.open();
    const workload = workloadOf(place.artifact('port-taken'));
    const flag = join(place.home.dir, 'flag');
    mkdirSync(flag, { mode: 0o777 });
    chmodSync(flag, 0o777);
    await runtime.ensure(workload, ensured({ FLAG_FILE: join(flag, 'port') }));
    const [found] = await serving(runtime, workload);
    expect(`${found?.instance.endpoint?.port}`).not.toBe(readFileSync(join(flag, 'port'), 'utf8'));
  });

  it('that a stranger takes first: its answers never pass for the instance, which gets another port', async () => {
    const taken = await freePort();
    const stranger = createServer((socket) => socket.end('HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\n{}'));
    const runtime = place.open(1, { portRange: { from: taken, to: taken } });
    const seen: InstanceObservation[] = [];
    runtime.watch((instance) => seen.push(instance));
    const workload = workloadOf(place.artifact('slow-start'));
    await runtime.ensure(workload, ensured({ START_MS: '800' }));
    await new Promise<void>((resolve) => stranger.listen(taken, '127.0.0.1', resolve));
    try {
      await eventually('the instance to find its port taken', () =>
        Promise.resolve(seen.some(({ lastExit }) => lastExit?.code === 1)),
      );
      seen.push(...(await instancesOf(runtime, workload)));
      expect(seen.filter(({ endpoint, listening }) => endpoint !== null || listening)).toEqual([]);
    } finally {
      await new Promise((resolve) => stranger.close(resolve));
    }
    const [found] = await serving(runtime, workload);
    expect(found?.instance).toMatchObject({ endpoint: { port: taken }, listening: true });
  });

  it('that a stranger takes between two lives: the endpoint stays, and is said not to be the instance', async () => {
    const runtime = place.open();
    const workload = workloadOf(place.artifact('slow-start'));
    await runtime.ensure(workload, ensured({ START_MS: '300' }));
    const [first] = await serving(runtime, workload);
    const port = first?.instance.endpoint?.port ?? 0;
    const seen: InstanceObservation[] = [];
    runtime.watch((instance) => seen.push(instance));
    process.kill(first?.answer.pid ?? 0, 'SIGKILL');
    await eventually('its end', () => Promise.resolve(seen.some(({ state }) => state === 'backing-off')));
    const stranger = createServer((socket) => socket.end());
    await new Promise<void>((resolve) => stranger.listen(port, '127.0.0.1', resolve));
    try {
      const moved = await eventually('another port', () =>
        Promise.resolve(seen.find(({ endpoint, listening }) => listening && endpoint?.port !== port)),
      );
      expect(moved.endpoint?.port).not.toBe(port);
      const before = seen.slice(0, seen.indexOf(moved));
      expect(before.some(({ state }) => state === 'running')).toBe(true);
      expect(before.filter(({ listening }) => listening)).toEqual([]);
    } finally {
      await new Promise((resolve) => stranger.close(resolve));
    }
  });

  it('of a range that is full: a clear refusal, and nothing runs', async () => {
    const port = await freePort();
    const runtime = place.open(1, { portRange: { from: port, to: port } });
    const workload = workloadOf(place.artifact('healthy'));
    await expect(runtime.ensure(workload, ensured({}, 2))).rejects.toThrow(`No port between ${port} and ${port} is free`);
    expect(await runtime.observe()).toEqual([]);
  });
});

describe('an app that ignores PORT', () => {
  const faulty = (runtime: Runtime, workload: Parameters<typeof instancesOf>[1]): Promise<InstanceObservation> =>
    eventually('the fault', async () => (await instancesOf(runtime, workload)).find(({ fault }) => fault !== null));

  it('is reported with its port named where it cannot have a network of its own', async () => {
    const port = await freePort();
    const runtime = place.open(1, { networks: false });
    const seen: (string | undefined)[] = [];
    runtime.watch(({ fault }) => seen.push(fault?.code));
    const workload = workloadOf(place.artifact('port-ignored'));
    await runtime.ensure(workload, ensured({ FIXED_PORT: `${port}` }));
    const { fault } = await faulty(runtime, workload);
    expect(fault).toMatchObject({ code: 'PORT_IGNORED', message: expect.stringContaining(`port ${port} `) as string });
    await eventually('the event', () => Promise.resolve(seen.includes('PORT_IGNORED')));
  });

  it('gets a network of its own as root: two copies run side by side, and nothing of it is left', async ({ skip }) => {
    if (!canMakeNetworks(uid, base.path)) skip('needs root, iproute2 and util-linux: run as root to enable it');
    const port = await freePort();
    const runtime = place.open();
    const workload = workloadOf(place.artifact('port-ignored'));
    await runtime.ensure(workload, ensured({ FIXED_PORT: `${port}`, VERSION: '1' }));
    const [first] = await serving(runtime, workload);
    expect(first?.instance.endpoint?.port).toBe(port);
    expect(first?.instance.endpoint?.host).not.toBe('127.0.0.1');
    const next = workloadOf(place.artifact('port-ignored'));
    await runtime.ensure(next, ensured({ FIXED_PORT: `${port}`, VERSION: '2' }, 2));
    const both = await serving(runtime, next, 2);
    expect(both.map(({ answer }) => answer.version)).toEqual(['2', '2']);
    expect((await serving(runtime, workload))[0]?.answer.version).toBe('1');
    const owner = statSync(`/proc/${both[0]?.answer.pid}`).uid;
    expect(owner).toBeGreaterThan(0);
    const { instances } = await place.keeper.call('list', {});
    const networks = instances.flatMap(({ labels }) => labels['network'] || []);
    expect(networks).toHaveLength(3);
    for (const { id } of [workload, next]) await runtime.stop(id, { grace: millis(1000), epoch });
    const ours = (): string[] => [
      ...networks.filter((device) => existsSync(`/sys/class/net/${device}`)),
      ...(existsSync('/run/netns') ? readdirSync('/run/netns').filter((name) => name.includes(place.home.homeId)) : []),
    ];
    await eventually('the networks to be gone', () => Promise.resolve(ours().length === 0));
  });
});

describe('users', () => {
  it('instances of an environment share one without privileges, another environment has another', async ({ skip }) => {
    if (uid !== 0) skip('only root can run instances as other users: run as root to enable it');
    const runtime = place.open();
    const artifact = place.artifact('healthy');
    const production = workloadOf(artifact);
    const staging = workloadOf(artifact, { environment: 'staging' as typeof production.environment });
    await runtime.ensure(production, ensured({}, 2));
    await runtime.ensure(staging, ensured());
    const [one, two] = await serving(runtime, production, 2);
    const [other] = await serving(runtime, staging);
    expect(one?.answer.uid).toBeGreaterThanOrEqual(61_184);
    expect(two?.answer.uid).toBe(one?.answer.uid);
    expect(other?.answer.uid).not.toBe(one?.answer.uid);
    expect(place.notes).toEqual([]);
    const peek = await ask<{ code: string }>(
      one?.instance as InstanceObservation,
      `/file?name=${'../'.repeat(12)}${other?.answer.cwd}/server.js`,
    );
    expect(peek).toEqual({ code: 'EACCES' });
    const records = await ask<{ code: string }>(
      one?.instance as InstanceObservation,
      `/file?name=${'../'.repeat(12)}${place.home.launch.config.dir}/lock`,
    );
    expect(records).toEqual({ code: 'EACCES' });
  });

  it('that cannot reach the files: root with a note, or a refusal, as the operator says', async ({ skip }) => {
    if (uid !== 0) skip('only root can run instances as other users: run as root to enable it');
    chmodSync(place.home.dir, 0o700);
    const workload = workloadOf(place.artifact('healthy'));
    await expect(place.open(1, { whenUnreachable: 'refuse' }).ensure(workload, ensured())).rejects.toMatchObject({
      code: 'START_FAILED',
    });
    const runtime = place.open();
    await runtime.ensure(workload, ensured());
    const [found] = await serving(runtime, workload);
    expect(found?.answer.uid).toBe(0);
    expect(runtime.notes().join()).toContain('cannot be entered');
  });
});

describe('scratch copies', () => {
  it('share dependency folders with the artifact and copy the rest', async () => {
    const artifact = place.artifact('healthy');
    const source = join(place.folders.artifacts, artifact.app, artifact.key);
    mkdirSync(join(source, 'node_modules/left'), { recursive: true });
    writeFileSync(join(source, 'node_modules/left/index.js'), '', { mode: 0o444 });
    const runtime = place.open();
    const workload = workloadOf(artifact);
    await runtime.ensure(workload, ensured());
    const [found] = await serving(runtime, workload);
    const cwd = found?.answer.cwd ?? '';
    expect(statSync(join(cwd, 'node_modules/left/index.js')).ino).toBe(statSync(join(source, 'node_modules/left/index.js')).ino);
    expect(statSync(join(cwd, 'server.js')).ino).not.toBe(statSync(join(source, 'server.js')).ino);
    await ask(found?.instance as InstanceObservation, '/file?name=node_modules/left/index.js&text=broken', { method: 'POST' });
    if (uid !== 0 || found?.answer.uid !== 0) expect(readFileSync(join(source, 'node_modules/left/index.js'), 'utf8')).toBe('');
    await runtime.stop(workload.id, { grace: millis(1000), epoch });
    expect(existsSync(cwd)).toBe(false);
  });

  it('`persist` starts as the artifact has it, once, and belongs to its place in the repository', async () => {
    const artifact = place.artifact('healthy');
    const source = join(place.folders.artifacts, artifact.app, artifact.key);
    mkdirSync(join(source, 'uploads'));
    writeFileSync(join(source, 'uploads/seed.txt'), 'seed', { mode: 0o444 });
    const runtime = place.open();
    const workload = workloadOf(artifact, { persist: ['uploads'] });
    await runtime.ensure(workload, ensured());
    const [found] = await serving(runtime, workload);
    const instance = found?.instance as InstanceObservation;
    expect(await ask(instance, '/file?name=uploads/seed.txt')).toEqual({ text: 'seed' });
    expect(await ask(instance, '/file?name=uploads/seed.txt&text=changed', { method: 'POST' })).toEqual({ text: 'changed' });
    expect(lstatSync(join(found?.answer.cwd ?? '', 'uploads')).isSymbolicLink()).toBe(true);
    await runtime.stop(workload.id, { grace: millis(1000), epoch });
    await runtime.ensure(workload, ensured());
    const [again] = await serving(runtime, workload);
    expect(await ask(again?.instance as InstanceObservation, '/file?name=uploads/seed.txt')).toEqual({ text: 'changed' });
    expect(readFileSync(join(place.folders.persist, 'shop/production/uploads/seed.txt'), 'utf8')).toBe('changed');
    expect(readFileSync(join(source, 'uploads/seed.txt'), 'utf8')).toBe('seed');
  });

  it("`persist` never leaves the service's folder", async () => {
    const runtime = place.open();
    const workload = workloadOf(place.artifact('healthy'), { persist: ['../../outside'] });
    await expect(runtime.ensure(workload, ensured())).rejects.toMatchObject({ code: 'START_FAILED' });
  });
});

describe('what only processes do', () => {
  it('npm start: the server is stopped with it, though npm leaves it orphaned', async () => {
    const runtime = place.open();
    const workload = workloadOf(place.artifact('orphaned-by-npm-start'), { run: 'npm start' });
    await runtime.ensure(workload, ensured());
    const [found] = await serving(runtime, workload);
    await runtime.stop(workload.id, { grace: millis(500), epoch });
    expect(processIsThere(found?.answer.pid ?? 0)).toBe(false);
    expect(place.home.living()).toEqual([]);
  });

  it('a command line of the shell works, and a simple one replaces the shell', async () => {
    const runtime = place.open();
    const artifact = place.artifact('healthy');
    const shell = workloadOf(artifact, { run: 'cd . && VERSION=$((40 + 2)) node server.js' });
    const simple = workloadOf(artifact, { run: 'node server.js' });
    await runtime.ensure(shell, ensured());
    await runtime.ensure(simple, ensured());
    expect((await serving(runtime, shell))[0]?.answer.version).toBe('42');
    const [plain] = await serving(runtime, simple);
    expect(place.home.living(plain?.instance.instance)).toEqual([plain?.answer.pid]);
  });

  it('an instance that a kill -9 of the keeper left running is found by the next control plane', async () => {
    const runtime = place.open();
    const workload = workloadOf(place.artifact('healthy'));
    await runtime.ensure(workload, ensured());
    const [before] = await serving(runtime, workload);
    await runtime.close();
    await place.home.killKeeper();
    const next = place.open(2);
    await next.ensure(workload, { ...ensured(), epoch: 2 as Epoch });
    expect((await serving(next, workload))[0]?.answer.pid).toBe(before?.answer.pid);
  });

  it('an instance that nobody has on record is reported and stopped', async () => {
    const runtime = place.open();
    const workload = workloadOf(place.artifact('ignores-sigterm'));
    await runtime.ensure(workload, ensured());
    const [found] = await serving(runtime, workload);
    await runtime.close();
    await place.home.killKeeper();
    rmSync(join(place.home.launch.config.dir, 'instances'), { recursive: true, force: true });
    const next = place.open(2);
    await eventually('its end', async () => (await next.observe()).length === 0);
    expect(processIsThere(found?.answer.pid ?? 0)).toBe(false);
    expect(place.notes.join()).toContain('without being on record');
  });

  it('secrets stay with their owner on disk', async () => {
    const runtime = place.open();
    const workload = workloadOf(place.artifact('healthy'));
    await runtime.ensure(workload, ensured({ DATABASE_PASSWORD: 'hunter2' }));
    const files = [
      join(place.folders.work, 'workloads', `${workload.id}.json`),
      join(place.home.launch.config.dir, 'instances', `${workload.id}.1.json`),
    ];
    for (const file of files) {
      expect(readFileSync(file, 'utf8')).toContain('hunter2');
      expect(statSync(file).mode & 0o077).toBe(0);
    }
  });
});
