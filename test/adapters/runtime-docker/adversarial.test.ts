import { statSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Epoch, millis } from '../../../src/domain/values.ts';
import type { InstanceObservation, Runtime } from '../../../src/ports/runtime.ts';
import { ask, eventually, instancesOf, serving, workloadOf } from '../../conformance/runtime.ts';
import { testEngine } from '../../docker/engine.ts';
import { stateOf } from '../../keeper/harness.ts';
import { type DockerPlace, makePlace } from './place.ts';

const engine = testEngine();
const epoch = 1 as Epoch;
const ensured = (env: Record<string, string> = {}, replicas = 1) => ({ replicas, env, epoch });

interface Inspected {
  readonly Id: string;
  readonly Image: string;
  readonly LogPath: string;
  readonly State: { readonly Running: boolean; readonly Pid: number };
  readonly Config: { readonly User: string };
  readonly HostConfig: Readonly<Record<string, unknown>>;
  readonly NetworkSettings: { readonly Ports: Readonly<Record<string, unknown>> };
}

let place: DockerPlace;

beforeEach(async (ctx) => {
  if ('missing' in engine) ctx.skip(engine.missing);
  else place = await makePlace(engine.socket);
});
afterEach(async () => {
  if (!('missing' in engine)) await place.remove();
});

const inspect = async (name: string): Promise<Inspected | null> => {
  const answer = await place.engine.call<Inspected>('GET', `/containers/${name}/json`);
  return answer.ok ? answer.body : null;
};
const nameOf = (instance: string): string => `signalbox-${place.home.homeId}-${instance}`;
const faulty = (runtime: Runtime, workload: Parameters<typeof instancesOf>[1]): Promise<InstanceObservation> =>
  eventually('the fault', async () => (await instancesOf(runtime, workload)).find(({ fault }) => fault !== null));
/** A container that is none of ours, whatever it looks like. */
const makeForeign = async (
  name: string,
  image: string,
  labels: Record<string, string>,
  { starts = true }: { readonly starts?: boolean } = {},
): Promise<string> => {
  const made = await place.engine.call<{ Id: string }>('POST', '/containers/create', {
    query: { name },
    body: { Image: image, Entrypoint: ['sleep', '300'], Labels: labels, HostConfig: { Init: true } },
  });
  if (!made.ok) throw new Error(made.message);
  if (starts) await place.engine.call('POST', `/containers/${made.body.Id}/start`);
  return made.body.Id;
};
const removeForeign = (id: string) => place.engine.call('DELETE', `/containers/${id}`, { query: { force: true } });

describe('a container', () => {
  it('may gain nothing, listens on no port of the machine, and is not brought back by the engine', async () => {
    const runtime = place.open();
    const workload = workloadOf(await place.artifact('healthy'), { resources: { memoryMb: 256, cpus: 0.5 } });
    await runtime.ensure(workload, ensured());
    const [found] = await serving(runtime, workload);
    expect(found?.answer.uid).toBe(1000);
    const seen = await inspect(nameOf(found?.instance.instance ?? ''));
    expect(Object.values(seen?.NetworkSettings.Ports ?? {}).filter(Boolean)).toEqual([]);
    expect(seen?.HostConfig).toMatchObject({
      Privileged: false,
      CapDrop: ['ALL'],
      CapAdd: [],
      SecurityOpt: ['no-new-privileges:true'],
      PidsLimit: 512,
      Memory: 256 * 1024 * 1024,
      MemorySwap: 256 * 1024 * 1024,
      NanoCpus: 500_000_000,
      RestartPolicy: { Name: 'no' },
      LogConfig: { Type: 'json-file', Config: { 'max-file': '2', 'max-size': '10m' } },
    });
    expect(seen?.HostConfig['NetworkMode']).toBe(`signalbox-${place.home.homeId}-shop.production`);
  });

  it('that somebody removed is made anew at the same address, and that is on record', async () => {
    const runtime = place.open();
    const workload = workloadOf(await place.artifact('healthy'));
    await runtime.ensure(workload, ensured());
    const [before] = await serving(runtime, workload);
    await removeForeign(nameOf(before?.instance.instance ?? ''));
    await eventually('another life', async () => {
      const [now] = await serving(runtime, workload).catch(() => []);
      return now && now.answer.life !== before?.answer.life ? now : null;
    });
    // Seen before its answer came, which may have waited for the new one at the same address.
    const [after] = await serving(runtime, workload);
    expect(after?.instance).toMatchObject({ endpoint: before?.instance.endpoint, restarts: 1 });
    expect(after?.instance.lastExit).not.toBeNull();
  });

  it('that is gone before anybody saw it end is made anew at the same address, and that is on record', async () => {
    const runtime = place.open();
    const workload = workloadOf(await place.artifact('healthy'));
    await runtime.ensure(workload, ensured());
    const [before] = await serving(runtime, workload);
    const warden = (await stateOf(place.keeper, 'signalbox-warden'))?.pid ?? 0;
    process.kill(warden, 'SIGSTOP');
    try {
      await removeForeign(nameOf(before?.instance.instance ?? ''));
    } finally {
      process.kill(warden, 'SIGCONT');
    }
    await eventually('another life', async () => {
      const [now] = await serving(runtime, workload).catch(() => []);
      return now && now.answer.life !== before?.answer.life ? now : null;
    });
    // Seen before its answer came, which may have waited for the new one at the same address.
    const [after] = await serving(runtime, workload);
    expect(after?.instance).toMatchObject({ endpoint: before?.instance.endpoint, restarts: 1 });
    expect(after?.instance.lastExit).toMatchObject({ reason: 'removed' });
  });

  it('whose program listens elsewhere is reported with the port named', async () => {
    const runtime = place.open();
    const workload = workloadOf(await place.artifact('port-ignored'));
    await runtime.ensure(workload, ensured({ FIXED_PORT: '3123' }));
    const { fault, endpoint, listening } = await faulty(runtime, workload);
    expect(fault).toMatchObject({ code: 'PORT_IGNORED', message: expect.stringContaining('port 3123 ') as string });
    expect({ endpoint, listening }).toEqual({ endpoint: null, listening: false });
    const told = workloadOf(await place.artifact('port-ignored'), { port: 3123 });
    await runtime.ensure(told, ensured({ FIXED_PORT: '3123' }, 2));
    await serving(runtime, told, 2);
  });

  it('whose program listens on loopback only is told so', async () => {
    const runtime = place.open();
    const workload = workloadOf(await place.artifact('healthy'), { run: 'HOST=127.0.0.1 node server.js' });
    await runtime.ensure(workload, ensured());
    expect((await faulty(runtime, workload)).fault?.message).toContain('loopback');
  });

  it('whose program does not exist backs off, and its output says why', async () => {
    const runtime = place.open();
    const workload = workloadOf(await place.artifact('healthy'), { run: 'no-such-program --now' });
    await runtime.ensure(workload, ensured());
    const looping = await eventually('the end', async () =>
      (await instancesOf(runtime, workload)).find(({ lastExit }) => lastExit !== null),
    );
    expect(looping.lastExit).toMatchObject({ code: 127, reason: 'exited' });
    const lines: string[] = [];
    for await (const { text } of runtime.logs(workload.id, {})) lines.push(text);
    expect(lines.join('\n')).toContain('no-such-program');
  });

  it('that the engine cannot start at all: the reason, and nothing is left', async () => {
    const runtime = place.open();
    const workload = workloadOf(await place.artifact('healthy'), {
      resources: { memoryMb: 1 },
    });
    await expect(runtime.ensure(workload, ensured())).rejects.toMatchObject({ code: 'START_FAILED' });
    expect(await place.containers()).toEqual([]);
  });
});

describe('what is not ours', () => {
  it('is neither adopted nor touched: the same name, the same labels of another installation, our labels under another name', async () => {
    const runtime = place.open();
    const artifact = await place.artifact('healthy');
    const [mine, taken] = [workloadOf(artifact), workloadOf(artifact)];
    const labels = { 'signalbox.workload': taken.id, 'signalbox.instance': `${taken.id}.1`, 'signalbox.app': 'shop' };
    const foreign = [
      await makeForeign(nameOf(`${taken.id}.1`), 'signalbox-base:bookworm', {}),
      await makeForeign(`other-${place.home.homeId}`, 'signalbox-base:bookworm', {
        ...labels,
        'signalbox.installation': 'ffffffffffff',
      }),
      await makeForeign(`alike-${place.home.homeId}`, 'signalbox-base:bookworm', {
        ...labels,
        'signalbox.installation': place.home.homeId,
      }),
    ];
    const ended = await makeForeign(
      `ended-${place.home.homeId}`,
      'signalbox-base:bookworm',
      { ...labels, 'signalbox.installation': place.home.homeId },
      { starts: false },
    );
    try {
      await expect(runtime.ensure(taken, ensured())).rejects.toMatchObject({
        code: 'START_FAILED',
        message: expect.stringContaining('not made by this installation') as string,
      });
      await runtime.ensure(mine, ensured());
      await serving(runtime, mine);
      expect((await runtime.observe()).map(({ workload }) => workload)).toEqual([mine.id]);
      for (const { id } of [taken, mine]) await runtime.stop(id, { grace: millis(500), epoch });
      for (const { id } of [taken, mine]) await runtime.forget(id);
      await runtime.endAll(epoch);
      for (const id of foreign) expect((await inspect(id))?.State.Running).toBe(true);
      expect(await inspect(ended)).not.toBeNull();
      const filters = { label: [`signalbox.installation=${place.home.homeId}`] };
      expect(await place.engine.call('GET', '/networks', { query: { filters } })).toMatchObject({ body: [] });
    } finally {
      for (const id of [...foreign, ended]) await removeForeign(id);
    }
  });
});

describe('within its limits', () => {
  it('a flood of output fills two files of ten megabytes, and its last lines are there', async () => {
    const runtime = place.open();
    const command = 'while :; do head -c 3000000 /dev/zero | tr "\\0" "x" | fold -w 100; echo round; done';
    const workload = workloadOf(await place.artifact('worker-without-port'), { kind: 'worker', run: command });
    await runtime.ensure(workload, ensured());
    const [instance] = await instancesOf(runtime, workload);
    const seen = await inspect(nameOf(instance?.instance ?? ''));
    const file = seen?.LogPath ?? '';
    await eventually(
      'the first file to be full',
      () => Promise.resolve(statSync(`${file}.1`, { throwIfNoEntry: false })),
      60_000,
    );
    await eventually('it to be full again', () => Promise.resolve(statSync(file).size > 5_000_000), 60_000).catch(() => {});
    for (const one of [file, `${file}.1`]) expect(statSync(one, { throwIfNoEntry: false })?.size ?? 0).toBeLessThan(12_000_000);
    const lines: string[] = [];
    for await (const { text } of runtime.logs(workload.id, { tail: 5 })) lines.push(text);
    expect(lines).toHaveLength(5);
    await runtime.stop(workload.id, { grace: millis(0), epoch });
    expect(await place.containers()).toEqual([]);
  });

  it('a program that forks without end has 512 processes, and is ended whole', async () => {
    const runtime = place.open();
    const artifact = await place.artifact('healthy');
    const command = 'while :; do sleep 300 & done';
    const workload = workloadOf(artifact, { kind: 'worker', run: command });
    const neighbour = workloadOf(artifact);
    await runtime.ensure(workload, ensured());
    await runtime.ensure(neighbour, ensured());
    const [found] = await serving(runtime, neighbour);
    const count = async (): Promise<number> => {
      const [instance] = await instancesOf(runtime, workload);
      const answer = await place.engine.call<{ Processes: readonly unknown[] }>(
        'GET',
        `/containers/${nameOf(instance?.instance ?? '')}/top`,
      );
      return answer.ok ? answer.body.Processes.length : 0;
    };
    await eventually('it to be held', async () => (await count().catch(() => 0)) > 300, 20_000).catch(() => {});
    expect(await count().catch(() => 0)).toBeLessThanOrEqual(512);
    expect((await ask(found?.instance as InstanceObservation)).life).toBe(found?.answer.life);
    await runtime.stop(workload.id, { grace: millis(500), epoch });
    expect((await instancesOf(runtime, workload)).length).toBe(0);
  });

  it('/tmp ends at 256 MB', async () => {
    const runtime = place.open();
    const workload = workloadOf(await place.artifact('healthy'));
    const command = 'head -c 300000000 /dev/zero > /tmp/big; stat -c %s /tmp/big';
    const result = await runtime.run({ id: 'fill', workload, command, env: {}, timeout: millis(60_000), epoch });
    expect(result.tail.join('\n')).toContain('No space left on device');
    expect(Number(result.tail.at(-1))).toBeLessThanOrEqual(256 * 1024 * 1024);
  });
});
