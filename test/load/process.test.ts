import { expect, test, vi } from 'vitest';
import { startLoad } from '../../bench/load/start.ts';
import { serve } from './servers.ts';

const page = { name: 'page', weight: 1, method: 'GET', path: '/page' } as const;

function alive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

test('runs in a process of its own, tells its totals while it runs, and leaves no process behind', async () => {
  const server = await serve();
  const load = await startLoad({ target: server.target, mix: [page], rate: 200, connections: 4 });
  expect(load.pid).not.toBe(process.pid);
  await vi.waitUntil(() => load.totals().ok > 20, { timeout: 10_000 });
  await load.mark('later');
  const report = await load.stop();
  expect(report.started).toBe(report.ok);
  expect(server.requests).toHaveLength(report.started);
  expect(report.perItem).toEqual({ page: report.started });
  expect(load.totals().started).toBe(report.started);
  expect(alive(load.pid)).toBe(false);
});

test('senseless options are refused at the start', async () => {
  await expect(startLoad({ target: { host: '127.0.0.1', port: 1 }, mix: [page], mode: 'open' })).rejects.toThrow(
    'an open loop needs a rate',
  );
});

test('a client that dies is an error, never a report without drops', async () => {
  const server = await serve();
  const load = await startLoad({ target: server.target, mix: [page], rate: 50 });
  process.kill(load.pid, 'SIGKILL');
  await expect(load.done).rejects.toThrow('ended without a report (SIGKILL)');
  await expect(load.stop()).rejects.toThrow('ended without a report');
});
