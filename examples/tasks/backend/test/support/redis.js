// A Redis for the tests: the server at REDIS_URL_TEST, whose database is emptied, or one of our own in a temporary folder.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { Redis } from 'ioredis';
import { freePort } from './ports.js';

const HOW = 'set REDIS_URL_TEST, or install Redis (Debian: apt-get install redis-server)';

/** Returns `{ skip: reason }`, or `{ url, client, stop }` and, for a server of our own, `halt` and `resume`. */
export async function findRedis() {
  if (process.env.REDIS_URL_TEST) {
    const client = new Redis(process.env.REDIS_URL_TEST);
    await client.flushdb();
    return { url: process.env.REDIS_URL_TEST, client, stop: async () => client.disconnect() };
  }
  const program = (process.env.PATH ?? '')
    .split(delimiter)
    .map((folder) => join(folder, 'redis-server'))
    .find(existsSync);
  return program === undefined ? { skip: `no Redis here: ${HOW}` } : await ownServer(program);
}

async function ownServer(program) {
  const folder = mkdtempSync(join(tmpdir(), 'tasks-redis-'));
  const port = await freePort();
  const words = ['--port', String(port), '--bind', '127.0.0.1', '--dir', folder, '--appendonly', 'yes', '--save', ''];
  let server;
  const end = async () => {
    const ended = once(server, 'exit');
    server.kill('SIGTERM');
    await ended;
  };
  const start = async () => {
    server = spawn(program, words, { stdio: 'ignore' });
    const probe = new Redis(port, '127.0.0.1', { retryStrategy: () => 50, maxRetriesPerRequest: 400 });
    probe.on('error', () => undefined);
    await probe.ping().finally(() => probe.disconnect());
  };
  await start();
  const client = new Redis(port, '127.0.0.1');
  client.on('error', () => undefined);
  return {
    url: `redis://127.0.0.1:${port}`,
    client,
    halt: end,
    resume: start,
    stop: async () => {
      client.disconnect();
      await end();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
