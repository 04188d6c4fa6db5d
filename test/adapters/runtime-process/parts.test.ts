import { chmodSync, mkdirSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { callsTo, openKeeper } from '../../../src/adapters/runtime/process/keeper-calls.ts';
import { networkArgv, planNetwork } from '../../../src/adapters/runtime/process/namespaces.ts';
import { openPorts } from '../../../src/adapters/runtime/process/ports.ts';
import { below } from '../../../src/adapters/runtime/process/scratch.ts';
import { shellArgv } from '../../../src/adapters/runtime/process/shell.ts';
import { openUsers } from '../../../src/adapters/runtime/process/users.ts';
import { workRoot } from '../../../src/adapters/runtime/process/work-root.ts';
import { WireError } from '../../../src/wire/server.ts';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'sb-parts-'));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

describe('command lines', () => {
  it.each(['npm start', 'node dist/main.js', 'gunicorn -b 0.0.0.0:$PORT app:app', './bin/run --name "two words"'])(
    '%s replaces the shell',
    (line) => {
      expect(shellArgv(line)).toEqual(['/bin/sh', '-c', `exec ${line}`]);
    },
  );
  it.each([
    'cd api && node main.js',
    'A=1 node x.js',
    'node x.js | tee log',
    'exec node x.js',
    '. ./env',
    'node $(pwd)/x.js',
    'a; b',
    'node x.js &',
  ])('%s stays with the shell', (line) => {
    expect(shellArgv(line)).toEqual(['/bin/sh', '-c', line]);
  });
});

describe('work root', () => {
  it('is the home for an ordinary user, and for root when others may pass through', () => {
    const home = join(dir, 'home');
    mkdirSync(home, { mode: 0o700 });
    expect(workRoot(home, { uid: 1000 })).toBe(home);
    chmodSync(dir, 0o711);
    chmodSync(home, 0o711);
    expect(workRoot(home, { uid: 0, base: join(dir, 'lib') })).toBe(home);
  });

  it('is a folder of its own for root when the home is closed; the same each time, another for another home', () => {
    const homes = ['a', 'b'].map((name) => join(dir, name));
    for (const home of homes) mkdirSync(home, { mode: 0o700 });
    const [a = '', b = ''] = homes.map((home) => workRoot(home, { uid: 0, base: join(dir, 'lib') }));
    expect(a.startsWith(join(dir, 'lib/'))).toBe(true);
    expect(b).not.toBe(a);
    expect(workRoot(homes[0] ?? '', { uid: 0, base: join(dir, 'lib') })).toBe(a);
    expect(statSync(a).mode & 0o777).toBe(0o711);
  });
});

describe('ports', () => {
  it('are given once, also while nobody listens on them yet, until they are given back', async () => {
    const port = await openPorts().take();
    const ports = openPorts({ from: port, to: port });
    expect(await ports.take()).toBe(port);
    await expect(ports.take()).rejects.toThrow(`No port between ${port} and ${port} is free`);
    ports.release(port);
    expect(await ports.take()).toBe(port);
  });

  it('that somebody listens on are passed over, on whatever address', async () => {
    const server = createServer();
    const taken = await new Promise<number>((resolve) => {
      server.listen(0, '0.0.0.0', () => resolve((server.address() as { port: number }).port));
    });
    try {
      await expect(openPorts({ from: taken, to: taken }).take()).rejects.toThrow('is free');
    } finally {
      server.close();
    }
    expect(await openPorts({ from: taken, to: taken }).take()).toBe(taken);
  });
});

describe('users', () => {
  it('are the same for ever and never the same for two', () => {
    const file = join(dir, 'users.json');
    const first = openUsers(file);
    const [a, b] = [first.of('shop', 'production'), first.of('shop', 'staging')];
    expect(a.uid).not.toBe(b.uid);
    expect(a.gid).toBe(a.uid);
    expect(openUsers(file).of('shop', 'staging')).toEqual(b);
    expect(openUsers(file).of('blog', 'production').uid).not.toBe(b.uid);
  });
});

describe('networks', () => {
  it('have names that fit, addresses that differ, and commands that end as the owner', () => {
    const one = planNetwork('abcdef012345', 'shop-production-web-0123456789ab.1', new Set());
    const two = planNetwork('abcdef012345', 'shop-production-web-0123456789ab.1', new Set([one.address]));
    expect(one.device.length).toBeLessThanOrEqual(15);
    expect(two.address).not.toBe(one.address);
    const argv = networkArgv(one, { uid: 61_184, gid: 61_185 }, ['node', 'x.js']);
    expect(argv.slice(4)).toEqual([
      one.name,
      one.device,
      one.gateway,
      one.address,
      'setpriv',
      '--reuid',
      '61184',
      '--regid',
      '61185',
      '--clear-groups',
      '--',
      'node',
      'x.js',
    ]);
  });
});

describe('folders', () => {
  it.each([
    ['uploads', '/app/uploads'],
    ['./data/files', '/app/data/files'],
    ['.', null],
    ['..', null],
    ['a/../../b', null],
  ])('%s below /app is %s', (path, expected) => {
    expect(below('/app', path)).toBe(expected);
  });
});

describe('refusals of the keeper', () => {
  it.each([
    ['STALE_EPOCH', 'Epoch 3 is over.', 'STALE_EPOCH'],
    ['KEEPER_STATE', 'It could not write it down: ENOSPC: no space left on device', 'NO_SPACE'],
    ['KEEPER_STATE', 'It could not write it down: EIO: i/o error', 'RUNTIME_UNAVAILABLE'],
    ['KEEPER_UNAVAILABLE', 'There is no keeper.', 'RUNTIME_UNAVAILABLE'],
  ])('%s (%s) is %s', async (code, message, shown) => {
    const keeper = { call: () => Promise.reject(new WireError(code, message)), on: () => () => {}, onReconnect: () => () => {} };
    await expect(callsTo(keeper)('list', {})).rejects.toMatchObject({ code: shown, message });
  });

  it('say it when no keeper can be started', async () => {
    const config = { dir: join(dir, 'keeper'), socket: join(dir, 'k.sock'), homeId: 'x', version: 'test' };
    const program = join(dir, 'missing.js');
    await expect(openKeeper({ config, program, proxyDir: dir, logFile: join(dir, 'keeper.log') })).rejects.toMatchObject({
      code: 'RUNTIME_UNAVAILABLE',
      message: expect.stringContaining('keeper.log') as unknown,
    });
  });
});
