import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { Agent, createServer, request, type Server } from 'node:http';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { KeeperClient } from '../../src/keeper/client.ts';
import type { WorkerSpec, WorkerState } from '../../src/keeper/protocol.ts';
import { connectWire } from '../../src/wire/client.ts';
import { type Home, makeHome, processIsThere, until, withVariable } from './harness.ts';

let home: Home;
beforeEach(() => {
  home = makeHome();
  mkdirSync(home.launch.proxyDir);
});
afterEach(() => home.destroy());

const program = fileURLToPath(new URL('programs/worker.js', import.meta.url));
const worker = (name: string, more: Record<string, unknown> = {}): WorkerSpec => ({
  name,
  program,
  config: { name, controlSocket: join(home.launch.proxyDir, `${name}.sock`), ...more },
  nodeArgs: [],
  logFile: join(home.dir, 'logs', `${name}.log`),
});

async function serve(client: KeeperClient, ...workers: WorkerSpec[]): Promise<number> {
  const { listeners } = await client.call('listen', { epoch: 1, listeners: [{ name: 'http', host: '127.0.0.1', port: 0 }] });
  await client.call('workers', { epoch: 1, workers });
  return listeners[0]?.port ?? 0;
}

interface Answer {
  readonly pid: number;
  readonly generation: number;
}

/** A request on a connection of its own unless an agent is given; never retried. */
function get(port: number, path = '/', agent: Agent | false = false): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const call = request({ host: '127.0.0.1', port, path, agent }, (response) => {
      let text = '';
      response.on('data', (chunk: Buffer) => {
        text += chunk.toString();
      });
      response.on('end', () => resolve(JSON.parse(text) as Answer));
      response.on('error', reject);
    });
    call.setTimeout(10_000, () => call.destroy(new Error('no answer within 10 s')));
    call.on('error', reject);
    call.end();
  });
}

/** Undefined when the port is not free. */
const listeningOn = (port: number): Promise<Server | undefined> =>
  new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(undefined));
    server.listen(port, '127.0.0.1', () => resolve(server));
  });

const only = async (client: KeeperClient): Promise<WorkerState> => {
  const state = (await client.call('list', {})).workers[0];
  if (!state) throw new Error('There is no worker.');
  return state;
};

/** Sends requests without pause until stopped; counts those that failed. */
function load(port: number): { stop(): Promise<{ served: number; failed: string[] }> } {
  const until = new AbortController();
  let served = 0;
  const failed: string[] = [];
  const client = async (): Promise<void> => {
    while (!until.signal.aborted) {
      await get(port, '/?ms=5').then(
        () => served++,
        (cause: Error) => failed.push(cause.message),
      );
    }
  };
  const clients = [client(), client(), client()];
  return {
    stop: async () => {
      until.abort();
      await Promise.all(clients);
      return { served, failed };
    },
  };
}

/** A keeper and its only worker have served, and were killed. */
async function killedTogether(): Promise<{ readonly port: number; readonly pid: number }> {
  const keeper = await home.connect();
  const port = await serve(keeper, worker('w1'));
  const { pid } = await get(port);
  keeper.close();
  await home.killKeeper();
  process.kill(pid, 'SIGKILL');
  await until('the worker to be gone', () => !processIsThere(pid));
  return { port, pid };
}

describe('listeners', () => {
  it('hold connections while no worker runs, and refuse none', async () => {
    const keeper = await home.connect();
    const port = await serve(keeper, worker('w1'));
    const before = await get(port);
    const { pid } = await only(keeper);
    expect(pid).toBe(before.pid);
    process.kill(pid ?? 0, 'SIGKILL');
    const waiting = await Promise.all([get(port), get(port), get(port)]);
    for (const answer of waiting) expect(answer.pid).not.toBe(before.pid);
  });

  it('keep their port over a restart of everything', async () => {
    const { port, pid } = await killedTogether();
    await (await home.connect()).call('hello', { epoch: 1 });
    expect((await get(port)).pid).not.toBe(pid);
  });

  it('are opened as soon as a program that still holds their port has ended', async () => {
    const { port, pid } = await killedTogether();
    // As a process that was killed does while its last threads end.
    const dying = await until('its port to be had', () => listeningOn(port));
    const connected = home.connect();
    await new Promise((resolve) => setTimeout(resolve, 500));
    dying.close();
    await (await connected).call('hello', { epoch: 1 });
    expect((await get(port)).pid).not.toBe(pid);
  });

  it('that may have any port get one that no outgoing connection is given while everything is down', async () => {
    const keeper = await home.connect();
    const port = await serve(keeper, worker('w1'));
    const lowest = Number(readFileSync('/proc/sys/net/ipv4/ip_local_port_range', 'utf8').split(/\s+/)[0]);
    expect(port).toBeLessThan(lowest);
  });

  it('on a taken port are refused with its name, and nothing else changes', async () => {
    const keeper = await home.connect();
    const port = await serve(keeper, worker('w1'));
    const squatter = createServer();
    const taken = await new Promise<number>((resolve) => {
      squatter.listen(0, '127.0.0.1', () => resolve((squatter.address() as { port: number }).port));
    });
    try {
      const listeners = [
        { name: 'extra', host: '127.0.0.1', port: 0 },
        { name: 'other', host: '127.0.0.1', port: taken },
      ];
      await expect(keeper.call('listen', { epoch: 1, listeners })).rejects.toMatchObject({
        code: 'PORT_TAKEN',
        message: expect.stringContaining(`${taken}`) as string,
      });
      const { listeners: held } = await keeper.call('listen', { epoch: 1, listeners: [] });
      expect(held).toEqual([{ name: 'http', host: '127.0.0.1', port }]);
    } finally {
      squatter.close();
    }
  });

  it('are declared again without effect', async () => {
    const keeper = await home.connect();
    const port = await serve(keeper, worker('w1'));
    const { pid } = await get(port);
    expect(await serve(keeper, worker('w1'))).toBe(port);
    expect((await get(port)).pid).toBe(pid);
  });
});

describe('workers', () => {
  it('are back at once after kill -9', async () => {
    const keeper = await home.connect();
    const port = await serve(keeper, worker('w1'));
    const { pid } = await get(port);
    const killed = performance.now();
    process.kill(pid, 'SIGKILL');
    await get(port);
    expect(performance.now() - killed).toBeLessThan(1000);
    expect(await only(keeper)).toMatchObject({ state: 'running', restarts: 1 });
  });

  it('that crash again and again are started ever more rarely', async () => {
    const keeper = await home.connect();
    await serve(keeper, { ...worker('w1'), program: join(home.dir, 'nowhere.js') });
    const state = await until('five restarts', async () => {
      const now = await only(keeper);
      return now.restarts >= 4 ? now : undefined;
    });
    expect(readFileSync(join(home.dir, 'logs/w1.log'), 'utf8')).toContain('again in 400 ms');
    expect(['running', 'backing-off']).toContain(state.state);
  });

  it('are exchanged under load without a refused connection or a lost request', async () => {
    const keeper = await home.connect();
    const port = await serve(keeper, worker('w1'));
    const { pid } = await get(port);
    const slow = get(port, '/?ms=800');
    const traffic = load(port);
    await keeper.call('workers', { epoch: 1, workers: [worker('w1', { generation: 2 })] });
    await until('the old one to be gone', () => !processIsThere(pid));
    const { served, failed } = await traffic.stop();
    expect(failed).toEqual([]);
    expect(served).toBeGreaterThan(20);
    expect((await slow).pid).toBe(pid);
    expect((await get(port)).generation).toBe(2);
  });

  it('that are replaced while a former one still starts are reached at once: it never takes the place of its successor', async () => {
    const slowOnce = join(home.dir, 'slow');
    const keeper = await home.connect();
    const port = await serve(keeper, worker('w1', { slowOnce }));
    const { pid } = await get(port);
    writeFileSync(slowOnce, '');
    process.kill(pid, 'SIGKILL');
    // It was started again by itself, and has not yet said that it is there.
    await until('the next one to start', () => !existsSync(slowOnce));
    const asked = performance.now();
    const { workers } = await keeper.call('replace-worker', { epoch: 1, name: 'w1', graceMs: 0 });
    expect(performance.now() - asked).toBeLessThan(2500);
    await new Promise((resolve) => setTimeout(resolve, 1000));
    const control = await connectWire<{ hello: { params: Record<string, never>; result: { pid: number } } }, never>(
      join(home.launch.proxyDir, 'w1.sock'),
    );
    expect((await control.call('hello', {})).pid).toBe(workers[0]?.pid);
    control.close();
  });

  it('that are no longer declared are ended', async () => {
    const keeper = await home.connect();
    const port = await serve(keeper, worker('w1'), worker('w2'));
    const pids = (await keeper.call('list', {})).workers.map(({ pid }) => pid ?? 0);
    await get(port);
    await keeper.call('workers', { epoch: 1, workers: [worker('w1')] });
    expect(processIsThere(pids[1] ?? 0)).toBe(false);
    expect(await keeper.call('list', {})).toMatchObject({ workers: [{ name: 'w1', pid: pids[0] }] });
  });
});

describe('a keeper that was killed under load', () => {
  it('gets its listeners back from a living worker: no connection is refused, also when the worker dies later', async () => {
    const keeper = await home.connect();
    const port = await serve(keeper, worker('w1'));
    const { pid } = await get(port);
    const traffic = load(port);
    await home.killKeeper();
    expect(await until('the new keeper', () => only(keeper))).toMatchObject({ pid, state: 'running' });
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(await traffic.stop()).toMatchObject({ failed: [] });
    process.kill(pid, 'SIGKILL');
    const killed = performance.now();
    expect((await get(port)).pid).not.toBe(pid);
    expect(performance.now() - killed).toBeLessThan(1500);
  });

  it('twice in a row, with two starters at once, ends with one keeper and the same workers', async () => {
    const first = await home.connect();
    const second = await home.connect();
    const port = await serve(first, worker('w1'), worker('w2'));
    const before = (await first.call('list', {})).workers.map(({ pid }) => pid);
    for (let round = 0; round < 2; round++) {
      await home.killKeeper();
      const pids = await Promise.all([first, second].map(async (client) => (await client.call('hello', { epoch: 1 })).pid));
      expect(new Set(pids).size).toBe(1);
    }
    expect((await first.call('list', {})).workers.map(({ pid }) => pid)).toEqual(before);
    await get(port);
    // Two workers, and the keeper that one of them started; a second keeper leaves at once.
    await until('three of them', () => withVariable('SIGNALBOX_WORKER', `${home.homeId}:`).length === 3);
  });
});
