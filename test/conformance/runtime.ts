import { setTimeout as wait } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ArtifactRef, Workload } from '../../src/domain/release.ts';
import type { HealthSpec } from '../../src/domain/spec.ts';
import {
  type AppName,
  type EnvironmentName,
  type Epoch,
  millis,
  type ServiceName,
  type WorkloadId,
} from '../../src/domain/values.ts';
import type { EnsureOptions, InstanceObservation, OneOff, Runtime } from '../../src/ports/runtime.ts';

/** An installation's place: runtimes opened on it one after the other are control planes that follow each other. */
export interface RuntimePlace {
  open(epoch: number): Promise<Runtime> | Runtime;
  /** A fixture app of test/fixtures/apps as an artifact of this runtime's kind. */
  artifact(app: string): Promise<ArtifactRef> | ArtifactRef;
  remove(): Promise<void>;
}

const epoch = (n: number): Epoch => n as Epoch;
const health: HealthSpec = {
  type: 'port',
  interval: millis(1000),
  timeout: millis(2000),
  healthyAfter: 1,
  unhealthyAfter: 3,
  deadline: millis(60_000),
  upFor: millis(1000),
};
let made = 0;

export function workloadOf(artifact: ArtifactRef, change: Partial<Workload> = {}): Workload {
  made += 1;
  return {
    id: `shop-production-web-${made.toString(16).padStart(12, '0')}` as WorkloadId,
    app: 'shop' as AppName,
    environment: 'production' as EnvironmentName,
    service: 'web' as ServiceName,
    kind: 'web',
    artifact,
    run: 'node server.js',
    env: {},
    health,
    persist: [],
    resources: {},
    drain: millis(1000),
    grace: millis(3000),
    requestTimeout: millis(5000),
    ...change,
  };
}

/** Waits until `probe` gives something; names what was waited for otherwise. */
export async function eventually<T>(what: string, probe: () => Promise<T | null | undefined | false>, ms = 15_000): Promise<T> {
  const deadline = performance.now() + ms;
  for (;;) {
    const found = await probe().catch(() => null);
    if (found !== null && found !== undefined && found !== false) return found;
    if (performance.now() > deadline) throw new Error(`Waited ${ms} ms in vain: ${what}`);
    await wait(30);
  }
}

export interface Answer {
  readonly version: string;
  readonly pid: number;
  /** Another one in each process: pids of containers are all alike. */
  readonly life: string;
  readonly uid: number;
  readonly cwd: string;
}

export const instancesOf = async (runtime: Runtime, { id }: Workload): Promise<InstanceObservation[]> =>
  (await runtime.observe()).filter(({ workload }) => workload === id).sort((a, b) => (a.instance < b.instance ? -1 : 1));

export async function ask<T = Answer>(instance: InstanceObservation, path = '/', init: RequestInit = {}): Promise<T> {
  if (!instance.endpoint) throw new Error(`${instance.instance} has no endpoint.`);
  const { host, port } = instance.endpoint;
  const response = await fetch(`http://${host}:${port}${path}`, {
    ...init,
    signal: AbortSignal.timeout(5000),
    headers: { connection: 'close' },
  });
  return (await response.json()) as T;
}

/** All instances of the workload, once `count` of them answer. */
export const serving = (
  runtime: Runtime,
  workload: Workload,
  count = 1,
): Promise<{ instance: InstanceObservation; answer: Answer }[]> =>
  eventually(`${count} instances of ${workload.id} to serve`, async () => {
    const instances = await instancesOf(runtime, workload);
    if (instances.length !== count) return null;
    return Promise.all(instances.map(async (instance) => ({ instance, answer: await ask(instance) })));
  });

/** The contract of the Runtime port; every adapter passes the same suite. */
export function runtimeSuite(name: string, place: () => Promise<RuntimePlace>): void {
  describe(`runtime: ${name}`, () => {
    let home: RuntimePlace;
    let runtime: Runtime;
    const open: Runtime[] = [];
    const options = (change: Partial<EnsureOptions> = {}): EnsureOptions => ({
      replicas: 1,
      env: {},
      epoch: epoch(1),
      ...change,
    });
    const reopen = async (n: number): Promise<Runtime> => {
      const next = await home.open(n);
      open.push(next);
      return next;
    };

    beforeEach(async () => {
      home = await place();
      runtime = await reopen(1);
    });
    afterEach(async () => {
      for (const each of open.splice(0)) await each.close();
      await home.remove();
    });

    describe('ensure', () => {
      it('runs as many instances as asked for, each reachable at an endpoint of its own', async () => {
        const workload = workloadOf(await home.artifact('healthy'));
        await runtime.ensure(workload, options({ replicas: 3, env: { VERSION: '7' } }));
        const found = await serving(runtime, workload, 3);
        expect(new Set(found.map(({ instance }) => instance.instance)).size).toBe(3);
        expect(new Set(found.map(({ instance }) => `${instance.endpoint?.host}:${instance.endpoint?.port}`)).size).toBe(3);
        expect(found.map(({ answer }) => answer.version)).toEqual(['7', '7', '7']);
        for (const { instance } of found) {
          expect(instance).toMatchObject({ workload: workload.id, state: 'running', restarts: 0, lastExit: null, fault: null });
          expect(instance.memory).toBeGreaterThan(1_000_000);
          expect(Math.abs(Date.now() - (instance.startedAt ?? 0))).toBeLessThan(60_000);
        }
      });

      it('changes nothing when it is asked for the same again', async () => {
        const workload = workloadOf(await home.artifact('healthy'));
        await runtime.ensure(workload, options({ replicas: 2 }));
        const before = await serving(runtime, workload, 2);
        await Promise.all([
          runtime.ensure(workload, options({ replicas: 2 })),
          runtime.ensure(workload, options({ replicas: 2 })),
        ]);
        const after = await serving(runtime, workload, 2);
        expect(after.map(({ answer }) => answer.life)).toEqual(before.map(({ answer }) => answer.life));
      });

      it('adds and takes away instances without touching the others', async () => {
        const workload = workloadOf(await home.artifact('healthy'));
        await runtime.ensure(workload, options({ replicas: 1 }));
        const [first] = await serving(runtime, workload, 1);
        await runtime.ensure(workload, options({ replicas: 3 }));
        await serving(runtime, workload, 3);
        await runtime.ensure(workload, options({ replicas: 1 }));
        const [last] = await serving(runtime, workload, 1);
        expect(last?.answer.life).toBe(first?.answer.life);
        expect(last?.instance.startedAt).toBe(first?.instance.startedAt);
      });

      it('refuses an artifact that is not there, and starts nothing', async () => {
        const artifact = await home.artifact('healthy');
        const workload = workloadOf({ ...artifact, key: `${artifact.key}0` as typeof artifact.key });
        await expect(runtime.ensure(workload, options())).rejects.toMatchObject({ code: 'ARTIFACT_MISSING' });
        expect(await instancesOf(runtime, workload)).toEqual([]);
      });

      it('gives an instance its declared environment and nothing of the control plane', async () => {
        const workload = workloadOf(await home.artifact('healthy'));
        process.env['SIGNALBOX_TEST_SECRET'] = 'of the control plane';
        try {
          await runtime.ensure(workload, options({ env: { GREETING: 'it\'s $HOME; "quoted"\nand long' } }));
        } finally {
          delete process.env['SIGNALBOX_TEST_SECRET'];
        }
        const [found] = await serving(runtime, workload);
        if (!found) throw new Error('Nothing serves.');
        const read = async (variable: string): Promise<string | null> =>
          (await ask<{ value: string | null }>(found.instance, `/env?name=${variable}`)).value;
        expect(await read('GREETING')).toBe('it\'s $HOME; "quoted"\nand long');
        expect(await read('SIGNALBOX_TEST_SECRET')).toBeNull();
        expect(await read('NODE_ENV')).toBe('production');
        expect(Number(await read('PORT'))).toBeGreaterThan(0);
      });

      it('runs a worker without an endpoint', async () => {
        const workload = workloadOf(await home.artifact('worker-without-port'), { kind: 'worker' });
        await runtime.ensure(workload, options());
        const [instance] = await instancesOf(runtime, workload);
        expect(instance).toMatchObject({ state: 'running', endpoint: null });
      });
    });

    describe('instances that end', () => {
      it('are started again by themselves, with the reason on record', async () => {
        const workload = workloadOf(await home.artifact('dead-in-bake'));
        await runtime.ensure(workload, options({ env: { LIFE_REQUESTS: '1', EXIT_CODE: '3' } }));
        await serving(runtime, workload);
        const restarted = await eventually('a restart', async () =>
          (await instancesOf(runtime, workload)).find(({ restarts }) => restarts > 0),
        );
        expect(restarted.lastExit).toMatchObject({ code: 3, reason: 'exited' });
        await serving(runtime, workload);
      });

      it('again and again back off and are reported', async () => {
        const workload = workloadOf(await home.artifact('crash-on-start'));
        const seen: string[] = [];
        runtime.watch(({ workload: id, state }) => id === workload.id && seen.push(state));
        await runtime.ensure(workload, options());
        const looping = await eventually('a crash loop', async () =>
          (await instancesOf(runtime, workload)).find(({ restarts, state }) => restarts >= 2 && state === 'backing-off'),
        );
        expect(looping.lastExit).toMatchObject({ code: 1, signal: null });
        expect(seen).toContain('backing-off');
        const lines: string[] = [];
        for await (const { text } of runtime.logs(workload.id, { tail: 20 })) lines.push(text);
        expect(lines.join('\n')).toContain('DATABASE_URL is not set');
      });

      it('for memory say so', async () => {
        const workload = workloadOf(await home.artifact('leaks-memory'), { resources: { memoryMb: 150 }, kind: 'worker' });
        await runtime.ensure(workload, options({ env: { LEAK_MB_PER_S: '150', LEAK_MAX_MB: '900' } }));
        const ended = await eventually('the limit', async () =>
          (await instancesOf(runtime, workload)).find(({ lastExit }) => lastExit !== null),
        );
        expect(ended.lastExit?.reason).toBe('memory-limit');
      });
    });

    describe('stop', () => {
      it('resolves when nothing of the workload is left', async () => {
        const workload = workloadOf(await home.artifact('healthy'));
        await runtime.ensure(workload, options({ replicas: 2 }));
        const [found] = await serving(runtime, workload, 2);
        await runtime.stop(workload.id, { grace: millis(3000), epoch: epoch(1) });
        expect(await instancesOf(runtime, workload)).toEqual([]);
        await expect(ask(found?.instance as InstanceObservation)).rejects.toThrow('fetch failed');
      });

      it('ends what ignores SIGTERM after the grace, not before', async () => {
        const workload = workloadOf(await home.artifact('ignores-sigterm'));
        await runtime.ensure(workload, options());
        await serving(runtime, workload);
        const asked = performance.now();
        await runtime.stop(workload.id, { grace: millis(800), epoch: epoch(1) });
        expect(performance.now() - asked).toBeGreaterThanOrEqual(790);
        expect(await instancesOf(runtime, workload)).toEqual([]);
      });

      it('of an unknown workload is done at once', async () => {
        await runtime.stop('shop-production-web-ffffffffffff' as WorkloadId, { grace: millis(60_000), epoch: epoch(1) });
      });

      it('and ensure again: it serves anew', async () => {
        const workload = workloadOf(await home.artifact('healthy'));
        await runtime.ensure(workload, options());
        const [before] = await serving(runtime, workload);
        await runtime.stop(workload.id, { grace: millis(1000), epoch: epoch(1) });
        await runtime.ensure(workload, options());
        const [after] = await serving(runtime, workload);
        expect(after?.instance.startedAt).not.toBe(before?.instance.startedAt);
      });

      it('leaves other workloads alone', async () => {
        const artifact = await home.artifact('healthy');
        const [one, other] = [workloadOf(artifact), workloadOf(artifact)];
        await runtime.ensure(one, options());
        await runtime.ensure(other, options());
        const [before] = await serving(runtime, other);
        await runtime.stop(one.id, { grace: millis(1000), epoch: epoch(1) });
        expect((await serving(runtime, other))[0]?.answer.life).toBe(before?.answer.life);
      });
    });

    describe('control planes that follow each other', () => {
      it('find what runs and leave it running', async () => {
        const workload = workloadOf(await home.artifact('healthy'));
        await runtime.ensure(workload, options({ replicas: 2 }));
        const before = await serving(runtime, workload, 2);
        await runtime.close();
        const next = await reopen(2);
        expect((await instancesOf(next, workload)).map(({ startedAt }) => startedAt)).toEqual(
          before.map(({ instance }) => instance.startedAt),
        );
        await next.ensure(workload, options({ replicas: 2, epoch: epoch(2) }));
        expect((await serving(next, workload, 2)).map(({ answer }) => answer.life)).toEqual(
          before.map(({ answer }) => answer.life),
        );
      });

      it('refuse the one before', async () => {
        const workload = workloadOf(await home.artifact('healthy'));
        const next = await reopen(2);
        await next.ensure(workload, options({ epoch: epoch(2) }));
        await expect(runtime.ensure(workload, options({ replicas: 3 }))).rejects.toMatchObject({ code: 'STALE_EPOCH' });
        await expect(runtime.stop(workload.id, { grace: millis(0), epoch: epoch(1) })).rejects.toMatchObject({
          code: 'STALE_EPOCH',
        });
        await serving(next, workload, 1);
      });
    });

    describe('files', () => {
      it('that an instance writes are its own and gone with it; the artifact stays as it was built', async () => {
        const workload = workloadOf(await home.artifact('healthy'));
        await runtime.ensure(workload, options({ replicas: 2 }));
        const [one, two] = await serving(runtime, workload, 2);
        if (!one || !two) throw new Error('Two should serve.');
        const file = '/file?name=data/notes.txt';
        expect(await ask(one.instance, `${file}&text=mine`, { method: 'POST' })).toEqual({ text: 'mine' });
        expect(await ask(one.instance, '/file?name=server.js&text=broken', { method: 'POST' })).toEqual({ text: 'broken' });
        expect(await ask(two.instance, file)).toMatchObject({ code: 'ENOENT' });
        await runtime.stop(workload.id, { grace: millis(1000), epoch: epoch(1) });
        await runtime.ensure(workload, options({ replicas: 1 }));
        const [again] = await serving(runtime, workload, 1);
        expect(await ask((again as { instance: InstanceObservation }).instance, file)).toMatchObject({ code: 'ENOENT' });
      });

      it('below `persist` last and are shared by every instance of the environment', async () => {
        const artifact = await home.artifact('healthy');
        const [old, next] = [workloadOf(artifact, { persist: ['uploads'] }), workloadOf(artifact, { persist: ['uploads'] })];
        await runtime.ensure(old, options({ replicas: 2 }));
        const [one, two] = await serving(runtime, old, 2);
        if (!one || !two) throw new Error('Two should serve.');
        const file = '/file?name=uploads/photo.txt';
        await ask(one.instance, `${file}&text=lasting`, { method: 'POST' });
        expect(await ask(two.instance, file)).toEqual({ text: 'lasting' });
        await runtime.stop(old.id, { grace: millis(1000), epoch: epoch(1) });
        await runtime.forget(old.id);
        await runtime.ensure(next, options());
        const [later] = await serving(runtime, next);
        expect(await ask((later as { instance: InstanceObservation }).instance, file)).toEqual({ text: 'lasting' });
      });
    });

    describe('logs', () => {
      it('give the newest lines of every instance and go on with what comes', async () => {
        const workload = workloadOf(await home.artifact('worker-without-port'), { kind: 'worker' });
        await runtime.ensure(workload, options({ replicas: 2, env: { TICK_MS: '50' } }));
        const stop = new AbortController();
        const seen: { instance: string; text: string }[] = [];
        const timer = setTimeout(() => stop.abort(), 15_000);
        for await (const line of runtime.logs(workload.id, { tail: 4, follow: stop.signal })) {
          seen.push(line);
          if (new Set(seen.map(({ instance }) => instance)).size === 2 && seen.length > 20) stop.abort();
        }
        clearTimeout(timer);
        expect(new Set(seen.map(({ instance }) => instance)).size).toBe(2);
        for (const instance of new Set(seen.map((line) => line.instance))) {
          const ticks = seen
            .filter((line) => line.instance === instance)
            .flatMap(({ text }) => /^tick (\d+)/.exec(text)?.[1] ?? []);
          expect(ticks.map(Number)).toEqual(ticks.map((_, index) => Number(ticks[0]) + index));
        }
      });

      it('are there after the instance has ended, until the workload is forgotten', async () => {
        const workload = workloadOf(await home.artifact('worker-without-port'), { kind: 'worker' });
        const lines = async (): Promise<string[]> => {
          const found: string[] = [];
          for await (const { text } of runtime.logs(workload.id, {})) found.push(text);
          return found;
        };
        await runtime.ensure(workload, options());
        await eventually('the first line', async () => (await lines()).some((text) => text.startsWith('tick')));
        await expect(runtime.forget(workload.id)).rejects.toMatchObject({ code: 'CONFLICT' });
        await runtime.stop(workload.id, { grace: millis(2000), epoch: epoch(1) });
        expect(await lines()).toContain('bye');
        await runtime.forget(workload.id);
        expect(await lines()).toEqual([]);
      });
    });

    describe('one-off commands', () => {
      const oneOff = async (command: string, change: Partial<OneOff> = {}): Promise<OneOff> => ({
        id: `run-${++made}`,
        workload: workloadOf(await home.artifact('failing-migration')),
        command,
        env: {},
        timeout: millis(20_000),
        epoch: epoch(1),
        ...change,
      });

      it('run in the artifact and environment and give exit code and last lines', async () => {
        const command = await oneOff('node migrate.js', { env: { MIGRATION_EXIT: '4' } });
        const result = await runtime.run(command);
        expect(result).toMatchObject({ end: 'exited', exitCode: 4 });
        expect(result.tail.join('\n')).toContain('relation "users" already exists');
        expect(await runtime.inspectRun(command.id)).toEqual({ state: 'ended', result });
      });

      it('run once for each id, also over control planes', async () => {
        const command = await oneOff('echo started; node migrate.js', { env: { MIGRATION_EXIT: '0', MIGRATION_MS: '1500' } });
        const first = runtime.run(command);
        await eventually('the run', async () => (await runtime.inspectRun(command.id)).state === 'running');
        const next = await reopen(2);
        const second = next.run({ ...command, epoch: epoch(2) });
        const results = await Promise.all([first.catch(() => null), second]);
        expect(results[1]).toMatchObject({ end: 'exited', exitCode: 0 });
        expect(results[1].tail.filter((line) => line === 'started')).toHaveLength(1);
        expect(await next.run({ ...command, epoch: epoch(2) })).toEqual(results[1]);
      });

      it('end whole when their time is over', async () => {
        const workload = workloadOf(await home.artifact('hanging-migration'));
        const result = await runtime.run(await oneOff('node migrate.js', { workload, timeout: millis(700) }));
        expect(result).toMatchObject({ end: 'timed-out', exitCode: null });
      });

      it('end when they are cancelled', async () => {
        const stop = new AbortController();
        const command = await oneOff('sleep 60', { signal: stop.signal });
        const result = runtime.run(command);
        await eventually('the run', async () => (await runtime.inspectRun(command.id)).state === 'running');
        stop.abort();
        expect(await result).toMatchObject({ end: 'cancelled' });
      });

      it('that were never started are unknown', async () => {
        expect(await runtime.inspectRun('run-never')).toEqual({ state: 'unknown' });
      });

      it('are no instances', async () => {
        const command = await oneOff('node migrate.js', { env: { MIGRATION_MS: '300' } });
        const result = runtime.run(command);
        await eventually('the run', async () => (await runtime.inspectRun(command.id)).state === 'running');
        expect(await runtime.observe()).toEqual([]);
        await result;
      });
    });
  });
}
