import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { connectWire } from '../../src/wire/client.ts';
import { serveWire, type WireServer } from '../../src/wire/server.ts';

type Protocol = { who: { params: null; result: string } };

let dir: string;
const servers: WireServer<never>[] = [];
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'sb-wire-'));
});
afterEach(async () => {
  for (const server of servers.splice(0)) await server.close();
  rmSync(dir, { recursive: true, force: true });
});

async function serve(path: string, name: string): Promise<WireServer<never>> {
  const server = await serveWire<Protocol, never>(path, { who: () => name });
  servers.push(server);
  return server;
}

async function ask(path: string): Promise<string> {
  const client = await connectWire<Protocol, never>(path);
  try {
    return await client.call('who', null);
  } finally {
    client.close();
  }
}

describe('a control socket', () => {
  it("is its owner's alone, and nothing else is left beside it", async () => {
    const path = join(dir, 'a.sock');
    await serve(path, 'first');
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(readdirSync(dir)).toEqual(['a.sock']);
  });

  it('belongs to the successor: the end of the program before does not take it away', async () => {
    const path = join(dir, 'a.sock');
    const before = await serve(path, 'first');
    await serve(path, 'second');
    await before.close();
    expect(await ask(path)).toBe('second');
  });

  it('of a program that was killed is replaced', async () => {
    const path = join(dir, 'a.sock');
    const dead = createServer();
    await new Promise<void>((resolve) => dead.listen(path, resolve));
    await serve(path, 'next');
    expect(await ask(path)).toBe('next');
    await new Promise((resolve) => dead.close(resolve));
  });
});
