import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { identify, livingProcesses, readStat } from '../../src/keeper/processes.ts';
import { fixture, type Home, makeHome, processIsThere, running, stateOf, until } from './harness.ts';

let home: Home;
beforeEach(() => {
  home = makeHome();
});
afterEach(() => home.destroy());

describe('keeping instances running', () => {
  it('brings an instance back within a second of kill -9', async () => {
    const keeper = await home.connect();
    const first = await keeper.call('start', { epoch: 1, spec: home.spec('web.1', 'worker-without-port') });
    expect(first.state).toBe('running');
    await until('it to work', () => home.log('web.1').includes('tick'));
    const killed = performance.now();
    process.kill(first.pid ?? 0, 'SIGKILL');
    const second = await running(keeper, 'web.1', first.pid);
    expect(performance.now() - killed).toBeLessThan(1000);
    expect(second.restarts).toBe(1);
    expect(second.lastExit).toMatchObject({ signal: 'SIGKILL', code: null, reason: 'exited' });
  });

  it('leaves a running instance alone when it is started again', async () => {
    const keeper = await home.connect();
    const spec = home.spec('web.1', 'worker-without-port');
    const first = await keeper.call('start', { epoch: 1, spec });
    const again = await keeper.call('start', { epoch: 1, spec: { ...spec, env: { ...spec.env, VERSION: '2' } } });
    expect(again.pid).toBe(first.pid);
    expect(home.living('web.1')).toEqual([first.pid]);
  });

  it('backs off from a crash loop, longer each time, and reports each exit', async () => {
    const keeper = await home.connect();
    const states: string[] = [];
    keeper.on('instance', (state) => states.push(state.state));
    await keeper.call('start', { epoch: 1, spec: home.spec('web.1', 'crash-on-start', { EXIT_CODE: '7' }) });
    const looping = await until('three restarts', async () => {
      const state = await stateOf(keeper, 'web.1');
      return state && state.restarts >= 3 ? state : undefined;
    });
    expect(looping.lastExit).toMatchObject({ code: 7, reason: 'exited' });
    expect(states).toContain('backing-off');
    const log = home.log('web.1');
    expect(log).toContain('DATABASE_URL is not set');
    expect(log.indexOf('again in 100 ms')).toBeLessThan(log.indexOf('again in 200 ms'));
    expect(log.indexOf('again in 200 ms')).toBeLessThan(log.indexOf('again in 400 ms'));
    await keeper.call('stop', { epoch: 1, id: 'web.1', graceMs: 1000 });
    expect(await stateOf(keeper, 'web.1')).toBeUndefined();
  });

  it('takes a changed specification at once while it backs off, and the same one not', async () => {
    const keeper = await home.connect();
    const spec = home.spec('web.1', 'crash-on-start', {}, { backoff: { minMs: 60_000, maxMs: 60_000, stableMs: 1000 } });
    await keeper.call('start', { epoch: 1, spec });
    await until('the back-off', async () => (await stateOf(keeper, 'web.1'))?.state === 'backing-off');
    expect((await keeper.call('start', { epoch: 1, spec })).state).toBe('backing-off');
    const mended = { ...spec, cwd: fixture('worker-without-port') };
    expect((await keeper.call('start', { epoch: 1, spec: mended })).state).toBe('running');
  });

  it('says why a program could not be started at all', async () => {
    const keeper = await home.connect();
    const state = await keeper.call('start', {
      epoch: 1,
      spec: home.spec('web.1', 'healthy', {}, { cwd: join(home.dir, 'nowhere') }),
    });
    expect(state).toMatchObject({ state: 'backing-off', pid: null, lastExit: { reason: 'start-failed' } });
    expect(state.lastExit?.message).toContain('nowhere');
  });

  it('refuses a control plane that was superseded, also after a restart of the keeper', async () => {
    const keeper = await home.connect();
    const spec = home.spec('web.1', 'worker-without-port');
    await keeper.call('start', { epoch: 5, spec });
    await expect(keeper.call('stop', { epoch: 4, id: 'web.1', graceMs: 0 })).rejects.toMatchObject({ code: 'STALE_EPOCH' });
    process.kill((await keeper.call('hello', { epoch: 5 })).pid, 'SIGKILL');
    await until('a new keeper', async () => (await stateOf(keeper, 'web.1'))?.adopted);
    await expect(keeper.call('start', { epoch: 4, spec })).rejects.toMatchObject({ code: 'STALE_EPOCH' });
  });

  it('starts nothing that it could not write down', async () => {
    const keeper = await home.connect();
    rmSync(join(home.launch.config.dir, 'instances'), { recursive: true });
    writeFileSync(join(home.launch.config.dir, 'instances'), '');
    await expect(keeper.call('start', { epoch: 1, spec: home.spec('web.1', 'worker-without-port') })).rejects.toMatchObject({
      code: 'KEEPER_STATE',
    });
    expect(home.living()).toEqual([]);
    expect((await keeper.call('list', {})).instances).toEqual([]);
  });

  it('keeps what it knows from other users', async () => {
    const keeper = await home.connect();
    await keeper.call('start', { epoch: 1, spec: home.spec('web.1', 'worker-without-port', { SECRET: 'x' }) });
    const { config } = home.launch;
    for (const path of [config.dir, config.socket, join(config.dir, 'instances/web.1.json'), join(home.dir, 'logs/web.1.log')]) {
      expect(statSync(path).mode & 0o077, path).toBe(0);
    }
  });
});

describe('stopping instances', () => {
  it('gives an instance its grace, then none is left', async () => {
    const keeper = await home.connect();
    const { pid } = await keeper.call('start', { epoch: 1, spec: home.spec('web.1', 'worker-without-port') });
    await until('it to work', () => home.log('web.1').includes('tick'));
    const { exit } = await keeper.call('stop', { epoch: 1, id: 'web.1', graceMs: 5000 });
    expect(exit).toMatchObject({ code: 0, reason: 'stopped' });
    expect(home.log('web.1')).toContain('bye');
    expect(processIsThere(pid ?? 0)).toBe(false);
    expect(existsSync(join(home.launch.config.dir, 'instances/web.1.json'))).toBe(false);
  });

  it('kills what ignores SIGTERM, after the grace and not before', async () => {
    const keeper = await home.connect();
    await keeper.call('start', { epoch: 1, spec: home.spec('web.1', 'ignores-sigterm') });
    await until('it to listen', () => home.log('web.1').includes('listening'));
    const asked = performance.now();
    const { exit } = await keeper.call('stop', { epoch: 1, id: 'web.1', graceMs: 700 });
    expect(performance.now() - asked).toBeGreaterThanOrEqual(690);
    expect(exit).toMatchObject({ signal: 'SIGKILL', reason: 'stopped' });
    expect(home.log('web.1')).toContain('ignoring SIGTERM');
    expect(home.living()).toEqual([]);
  });

  it('a second stop with a shorter grace hurries the first', async () => {
    const keeper = await home.connect();
    await keeper.call('start', { epoch: 1, spec: home.spec('web.1', 'ignores-sigterm') });
    await until('it to listen', () => home.log('web.1').includes('listening'));
    const asked = performance.now();
    await Promise.all([
      keeper.call('stop', { epoch: 1, id: 'web.1', graceMs: 20_000 }),
      keeper.call('stop', { epoch: 1, id: 'web.1', graceMs: 100 }),
    ]);
    expect(performance.now() - asked).toBeLessThan(10_000);
    expect(home.living()).toEqual([]);
  });

  it('leaves none of the processes that an instance forked, not even in sessions of their own', async () => {
    const keeper = await home.connect();
    await keeper.call('start', { epoch: 1, spec: home.spec('web.1', 'forks-setsid-children') });
    await until('all four processes', () => home.log('web.1').includes('up') && home.living('web.1').length >= 4);
    await keeper.call('stop', { epoch: 1, id: 'web.1', graceMs: 3000 });
    expect(home.living()).toEqual([]);
  });

  it('frees what an instance left behind before it is started again', async () => {
    const keeper = await home.connect();
    const { pid } = await keeper.call('start', { epoch: 1, spec: home.spec('web.1', 'forks-setsid-children') });
    await until('all four processes', () => home.living('web.1').length >= 4);
    const before = home.living('web.1');
    process.kill(pid ?? 0, 'SIGKILL');
    await running(keeper, 'web.1', pid);
    expect(before.filter(processIsThere)).toEqual([]);
  });

  it('stops the server that a dead npm left on the port', async () => {
    const keeper = await home.connect();
    const spec = home.spec('web.1', 'orphaned-by-npm-start', { PORT: '0' }, { argv: ['/bin/sh', '-c', 'exec npm start'] });
    const { pid } = await keeper.call('start', { epoch: 1, spec });
    await until('the server', () => home.log('web.1').includes('listening'), 20_000);
    const server = home.living('web.1').filter((candidate) => candidate !== pid);
    expect(server.length).toBeGreaterThan(0);
    await keeper.call('stop', { epoch: 1, id: 'web.1', graceMs: 500 });
    expect(home.living()).toEqual([]);
  });

  it('counts an instance as ended when npm is gone, ends the orphan and starts anew', async () => {
    const keeper = await home.connect();
    const spec = home.spec('web.1', 'orphaned-by-npm-start', { PORT: '0' }, { argv: ['/bin/sh', '-c', 'exec npm start'] });
    const { pid } = await keeper.call('start', { epoch: 1, spec });
    await until('the server', () => home.log('web.1').includes('listening'), 20_000);
    const orphans = home.living('web.1').filter((candidate) => candidate !== pid);
    process.kill(pid ?? 0, 'SIGKILL');
    await running(keeper, 'web.1', pid);
    expect(orphans.filter(processIsThere)).toEqual([]);
  });

  it('a zombie is not a survivor', async () => {
    // The shell starts a child, prints its pid and becomes a program that never asks for it.
    const parent = spawn('/bin/sh', ['-c', 'sleep 0.2 & echo $!; exec sleep 60'], { stdio: ['ignore', 'pipe', 'ignore'] });
    try {
      const [line] = (await once(parent.stdout, 'data')) as [Buffer];
      const pid = Number(line.toString());
      await until('the zombie', () => readStat(pid)?.state === 'Z');
      expect(identify(pid)).toBeNull();
      expect(livingProcesses().some((living) => living.pid === pid)).toBe(false);
    } finally {
      parent.kill('SIGKILL');
    }
  });

  it('a process whose first thread has ended is there as long as another one goes on: it still holds its ports', async (ctx) => {
    const code = `
import ctypes, os, threading, time
threading.Thread(target=lambda: (time.sleep(1), os._exit(0))).start()
print(os.getpid(), flush=True)
ctypes.CDLL(None).syscall(60 if os.uname().machine == 'x86_64' else 93, 0)`;
    const process = spawn('python3', ['-c', code], { stdio: ['ignore', 'pipe', 'ignore'] });
    const started = await Promise.race([once(process.stdout, 'data'), once(process, 'error')]);
    if (started[0] instanceof Error) return ctx.skip('it needs python3: apt-get install python3');
    const pid = Number(String(started[0]));
    await until('its first thread to end', () => readStat(pid)?.state === 'Z');
    const identity = identify(pid);
    expect(identity).not.toBeNull();
    await until('the whole of it to end', () => identify(pid) === null);
  });

  it('stopping an unknown instance is done at once', async () => {
    const keeper = await home.connect();
    expect(await keeper.call('stop', { epoch: 1, id: 'nobody.1', graceMs: 5000 })).toEqual({ exit: null });
  });
});
