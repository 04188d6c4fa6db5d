import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { mkdir, mkdtemp } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { endStarted, onlyJson, removeHome, runCli, startCli } from './run-cli.ts';

/** The real control plane, keeper and proxy, in a home of their own. */
let home: string;
const env = { SIGNALBOX_HTTP_PORT: '0', SIGNALBOX_HTTPS_PORT: '0', SIGNALBOX_API_PORT: '0' };
const run = (...words: string[]) => runCli(words, { home, env });

beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'sb-up-'));
});
afterEach(async () => {
  await run('down', '--all');
  endStarted();
  for (const pid of processesOf(home)) process.kill(pid, 'SIGKILL');
  await removeHome(home);
});

/** Every process that was started for this home: its name is in the arguments, the environment or where the output goes. */
function processesOf(folder: string): readonly number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .filter((pid) => {
      try {
        const told = ['cmdline', 'environ'].map((file) => readFileSync(`/proc/${pid}/${file}`, 'latin1'));
        return [...told, readlinkSync(`/proc/${pid}/fd/1`)].some((text) => text.includes(folder));
      } catch {
        return false;
      }
    })
    .map(Number);
}

describe('up', () => {
  it('detached: returns once everything listens, and a second one only says where', async () => {
    const first = await run('up', '--detach', '--json');
    expect([first.code, first.err]).toEqual([0, '']);
    const addresses = onlyJson(first) as { http: number; https: number | null; api: number };
    expect(addresses.http).toBeGreaterThan(0);
    const ping = (await (await fetch(`http://127.0.0.1:${addresses.api}/v1/ping`)).json()) as { pid: number };
    const second = await run('up', '--detach', '--json');
    expect([second.code, onlyJson(second)]).toEqual([0, addresses]);
    expect(existsSync(join(home, 'logs', 'control-plane.log'))).toBe(true);
    const down = await run('down', '--json');
    expect([down.code, onlyJson(down)]).toEqual([0, { stopped: true, instances: false }]);
    expect(existsSync(`/proc/${ping.pid}`)).toBe(false);
    expect((await run('status')).code).toBe(4);
  });

  it('in the foreground: ends with SIGTERM, and says what goes wrong in its own words', async () => {
    const running = startCli(['up', '--json'], { home, env });
    await expect.poll(running.out, { timeout: 30_000 }).toContain('"api"');
    const { api } = JSON.parse(running.out()) as { api: number };
    const other = await mkdtemp(join(tmpdir(), 'sb-up-'));
    try {
      const refused = await runCli(['up', '--json'], { home: other, env: { ...env, SIGNALBOX_API_PORT: String(api) } });
      expect(refused.code).toBe(1);
      expect(onlyJson(refused)).toMatchObject({ error: { code: 'PORT_IN_USE' } });
      await expect.poll(() => processesOf(other), { timeout: 15_000, message: 'nothing is left behind' }).toEqual([]);
    } finally {
      for (const pid of processesOf(other)) process.kill(pid, 'SIGKILL');
      await removeHome(other);
    }
    running.child.kill('SIGTERM');
    expect((await running.done).code).toBe(0);
  });

  it('on a taken traffic port is one clear error that names the port and the way out', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    const { port } = other.address() as AddressInfo;
    try {
      const refused = await runCli(['up', '--json'], { home, env: { ...env, SIGNALBOX_HTTP_PORT: String(port) } });
      expect(refused.code).toBe(1);
      const { error } = onlyJson(refused) as { error: { code: string; message: string; hint: string } };
      expect(error).toMatchObject({
        code: 'PORT_IN_USE',
        message: expect.stringContaining(`:${port} `) as unknown,
        hint: expect.stringContaining('SIGNALBOX_HTTP_PORT') as unknown,
      });
    } finally {
      other.close();
    }
    expect((await run('up', '--detach')).code).toBe(0);
  });
});

describe('a home that others cannot enter', () => {
  it('has the files of apps elsewhere as root, and removing it leaves nothing there', async ({ skip }) => {
    if (process.getuid?.() !== 0) skip('instances have users of their own only as root');
    await run('up', '--detach');
    const elsewhere = dirname(readlinkSync(join(home, 'artifacts')));
    expect(existsSync(elsewhere)).toBe(true);
    await run('down', '--all');
    await removeHome(home);
    expect([existsSync(elsewhere), existsSync(home)]).toEqual([false, false]);
    await mkdir(home);
  });
});

describe('down --all', () => {
  it('leaves no process behind', async () => {
    await run('up', '--detach');
    expect(processesOf(home).length).toBeGreaterThan(1);
    expect((await run('down', '--all')).code).toBe(0);
    await expect.poll(() => processesOf(home), { timeout: 10_000 }).toEqual([]);
  });
});

describe('doctor', () => {
  it('finds nothing to mend in an installation that is up', async () => {
    await run('up', '--detach');
    const ran = await run('doctor', '--json');
    const { checks } = onlyJson(ran) as { checks: { name: string; state: string }[] };
    expect(checks.filter((check) => check.state === 'failed')).toEqual([]);
    expect(ran.code).toBe(0);
    const names = checks.map((check) => check.name);
    for (const name of [
      'node',
      'git',
      'home',
      'disk',
      'token',
      'keeper',
      'traffic port',
      'API port',
      'control plane',
      'store',
      'data plane',
      'drift',
    ])
      expect(names).toContain(name);
  });
});
