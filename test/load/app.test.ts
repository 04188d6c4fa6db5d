import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test, vi } from 'vitest';
import { generateLoad } from '../../bench/load/generator.ts';
import { verifyOrders } from '../../bench/load/orders.ts';
import { standardMix } from '../../bench/load/standard-mix.ts';

const children: ChildProcess[] = [];
const folders: string[] = [];

afterEach(async () => {
  for (const child of children.splice(0)) {
    if (child.exitCode !== null || child.signalCode !== null) continue;
    const exited = once(child, 'exit');
    child.kill('SIGKILL');
    await exited;
  }
  for (const folder of folders.splice(0)) await rm(folder, { recursive: true });
});

async function start(role: 'web' | 'api'): Promise<{ child: ChildProcess; port: number; folder: string }> {
  const folder = await mkdtemp(join(tmpdir(), 'benched-'));
  folders.push(folder);
  const child = spawn(process.execPath, [join(import.meta.dirname, '../../bench/app/server.js'), role], {
    cwd: folder,
    env: { PORT: '0', HOST: '127.0.0.1' },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  children.push(child);
  const [line] = (await once(child.stdout, 'data')) as [Buffer];
  return { child, port: Number(/listening on (\d+)/.exec(String(line))?.[1]), folder };
}

const served = { web: ['page', 'head', 'big', 'slow'], api: ['api', 'order'] };

test.each(['web', 'api'] as const)('the benched app answers what its clients check: %s', async (role) => {
  const { port, folder } = await start(role);
  const load = generateLoad({
    target: { host: '127.0.0.1', port },
    mix: standardMix.filter((item) => served[role].includes(item.name)),
    count: 200,
    ...(role === 'web'
      ? { events: { count: 3, path: '/events?everyMs=20' } }
      : { websockets: { count: 3, path: '/api/socket?everyMs=20' } }),
  });
  const kind = role === 'web' ? 'events' : 'websockets';
  await vi.waitUntil(() => load.totals()[kind].messages > 9, { timeout: 10_000 });
  const report = await load.done;
  expect(report.firstDrops).toEqual([]);
  expect(report).toMatchObject({ started: 200, ok: 200, dropped: 0, appErrors: 0, apps: { 1: { answers: 200 } } });
  expect(Math.abs((report.apps['1']?.lastArrival ?? 0) - Date.now())).toBeLessThan(60_000);
  if (role === 'web') return;
  const record = await (await fetch(`http://127.0.0.1:${port}/api/orders`)).text();
  expect(record).toBe(await readFile(join(folder, 'orders/record.log'), 'utf8'));
  expect(await verifyOrders(report.orders, record.split('\n'))).toMatchObject({
    sent: 100,
    acknowledged: 100,
    lost: 0,
    repeated: 0,
  });
});

test('the benched app dies at once on SIGTERM, with what is in flight', async () => {
  const { child, port } = await start('web');
  const mix = standardMix.filter((item) => item.name === 'slow');
  const load = generateLoad({ target: { host: '127.0.0.1', port }, mix, count: 3, connections: 3 });
  await vi.waitUntil(() => load.totals().inFlight === 3, { timeout: 5000 });
  await fetch(`http://127.0.0.1:${port}/health`);
  child.kill('SIGTERM');
  const report = await load.done;
  expect(report.drops).toMatchObject({ reset: 3 });
  expect(report.dropped).toBe(3);
});
