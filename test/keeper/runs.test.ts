import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { KeeperClient } from '../../src/keeper/client.ts';
import type { RunState } from '../../src/keeper/protocol.ts';
import { fixture, type Home, makeHome, processIsThere, until } from './harness.ts';

let home: Home;
beforeEach(() => {
  home = makeHome();
});
afterEach(() => home.destroy());

const runState = async (client: KeeperClient, id: string): Promise<RunState | undefined> =>
  (await client.call('list', {})).runs.find((run) => run.id === id);
const ended = (client: KeeperClient, id: string): Promise<RunState> =>
  until(`${id} to end`, async () => {
    const state = await runState(client, id);
    return state?.state === 'ended' ? state : undefined;
  });

describe('one-off commands', () => {
  it('give their exit code and their output', async () => {
    const keeper = await home.connect();
    const command = `${process.execPath} ${fixture('failing-migration')}/migrate.js`;
    await keeper.call('run', { epoch: 1, spec: home.runSpec('r1', command, { MIGRATION_EXIT: '3' }) });
    expect(await ended(keeper, 'r1')).toMatchObject({ end: 'exited', exitCode: 3 });
    expect(home.log('r1')).toContain('already exists');
  });

  it('run once, however often they are asked for', async () => {
    const keeper = await home.connect();
    const spec = home.runSpec('r1', `echo ran >> ${home.dir}/ran; sleep 0.3`);
    await Promise.all([keeper.call('run', { epoch: 1, spec }), keeper.call('run', { epoch: 1, spec })]);
    await ended(keeper, 'r1');
    await keeper.call('run', { epoch: 1, spec });
    expect(readFileSync(join(home.dir, 'ran'), 'utf8')).toBe('ran\n');
  });

  it('are ended whole when their time is over, also when they ignore SIGTERM', async () => {
    const keeper = await home.connect();
    const command = `${process.execPath} ${fixture('hanging-migration')}/migrate.js`;
    await keeper.call('run', { epoch: 1, spec: home.runSpec('r1', command) });
    await until('it to hang', () => home.log('r1').includes('waiting'));
    const state = await keeper.call('end-run', { epoch: 1, id: 'r1', graceMs: 300, reason: 'timed-out' });
    expect(state).toMatchObject({ state: 'ended', end: 'timed-out', exitCode: null });
    expect(home.living()).toEqual([]);
  });

  it('whose exit the keeper did not live to see still have their exit code', async () => {
    const keeper = await home.connect();
    await keeper.call('run', { epoch: 1, spec: home.runSpec('r1', 'sleep 0.5; exit 9') });
    keeper.close();
    await home.killKeeper();
    await until('the command to end', () => home.living().length === 0);
    expect(await ended(await home.connect(), 'r1')).toMatchObject({ end: 'exited', exitCode: 9 });
  });

  it('that still run are found again by the next keeper, and not started twice', async () => {
    const keeper = await home.connect();
    const spec = home.runSpec('r1', `echo ran >> ${home.dir}/ran; sleep 1; exit 4`);
    const { pid } = await keeper.call('run', { epoch: 1, spec });
    await home.killKeeper();
    expect(await keeper.call('run', { epoch: 1, spec })).toMatchObject({ state: 'running', pid });
    expect(processIsThere(pid ?? 0)).toBe(true);
    expect(await ended(keeper, 'r1')).toMatchObject({ end: 'exited', exitCode: 4 });
    expect(readFileSync(join(home.dir, 'ran'), 'utf8')).toBe('ran\n');
  });

  it('that vanished without an exit code are lost, not successful', async () => {
    const keeper = await home.connect();
    const { pid } = await keeper.call('run', { epoch: 1, spec: home.runSpec('r1', 'sleep 60') });
    keeper.close();
    await home.killKeeper();
    process.kill(-(pid ?? 0), 'SIGKILL');
    await until('all to be gone', () => home.living().length === 0);
    expect(await ended(await home.connect(), 'r1')).toMatchObject({ end: 'lost', exitCode: null });
  });

  it('take what they left behind with them', async () => {
    const keeper = await home.connect();
    await keeper.call('run', { epoch: 1, spec: home.runSpec('r1', '(setsid sleep 100 &) ; exit 0') });
    expect(await ended(keeper, 'r1')).toMatchObject({ exitCode: 0 });
    expect(home.living()).toEqual([]);
  });

  it('that cannot start say so by code 127, and are forgotten on request', async () => {
    const keeper = await home.connect();
    const spec = { ...home.runSpec('r1', 'true'), cwd: join(home.dir, 'nowhere') };
    await keeper.call('run', { epoch: 1, spec });
    expect(await ended(keeper, 'r1')).toMatchObject({ end: 'exited', exitCode: 127 });
    expect(home.log('r1')).toContain('nowhere');
    await keeper.call('forget-run', { epoch: 1, id: 'r1' });
    expect(await runState(keeper, 'r1')).toBeUndefined();
    rmSync(join(home.dir, 'logs/r1.log'));
    await keeper.call('run', { epoch: 1, spec: home.runSpec('r1', 'exit 0') });
    expect(await ended(keeper, 'r1')).toMatchObject({ exitCode: 0 });
  });

  it('run with the priority they were given', async () => {
    const keeper = await home.connect();
    await keeper.call('run', { epoch: 1, spec: { ...home.runSpec('r1', 'nice'), nice: 7 } });
    await ended(keeper, 'r1');
    expect(home.log('r1').trim()).toBe('7');
  });
});
