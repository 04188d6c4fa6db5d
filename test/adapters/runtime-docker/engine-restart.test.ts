import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { baseImage, launch, whyNoEngine } from '../../../scripts/docker-engine.js';
import type { Epoch } from '../../../src/domain/values.ts';
import { openEngine } from '../../../src/engine/client.ts';
import { ask, eventually, serving, workloadOf } from '../../conformance/runtime.ts';
import { testEngine } from '../../docker/engine.ts';
import { processIsThere, until } from '../../keeper/harness.ts';
import { type DockerPlace, makePlace } from './place.ts';

const shared = testEngine();
const missing = 'missing' in shared ? shared.missing : whyNoEngine();
const epoch = 1 as Epoch;

/** An engine of this file's own, which may be stopped; it takes the base image over from the one that all share. */
let dir: string;
const placesOf = (folder: string) => {
  const hash = createHash('sha256').update(folder).digest();
  return {
    bridge: { name: `sbt${hash.toString('hex').slice(0, 8)}`, block: 188 + ((hash[0] ?? 0) % 3), net: hash[1] ?? 0 },
    socket: join(folder, 'docker.sock'),
    pid: join(folder, 'docker.pid'),
    log: join(folder, 'dockerd.log'),
    data: join(folder, 'data'),
    run: join(folder, 'exec'),
    base: join(folder, 'base'),
  };
};
const start = (...args: string[]): Promise<void> => launch(placesOf(dir), args);
const stop = async (): Promise<void> => {
  const { pid: file } = placesOf(dir);
  if (!existsSync(file)) return;
  const pid = Number(readFileSync(file, 'utf8'));
  process.kill(pid, 'SIGTERM');
  await until('the engine to end', () => !processIsThere(pid), 40_000);
};

let place: DockerPlace;

beforeAll(async () => {
  if (missing !== null || 'missing' in shared) return;
  dir = mkdtempSync(join(tmpdir(), 'sb-engine-'));
  await start();
  const [from, to] = [openEngine(shared.socket), openEngine(placesOf(dir).socket)];
  const image = await from.stream('GET', `/images/${encodeURIComponent(baseImage)}/get`);
  const loaded = await to.stream('POST', '/images/load', { body: image, timeoutMs: 100_000 });
  for await (const _ of loaded);
  await Promise.all([from.close(), to.close()]);
}, 120_000);
afterAll(async () => {
  if (missing !== null) return;
  // One that keeps its containers also keeps what it mounted.
  await stop();
  await start();
  await stop();
  for (const line of readFileSync('/proc/mounts', 'utf8').split('\n').toReversed()) {
    const [, at = ''] = line.split(' ');
    if (at.startsWith(`${dir}/`)) execFileSync('umount', [at]);
  }
  const { bridge } = placesOf(dir);
  if (existsSync(`/sys/class/net/${bridge.name}`)) execFileSync('ip', ['link', 'del', bridge.name]);
  rmSync(dir, { recursive: true, force: true });
}, 60_000);
beforeEach(async (ctx) => {
  if (missing !== null) ctx.skip(missing);
  else place = await makePlace(placesOf(dir).socket);
});
afterEach(async () => {
  if (missing === null) await place.remove();
});

describe('an engine that is restarted', () => {
  it('ends its containers: that is no verdict on them, and they are back at the same addresses', async () => {
    const runtime = place.open();
    const workload = workloadOf(await place.artifact('healthy'));
    await runtime.ensure(workload, { replicas: 2, env: {}, epoch });
    const before = await serving(runtime, workload, 2);
    await stop();
    await expect(runtime.observe()).rejects.toMatchObject({ code: 'ENGINE_UNAVAILABLE' });
    await expect(runtime.ensure(workload, { replicas: 3, env: {}, epoch })).rejects.toMatchObject({ code: 'ENGINE_UNAVAILABLE' });
    await start();
    const after = await eventually('them to be back', () => serving(runtime, workload, 2), 40_000);
    expect(after.map(({ instance }) => instance.endpoint)).toEqual(before.map(({ instance }) => instance.endpoint));
    for (const { instance } of after) {
      expect(instance.restarts).toBe(0);
      expect([null, 'unobserved']).toContain(instance.lastExit?.reason ?? null);
    }
  }, 120_000);

  it('under live-restore leaves them serving all the while', async () => {
    await stop();
    await start('--live-restore');
    const runtime = place.open();
    const workload = workloadOf(await place.artifact('healthy'));
    await runtime.ensure(workload, { replicas: 1, env: {}, epoch });
    const [before] = await serving(runtime, workload);
    if (!before) throw new Error('Nothing serves.');
    await stop();
    expect((await ask(before.instance)).life).toBe(before.answer.life);
    await expect(runtime.observe()).rejects.toMatchObject({ code: 'ENGINE_UNAVAILABLE' });
    expect((await ask(before.instance)).life).toBe(before.answer.life);
    await start('--live-restore');
    const [after] = await eventually('it to be seen', () => serving(runtime, workload), 40_000);
    expect(after?.answer.life).toBe(before.answer.life);
    expect(after?.instance).toMatchObject({ restarts: 0, lastExit: null, startedAt: before.instance.startedAt });
  }, 120_000);
});
