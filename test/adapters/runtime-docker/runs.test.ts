import { expect, it } from 'vitest';
import type { RunSpec } from '../../../src/adapters/runtime/docker/protocol.ts';
import { openRuns, type RunRecord } from '../../../src/adapters/runtime/docker/warden/runs.ts';
import type { Engine } from '../../../src/engine/client.ts';

const spec: RunSpec = {
  id: 'run-1',
  name: 'signalbox-h-run-1',
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
  timeoutMs: 60_000,
};

it('a command that could not be put on record for lack of space was never begun, and is begun once there is some', async () => {
  let full = true;
  const started: string[] = [];
  const none = { ok: false, status: 404, message: '' } as const;
  const engine = {
    call: () => Promise.resolve(none),
    stream: () => Promise.reject(new Error('gone')),
  } as unknown as Engine;
  const runs = openRuns({
    engine,
    containers: {
      inspect: (container) =>
        Promise.resolve(
          started.includes(container)
            ? ({ container, running: false, created: false, exitCode: 0, finishedAt: null, labels: {} } as never)
            : null,
        ),
      create: () => Promise.reject(new Error('not asked here')),
      start: (container) => Promise.resolve(void started.push(container)),
      kill: () => Promise.resolve(),
      remove: () => Promise.resolve(),
    },
    making: {
      network: () => Promise.reject(new Error('not asked here')),
      make: () => Promise.resolve({ container: 'c1', address: '10.0.0.2' }),
      hold: () => {},
      release: () => {},
    },
    store: {
      write: (_: string, value: RunRecord) => {
        if (full && value.state.state === 'running') throw new Error('ENOSPC: no space left on device');
      },
      all: () => [],
      remove: () => {},
    },
    publish: () => {},
    onMoved: () => {},
    absence: () => null,
    unseen: () => Promise.resolve(false),
    report: () => {},
  });
  await expect(runs.run(spec)).rejects.toThrow('ENOSPC');
  await runs.sync();
  expect(runs.list()).toEqual([]);
  full = false;
  expect(await runs.run(spec)).toMatchObject({ state: 'ended', end: 'exited', exitCode: 0 });
  expect(started).toEqual(['c1']);
  runs.close();
});
