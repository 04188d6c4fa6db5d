import { execFileSync } from 'node:child_process';
import { expect, it } from 'vitest';
import { baseImage } from '../../../scripts/docker-engine.js';
import { openMemory } from '../../../src/adapters/runtime/docker/warden/memory.ts';
import { openEngine } from '../../../src/engine/client.ts';
import { testEngine } from '../../docker/engine.ts';
import { hangingEngine } from '../../docker/hanging-engine.ts';
import { until } from '../../keeper/harness.ts';

const engine = testEngine();

it('memory that was seen before is told at once when the engine hangs, and looked at again when it goes on', async (ctx) => {
  if ('missing' in engine) return ctx.skip(engine.missing);
  const docker = (...words: string[]) => execFileSync('docker', ['--host', engine.host, ...words], { encoding: 'utf8' }).trim();
  const grow = 'setTimeout(() => globalThis.big = Buffer.alloc(64 * 2 ** 20, 1), 6000); setInterval(() => {}, 1000);';
  const container = docker('run', '--detach', '--network', 'none', baseImage, 'node', '-e', grow);
  const relay = await hangingEngine(engine.socket);
  const client = openEngine(relay.host.replace('unix://', ''));
  try {
    const memory = openMemory(client);
    const look = async (): Promise<number> => (await memory.of([{ id: 'a', container }]))['a'] ?? 0;
    const first = await look();
    expect(first).toBeGreaterThan(2 ** 20);
    relay.hang();
    // Older than what is not asked for again.
    await new Promise((resolve) => setTimeout(resolve, 2100));
    for (let i = 0; i < 3; i++) {
      const asked = performance.now();
      expect(await look()).toBe(first);
      expect(performance.now() - asked).toBeLessThan(1000);
    }
    relay.goOn();
    await until('what it has grown to', async () => (await look()) > first + 50 * 2 ** 20, 20_000);
  } finally {
    await client.close();
    await relay.close();
    docker('rm', '--force', container);
  }
});
