import { setTimeout as wait } from 'node:timers/promises';
import { afterEach, expect, it } from 'vitest';
import type { InstanceSpec } from '../../../src/adapters/runtime/docker/protocol.ts';
import type { Containers, Seen } from '../../../src/adapters/runtime/docker/warden/containers.ts';
import { type Instance, type InstanceRecord, openInstance } from '../../../src/adapters/runtime/docker/warden/instance.ts';
import type { Engine } from '../../../src/engine/client.ts';

const spec: InstanceSpec = {
  id: 'w.1',
  name: 'signalbox-h-w.1',
  network: 'n',
  aliases: [],
  image: 'sha256:0',
  body: {},
  lasting: [],
  user: '',
  stopSignal: 'SIGTERM',
  links: [],
  logFile: '/nowhere',
  labels: {},
  port: null,
  told: false,
};
const ran: Seen = {
  container: 'c',
  created: false,
  running: false,
  removing: false,
  pid: 0,
  startedAt: 0,
  finishedAt: 0,
  exitCode: 1,
  outOfMemory: false,
  error: '',
  labels: {},
  address: null,
};
let open: Instance | undefined;
afterEach(() => open?.close());

/** The container `c` as one warden leaves it to the next. */
function left(record: Partial<InstanceRecord>, seen: Partial<Seen>) {
  const saved: InstanceRecord[] = [];
  let now: Seen = { ...ran, ...seen };
  const starts: number[] = [];
  const containers: Containers = {
    inspect: () => Promise.resolve(now),
    create: () => Promise.reject(new Error('not asked here')),
    start: () => {
      starts.push(performance.now());
      now = { ...now, running: true, startedAt: Date.now() };
      return Promise.resolve();
    },
    kill: () => Promise.resolve(),
    remove: () => Promise.resolve(),
  };
  const first: InstanceRecord = {
    spec,
    container: 'c',
    address: null,
    startedAt: 1000,
    heard: false,
    restarts: 0,
    quickEnds: 0,
    lastExit: null,
    stopping: null,
    bootId: 'b',
    ...record,
  };
  const instance = openInstance(first, {
    engine: {} as Engine,
    containers,
    making: {
      network: () => Promise.resolve({ id: 'n', subnet: '10.0.0.0/24', gateway: '10.0.0.1' }),
      make: () => Promise.reject(new Error('not asked here')),
      hold: () => {},
      release: () => {},
    },
    bootId: 'b',
    absence: () => null,
    unseen: () => Promise.resolve(false),
    save: (record) => saved.push(record),
    forget: () => {},
    publish: () => {},
    onMoved: () => {},
    report: () => {},
  });
  open = instance;
  return { instance, starts, saved };
}

it('an end that is on record is no second one for the next warden, which goes on with the same patience', async () => {
  const at = Date.now() - 400;
  const lastExit = { code: 1, signal: null, reason: 'exited', at } as const;
  const { instance, starts } = left({ startedAt: at - 100, restarts: 3, quickEnds: 3, lastExit }, { finishedAt: at });
  const began = performance.now();
  await instance.sync();
  expect(instance.state()).toMatchObject({ state: 'backing-off', restarts: 3, lastExit });
  for (let waited = 0; starts.length === 0 && waited < 3000; waited += 20) await wait(20);
  // Three quick ends: a second, of which 400 ms are over.
  expect((starts[0] ?? 0) - began).toBeGreaterThan(450);
  expect((starts[0] ?? 0) - began).toBeLessThan(900);
  expect(instance.state()).toMatchObject({ state: 'running', restarts: 3 });
});

it('a start that a dead warden made and had no time to put on record is no restart by somebody else', async () => {
  const at = Date.now() - 1000;
  const lastExit = { code: 1, signal: null, reason: 'exited', at } as const;
  const first = left({ startedAt: at - 100, restarts: 1, quickEnds: 1, lastExit }, { finishedAt: at });
  await first.instance.start();
  // What was on record when the engine was told to start it.
  const before = first.saved.findLast(({ startedAt }) => startedAt === null || startedAt === at - 100);
  first.instance.close();
  const { instance } = left(before ?? {}, { running: true, startedAt: Date.now(), finishedAt: at });
  await instance.sync();
  expect(instance.state()).toMatchObject({ state: 'running', restarts: 1, lastExit });
});
