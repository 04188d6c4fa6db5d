import { existsSync, readFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openCages, openMemoryWatch } from '../../src/keeper/limits.ts';
import { identify } from '../../src/keeper/processes.ts';
import { type Home, makeHome, running, stateOf, until } from './harness.ts';

let home: Home;
beforeEach(() => {
  home = makeHome();
});
afterEach(() => home.destroy());

/** Whether this user may make control groups here. */
const caged = (): boolean => {
  const cage = openCages(home.homeId).open('probe', {});
  cage?.remove();
  return cage !== null;
};

describe('limits', () => {
  it('end an instance that leaks memory, with that reason, and start it again', async () => {
    const keeper = await home.connect();
    const leak = { LEAK_MB_PER_S: '200', LEAK_MAX_MB: '900' };
    const spec = home.spec('web.1', 'leaks-memory', leak, { limits: { memoryMb: 200 } });
    const { pid } = await keeper.call('start', { epoch: 1, spec });
    await running(keeper, 'web.1', pid);
    const state = await stateOf(keeper, 'web.1');
    expect(state?.lastExit).toMatchObject({ reason: 'memory-limit' });
    expect(home.log('web.1')).toContain('memory limit');
  });

  it('are sampled where the kernel offers no groups', async () => {
    const watch = openMemoryWatch();
    const held = Buffer.alloc(64 * 1024 * 1024, 1);
    const self = identify(process.pid);
    await new Promise<void>((resolve) => {
      watch.watch('web.1', { limitBytes: 32 * 1024 * 1024, processes: () => (self ? [self] : []), exceeded: resolve });
    });
    expect(held.length).toBeGreaterThan(0);
  });

  it('hold an instance and all that it forks in one control group, removed with it', async ({ skip }) => {
    if (!caged()) skip('this user may not make control groups; run as root to enable it');
    const keeper = await home.connect();
    const spec = home.spec('web.1', 'forks-setsid-children', {}, { limits: { memoryMb: 300, cpus: 0.5 } });
    await keeper.call('start', { epoch: 1, spec });
    await until('all processes', () => home.living('web.1').length >= 4);
    const version2 =
      existsSync('/sys/fs/cgroup/cgroup.controllers') && /memory/.test(readFileSync('/sys/fs/cgroup/cgroup.controllers', 'utf8'));
    const folder = `/sys/fs/cgroup/${version2 ? '' : 'memory/'}signalbox-${home.homeId}/web.1`;
    const inside = readFileSync(`${folder}/cgroup.procs`, 'utf8').trim().split('\n').map(Number);
    expect(new Set(inside)).toEqual(new Set(home.living('web.1')));
    expect(Number(readFileSync(`${folder}/memory.${version2 ? 'max' : 'limit_in_bytes'}`, 'utf8'))).toBe(300 * 1024 * 1024);
    await keeper.call('stop', { epoch: 1, id: 'web.1', graceMs: 1000 });
    await until('the group to be gone', () => !existsSync(folder));
  });

  it('let the kernel take instances before the keeper when memory ends', async () => {
    const keeper = await home.connect();
    const { pid } = await keeper.call('start', { epoch: 1, spec: home.spec('web.1', 'worker-without-port') });
    const score = (of: number | null): number => Number(readFileSync(`/proc/${of}/oom_score_adj`, 'utf8'));
    expect(score(pid)).toBeGreaterThan(score((await keeper.call('hello', { epoch: 1 })).pid));
  });
});
