import { once } from 'node:events';
import { chmod, mkdir, rm, symlink, writeFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import type { DoctorBody } from '../../src/api/contract.ts';
import { clock, gitVersion, nodeVersion } from '../../src/cli/doctor-machine.ts';
import { endStarted, makeFolder, onlyJson, removeFolders, runCli } from './run-cli.ts';

afterEach(endStarted);
afterAll(removeFolders);

const free = { SIGNALBOX_HTTP_PORT: '0', SIGNALBOX_API_PORT: '0' };

async function doctor(home: string, env: Readonly<Record<string, string>> = free) {
  const ran = await runCli(['doctor', '--json'], { home, env });
  const { checks } = onlyJson(ran) as DoctorBody;
  return { code: ran.code, check: (name: string) => checks.find((one) => one.name === name), checks };
}

describe('doctor', () => {
  it('on a machine where nothing was started finds nothing broken, and says how to start', async () => {
    const { code, check, checks } = await doctor(await makeFolder({}, { git: false }));
    expect(code).toBe(0);
    expect(check('control plane')).toMatchObject({ state: 'warning', fix: expect.stringContaining('signalbox up') as unknown });
    for (const one of checks) if (one.state !== 'ok') expect([one.name, one.fix]).not.toEqual([one.name, undefined]);
  });

  it('finds a taken port and names the setting that moves it', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    const port = (other.address() as AddressInfo).port;
    try {
      const { check } = await doctor(await makeFolder({}, { git: false }), { ...free, SIGNALBOX_API_PORT: String(port) });
      expect(check('API port')).toMatchObject({
        state: 'warning',
        fix: expect.stringContaining('SIGNALBOX_API_PORT') as unknown,
      });
    } finally {
      other.close();
    }
  });

  it('finds a token that others can read', async () => {
    const home = await makeFolder({}, { git: false });
    await mkdir(join(home, 'keys'));
    await writeFile(join(home, 'keys', 'api-token'), 'x'.repeat(43));
    await chmod(join(home, 'keys', 'api-token'), 0o644);
    const { code, check } = await doctor(home);
    expect(code).toBe(1);
    expect(check('token')).toMatchObject({ state: 'failed', fix: expect.stringMatching(/^chmod 600 /) as unknown });
  });

  it('names the folder outside a closed home where the files of apps are, and misses it when it is gone', async () => {
    const home = await makeFolder({}, { git: false });
    const work = await makeFolder({}, { git: false });
    await symlink(join(work, 'artifacts'), join(home, 'artifacts'));
    const there = await doctor(home);
    expect(there.check('files of apps')).toMatchObject({ state: 'ok', detail: expect.stringContaining(work) as unknown });
    await rm(work, { recursive: true });
    const gone = await doctor(home);
    expect(gone.code).toBe(1);
    expect(gone.check('files of apps')).toMatchObject({ state: 'failed', detail: expect.stringContaining(work) as unknown });
  });

  it('without git says that git is missing', async () => {
    const { code, check } = await doctor(await makeFolder({}, { git: false }), { ...free, PATH: '/nonexistent' });
    expect(code).toBe(1);
    expect(check('git')).toMatchObject({ state: 'failed' });
  });

  it('knows which git cannot take pushes, by its age or for lack of its HTTP part', () => {
    const versions = ['1.8.3', '2.28.9', '2.29.0', '2.39.5 (Apple Git-154)', '3.0'].map((one) => `git version ${one}`);
    expect(versions.map((one) => gitVersion(one, true).state)).toEqual(['warning', 'warning', 'ok', 'ok', 'ok']);
    expect(gitVersion('git version 2.40.0', false)).toMatchObject({
      state: 'warning',
      fix: expect.stringContaining('git-daemon'),
    });
  });

  it('knows which Node is too old, and a clock that is years off', () => {
    expect(['18.20.0', '20.19.9', '20.20.0', '22.1.0'].map((version) => nodeVersion(version).state)).toEqual([
      'failed',
      'failed',
      'ok',
      'ok',
    ]);
    expect([Date.UTC(1970, 0, 2), Date.UTC(2026, 5, 1)].map((now) => clock(now).state)).toEqual(['warning', 'ok']);
  });
});
