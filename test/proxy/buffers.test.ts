import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { Agent, createServer, request, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { InstanceId } from '../../src/domain/values.ts';
import { type Bench, openBench } from './harness.ts';
import { tableOf } from './tables.ts';

let bench: Bench;
let app: Server;
const agent = new Agent({ keepAlive: true, maxSockets: 24 });

/** Bytes that tell whose they are. */
const content = (name: string, bytes: number): Buffer => Buffer.alloc(bytes, `${name}|`);
const digest = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');

beforeAll(async () => {
  app = createServer((req, res) => {
    const { searchParams } = new URL(req.url ?? '/', 'http://app');
    const body = content(searchParams.get('name') ?? '', Number(searchParams.get('bytes')));
    const chunks: Buffer[] = [];
    req.on('data', (chunk: Buffer) => chunks.push(chunk));
    req.on('end', () => {
      const headers: Record<string, string> = { 'x-received': digest(Buffer.concat(chunks)) };
      if (!searchParams.has('chunked')) headers['content-length'] = String(body.length);
      res.writeHead(200, headers);
      const half = body.length >> 1;
      res.write(body.subarray(0, half));
      res.end(body.subarray(half));
    });
  });
  app.listen(0, '127.0.0.1');
  [bench] = await Promise.all([openBench(), once(app, 'listening')]);
  const { port } = app.address() as AddressInfo;
  const endpoint = { instance: 'v1.0' as InstanceId, host: '127.0.0.1', port, healthy: true };
  await bench.commit(tableOf({ version: 1, splits: [{ releases: { v1: { apps: [endpoint] } } }] }));
});

afterAll(async () => {
  agent.destroy();
  await bench?.close();
  app.closeAllConnections();
  app.close();
});

interface Exchanged {
  readonly received: string;
  readonly body: Buffer;
}

/** `slow`: what has come is looked at only later, so that the proxy has to keep the rest. */
async function exchange(path: string, sent: Buffer | undefined, slow: boolean): Promise<Exchanged> {
  const method = sent ? 'POST' : 'GET';
  const req = request({ port: bench.port, host: '127.0.0.1', path, method, agent, headers: { host: 'app.test' } });
  req.end(sent);
  const [res] = (await once(req, 'response')) as [import('node:http').IncomingMessage];
  if (slow) await new Promise((resolve) => setTimeout(resolve, 50));
  const chunks: Buffer[] = [];
  for await (const chunk of res) {
    chunks.push(chunk as Buffer);
    if (slow) await new Promise((resolve) => setImmediate(resolve));
  }
  return { received: String(res.headers['x-received']), body: Buffer.concat(chunks) };
}

test('bodies of many exchanges at once, of all sizes, with quick and slow readers, are never mixed up', async () => {
  const sizes = [1_000, 20_000, 65_536, 130_000, 900_000];
  const lanes = Array.from({ length: 24 }, async (_, lane) => {
    for (let turn = 0; turn < 20; turn += 1) {
      const name = `${lane}-${turn}`;
      const slow = lane % 4 === 0;
      // More than the system's own buffers take.
      const bytes = slow && turn % 5 === 0 ? 6_000_000 : (sizes[(lane + turn) % sizes.length] ?? 0);
      const sent = turn % 2 === 0 ? content(`sent-${name}`, 40_000 + lane * 1_000) : undefined;
      const chunked = turn % 3 === 0 ? '&chunked' : '';
      const { received, body } = await exchange(`/?name=${name}&bytes=${bytes}${chunked}`, sent, slow);
      expect(body.equals(content(name, bytes)), `the answer to ${name}`).toBe(true);
      if (sent) expect(received, `the body of ${name}`).toBe(digest(sent));
    }
  });
  await Promise.all(lanes);
}, 60_000);
