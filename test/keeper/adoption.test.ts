import { spawn } from 'node:child_process';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { identify } from '../../src/keeper/processes.ts';
import { type Home, makeHome, processIsThere, running, stateOf, until } from './harness.ts';

let home: Home;
beforeEach(() => {
  home = makeHome();
});
afterEach(() => home.destroy());

const recordOf = (id: string): string => join(home.launch.config.dir, 'instances', `${id}.json`);

describe('a keeper that was killed', () => {
  it('leaves instances running; the next one adopts them and restarts them when they die', async () => {
    const keeper = await home.connect();
    const first = await keeper.call('start', { epoch: 1, spec: home.spec('web.1', 'worker-without-port') });
    await until('it to work', () => home.log('web.1').includes('tick'));
    await home.killKeeper();
    expect(processIsThere(first.pid ?? 0)).toBe(true);
    const adopted = await until('the new keeper', () => stateOf(keeper, 'web.1'));
    expect(adopted).toMatchObject({ state: 'running', pid: first.pid, adopted: true, restarts: 0 });
    process.kill(first.pid ?? 0, 'SIGKILL');
    const second = await running(keeper, 'web.1', first.pid);
    expect(second).toMatchObject({ adopted: false, restarts: 1, lastExit: { reason: 'unobserved' } });
  });

  it('stops what it adopted, with all its children', async () => {
    const keeper = await home.connect();
    await keeper.call('start', { epoch: 1, spec: home.spec('web.1', 'forks-setsid-children') });
    await until('all processes', () => home.living('web.1').length >= 4);
    await home.killKeeper();
    await keeper.call('stop', { epoch: 1, id: 'web.1', graceMs: 2000 });
    expect(home.living()).toEqual([]);
  });

  it('finishes a stop that was under way', async () => {
    const keeper = await home.connect();
    await keeper.call('start', { epoch: 1, spec: home.spec('web.1', 'ignores-sigterm') });
    await until('it to listen', () => home.log('web.1').includes('listening'));
    const { pid } = await keeper.call('hello', { epoch: 1 });
    const stopped = keeper.call('stop', { epoch: 1, id: 'web.1', graceMs: 1500 });
    await until('the first signal', () => home.log('web.1').includes('ignoring SIGTERM'));
    process.kill(pid, 'SIGKILL');
    await stopped;
    expect(home.living()).toEqual([]);
    expect(await stateOf(keeper, 'web.1')).toBeUndefined();
  });

  it('finishes a stop that was under way though nobody asks for it again', async () => {
    const keeper = await home.connect();
    await keeper.call('start', { epoch: 1, spec: home.spec('web.1', 'ignores-sigterm') });
    await until('it to listen', () => home.log('web.1').includes('listening'));
    const stopped = keeper.call('stop', { epoch: 1, id: 'web.1', graceMs: 1000 }).catch(() => 'nobody waits any more');
    await until('the first signal', () => home.log('web.1').includes('ignoring SIGTERM'));
    keeper.close();
    await home.killKeeper();
    await stopped;
    const next = await home.connect();
    await until('it to be gone', async () => home.living().length === 0 && (await stateOf(next, 'web.1')) === undefined);
  });

  it('restores every wanted instance after a reboot, and none that was stopped', async () => {
    const keeper = await home.connect();
    await keeper.call('start', { epoch: 1, spec: home.spec('web.1', 'worker-without-port') });
    await keeper.call('start', { epoch: 1, spec: home.spec('web.2', 'worker-without-port') });
    await keeper.call('start', { epoch: 1, spec: home.spec('old.1', 'worker-without-port') });
    await keeper.call('stop', { epoch: 1, id: 'old.1', graceMs: 100 });
    keeper.close();
    await home.killKeeper();
    for (const pid of home.living()) process.kill(pid, 'SIGKILL');
    for (const id of ['web.1', 'web.2']) {
      writeFileSync(recordOf(id), readFileSync(recordOf(id), 'utf8').replace(/"bootId":"[^"]*"/, '"bootId":"the boot before"'));
    }
    const next = await home.connect();
    await running(next, 'web.1');
    await running(next, 'web.2');
    expect((await next.call('list', {})).instances.map(({ id }) => id).sort()).toEqual(['web.1', 'web.2']);
  });

  it('keeps an exit it did not see apart from one it saw', async () => {
    const keeper = await home.connect();
    const { pid } = await keeper.call('start', { epoch: 1, spec: home.spec('web.1', 'worker-without-port') });
    keeper.close();
    await home.killKeeper();
    process.kill(pid ?? 0, 'SIGKILL');
    await until('it to be gone', () => home.living().length === 0);
    const next = await home.connect();
    const again = await running(next, 'web.1', pid);
    expect(again).toMatchObject({ restarts: 1, lastExit: { code: null, signal: null, reason: 'unobserved' } });
  });
});

describe('what is not ours', () => {
  it('is neither adopted nor killed when it got the pid of a dead instance', async () => {
    const keeper = await home.connect();
    const { pid } = await keeper.call('start', { epoch: 1, spec: home.spec('web.1', 'worker-without-port') });
    keeper.close();
    await home.killKeeper();
    process.kill(pid ?? 0, 'SIGKILL');
    await until('it to be gone', () => home.living().length === 0);
    const foreign = spawn('sleep', ['60'], { detached: true, stdio: 'ignore' });
    try {
      const identity = await until('the foreign process', () => identify(foreign.pid ?? 0));
      const record = JSON.parse(readFileSync(recordOf('web.1'), 'utf8')) as { process: { pid: number } };
      record.process.pid = identity.pid;
      writeFileSync(recordOf('web.1'), JSON.stringify(record));
      const next = await home.connect();
      const mine = await running(next, 'web.1', identity.pid);
      expect(mine.adopted).toBe(false);
      await next.call('stop', { epoch: 1, id: 'web.1', graceMs: 500 });
      expect(processIsThere(identity.pid)).toBe(true);
    } finally {
      foreign.kill('SIGKILL');
    }
  });

  it('of another installation is left alone, whatever its instance is called', async () => {
    const other = makeHome();
    try {
      const theirs = await other.connect();
      const { pid } = await theirs.call('start', { epoch: 1, spec: other.spec('web.1', 'worker-without-port') });
      const keeper = await home.connect();
      expect((await keeper.call('list', {})).instances).toEqual([]);
      await keeper.call('start', { epoch: 1, spec: home.spec('web.1', 'worker-without-port') });
      await keeper.call('stop', { epoch: 1, id: 'web.1', graceMs: 500 });
      expect(processIsThere(pid ?? 0)).toBe(true);
    } finally {
      await other.destroy();
    }
  });

  it('a process with our marker but no record is reported as a stray and can be stopped', async () => {
    const keeper = await home.connect();
    await keeper.call('start', { epoch: 1, spec: home.spec('web.1', 'worker-without-port') });
    keeper.close();
    await home.killKeeper();
    rmSync(recordOf('web.1'));
    const next = await home.connect();
    expect(await stateOf(next, 'web.1')).toMatchObject({ labels: { stray: 'true' }, state: 'running' });
    await next.call('stop', { epoch: 1, id: 'web.1', graceMs: 500 });
    expect(home.living()).toEqual([]);
    expect(await stateOf(next, 'web.1')).toBeUndefined();
  });
});

describe('one keeper per home', () => {
  it('two that look for it at once end with the same one', async () => {
    const clients = await Promise.all([home.connect(), home.connect(), home.connect()]);
    const pids = await Promise.all(clients.map(async (client) => (await client.call('hello', { epoch: 1 })).pid));
    expect(new Set(pids).size).toBe(1);
  });

  it('a second one started by hand leaves quietly', async () => {
    const keeper = await home.connect();
    const { pid } = await keeper.call('hello', { epoch: 1 });
    const second = spawn(process.execPath, [home.launch.program, JSON.stringify(home.launch.config)], { stdio: 'ignore' });
    const code = await new Promise((resolve) => second.once('exit', resolve));
    expect(code).toBe(0);
    expect((await keeper.call('hello', { epoch: 1 })).pid).toBe(pid);
  });

  it('ends on request and leaves the instances running, or takes all with it', async () => {
    const keeper = await home.connect();
    const { pid } = await keeper.call('start', { epoch: 1, spec: home.spec('web.1', 'worker-without-port') });
    await keeper.call('shutdown', { epoch: 1, all: false });
    await expect(keeper.call('hello', { epoch: 1 }), 'a keeper that took its place').rejects.toMatchObject({
      code: 'WIRE_CLOSED',
    });
    expect(processIsThere(pid ?? 0)).toBe(true);
    const next = await home.connect();
    expect(await stateOf(next, 'web.1')).toMatchObject({ pid, adopted: true });
    await next.call('shutdown', { epoch: 1, all: true });
    expect(home.living()).toEqual([]);
  });
});
