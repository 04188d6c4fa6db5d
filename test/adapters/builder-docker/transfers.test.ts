import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { registryTransfers, type Transfers } from '../../../src/adapters/builder/docker/registry.ts';
import { type Engine, openEngine } from '../../../src/engine/client.ts';

let folder: string;
let server: Server;
let engine: Engine;
let transfers: Transfers;
let asked: URL[];

/** An engine whose registry stands still after the first layer. */
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'sb-transfers-'));
  asked = [];
  server = createServer((request, response) => {
    if (request.url === '/version') return void response.end('{"ApiVersion":"1.41","MinAPIVersion":"1.12"}');
    asked.push(new URL(request.url ?? '', 'http://engine'));
    if (request.url?.includes('/tag?')) return void response.end();
    response.write('{"status":"Downloading","id":"abc","progressDetail":{"current":1,"total":2}}\n');
  });
  await new Promise<void>((resolve) => server.listen(join(folder, 's'), resolve));
  engine = openEngine(join(folder, 's'));
  const none = () => Promise.resolve('');
  transfers = registryTransfers(engine, { headerFor: none, headerForBuild: none }, { silenceMs: 300 });
});
afterEach(async () => {
  await engine.close();
  server.closeAllConnections();
  server.close();
  rmSync(folder, { recursive: true, force: true });
});

test('a transfer that stands still is ended, so that nothing waits for it for ever', async () => {
  await expect(transfers.pull('example.com/x:1', {})).rejects.toMatchObject({
    code: 'REGISTRY_UNAVAILABLE',
    message: expect.stringContaining('nothing moved') as string,
  });
  await expect(transfers.push('sha256:0', { repo: 'example.com/x', tag: '1' }, {})).rejects.toMatchObject({
    code: 'REGISTRY_UNAVAILABLE',
  });
});

test('an image is asked for by its whole name, whatever that consists of', async () => {
  for (const image of ['redis', 'localhost:5000/a/b', 'example.com:5000/x:1', `example.com/x@sha256:${'0'.repeat(64)}`])
    await transfers.pull(image, {}).catch(() => {});
  expect(asked.map(({ searchParams }) => [searchParams.get('fromImage'), searchParams.get('tag')])).toEqual([
    ['redis', 'latest'],
    ['localhost:5000/a/b', 'latest'],
    ['example.com:5000/x', '1'],
    ['example.com/x', `sha256:${'0'.repeat(64)}`],
  ]);
});
