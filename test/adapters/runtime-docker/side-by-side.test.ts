import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { AppName, EnvironmentName, Epoch, ServiceName } from '../../../src/domain/values.ts';
import { millis } from '../../../src/domain/values.ts';
import { eventually, instancesOf, serving, workloadOf } from '../../conformance/runtime.ts';
import { testEngine } from '../../docker/engine.ts';
import { stateOf } from '../../keeper/harness.ts';
import { type DockerPlace, makePlace } from './place.ts';

const engine = testEngine();
const epoch = 1 as Epoch;
const ensured = (replicas = 1) => ({ replicas, env: {}, epoch });
const of = (app: string, environment: string) => ({ app: app as AppName, environment: environment as EnvironmentName });

let place: DockerPlace;

beforeEach(async (ctx) => {
  if ('missing' in engine) ctx.skip(engine.missing);
  else place = await makePlace(engine.socket);
});
afterEach(async () => {
  if (!('missing' in engine)) await place.remove();
});

const networksOf = async (): Promise<{ Name: string; Containers?: object }[]> => {
  const filters = { label: [`signalbox.installation=${place.home.homeId}`] };
  const answer = await place.engine.call<{ Name: string }[]>('GET', '/networks', { query: { filters } });
  return answer.ok ? answer.body : [];
};
const imageOfContainer = async (instance: string): Promise<string> => {
  const id = (await place.containers()).find(({ Labels }) => Labels['signalbox.instance'] === instance)?.Id ?? '';
  const answer = await place.engine.call<{ Image: string }>('GET', `/containers/${id}/json`);
  return answer.ok ? answer.body.Image : '';
};

describe('environments', () => {
  it('that are started for the first time at the same moment each get a network of their own', async () => {
    const runtime = place.open();
    const artifact = await place.artifact('healthy');
    const workloads = ['one', 'two', 'three', 'four', 'five', 'six'].map((app) =>
      workloadOf(artifact, { ...of(app, 'production') }),
    );
    const [first, ...others] = workloads;
    if (first) await runtime.ensure(first, ensured());
    await Promise.all(others.map((workload) => runtime.ensure(workload, ensured())));
    for (const workload of workloads) await serving(runtime, workload);
    expect(new Set((await networksOf()).map(({ Name }) => Name)).size).toBe(6);
  }, 90_000);

  it('whose names run together by their dashes share no network', async () => {
    const runtime = place.open();
    const artifact = await place.artifact('healthy');
    const workloads = [workloadOf(artifact, of('shop', 'preview-x')), workloadOf(artifact, of('shop-preview', 'x'))];
    for (const workload of workloads) await runtime.ensure(workload, ensured());
    expect(await networksOf()).toHaveLength(2);
  }, 90_000);
});

describe('an image that somebody made from one of ours', () => {
  it('is never taken for it, though it has its labels', async () => {
    const runtime = place.open();
    const artifact = await place.artifact('healthy');
    const first = workloadOf(artifact);
    await runtime.ensure(first, ensured());
    await serving(runtime, first);
    const ours = await imageOfContainer(`${first.id}.1`);
    const container = (await place.containers())[0]?.Id ?? '';
    // What `docker commit` does, say to look at a fault later.
    const committed = await place.engine.call<{ Id: string }>('POST', '/commit', { query: { container } });
    const theirs = committed.ok ? committed.body.Id : '';
    try {
      const second = workloadOf(artifact);
      await runtime.ensure(second, ensured());
      expect(await imageOfContainer(`${second.id}.1`)).toBe(ours);
    } finally {
      await runtime.endAll(epoch);
      await place.engine.call('DELETE', `/images/${theirs}`, { query: { force: true } });
    }
  }, 90_000);
});

describe('what containers say', () => {
  it('in very long lines costs the warden no memory that it does not have, and its last words are kept', async () => {
    const runtime = place.open();
    const words = `node -e "const l='\u2603'.repeat(60000)+'\\n';for(let i=0;i<110;i++)process.stdout.write(l);setTimeout(()=>{process.stdout.write('done\\n');setInterval(()=>{},1e6)},500)"`;
    const workload = workloadOf(await place.artifact('worker-without-port'), { kind: 'worker', run: words });
    await runtime.ensure(workload, ensured(6));
    await eventually(
      'all to have said it',
      async () => {
        const lines: string[] = [];
        for await (const { text } of runtime.logs(workload.id, { tail: 6 })) lines.push(text);
        return lines.filter((line) => line === 'done').length === 6;
      },
      60_000,
    );
    const before = (await stateOf(place.keeper, 'signalbox-warden'))?.pid;
    await runtime.stop(workload.id, { grace: millis(0), epoch });
    expect(await instancesOf(runtime, workload)).toEqual([]);
    expect((await stateOf(place.keeper, 'signalbox-warden'))?.pid).toBe(before);
    const lines: string[] = [];
    for await (const { text } of runtime.logs(workload.id, { tail: 6 })) lines.push(text);
    expect(lines.filter((line) => line === 'done')).toHaveLength(6);
  }, 120_000);

  it('as a one-off in a line without end is cut, since it goes into records and answers', async () => {
    const runtime = place.open();
    const workload = workloadOf(await place.artifact('healthy'));
    const command = `node -e "for(let i=0;i<40;i++)console.log('x'.repeat(200000));console.log('the end');process.exitCode=3"`;
    const result = await runtime.run({ id: 'long', workload, command, env: {}, timeout: millis(30_000), epoch });
    expect(result).toMatchObject({ end: 'exited', exitCode: 3 });
    expect(result.tail.at(-1)).toBe('the end');
    expect(result.tail.join('\n').length).toBeLessThan(400_000);
  }, 60_000);
});

describe('an image', () => {
  it('with a list of users without end costs the warden no more than any other', async () => {
    const runtime = place.open();
    const hostile = [
      'USER root',
      "RUN echo 'app:x:1234:1234::/:/bin/sh' > /etc/passwd && truncate -s 400M /etc/passwd",
      'USER app',
    ];
    const [good, bad] = [await place.artifact('healthy'), await place.artifact('healthy', hostile)];
    const first = workloadOf(good);
    await runtime.ensure(first, ensured());
    const before = (await stateOf(place.keeper, 'signalbox-warden'))?.pid;
    const workload = workloadOf(bad, { persist: ['uploads'], service: 'api' as ServiceName });
    await runtime.ensure(workload, ensured()).catch(() => {});
    await runtime.stop(workload.id, { grace: millis(0), epoch });
    expect((await stateOf(place.keeper, 'signalbox-warden'))?.pid).toBe(before);
  }, 90_000);
});
