import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { comparePairs } from '../../../src/pipeline/load/compare.ts';
import { generateLoad, inTurn } from '../../../src/pipeline/load/generate.ts';

let servers: Server[] = [];
afterEach(() => {
  for (const server of servers) server.close().closeAllConnections();
  servers = [];
});

async function serve(answer: RequestListener): Promise<string> {
  const server = createServer(answer);
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const load = (base: string, more: Partial<Parameters<typeof generateLoad>[0]> = {}): ReturnType<typeof generateLoad> =>
  generateLoad({ base, routes: [{ path: '/' }], rate: 200, durationMs: 1000, signal: new AbortController().signal, ...more });

describe('the load generator', () => {
  it('counts what nobody answers as errors, every request of it', async () => {
    const result = await load('http://127.0.0.1:9', { rate: 100, durationMs: 300 });
    expect(result).toMatchObject({ requests: 30, errors: 30 });
  });

  it('counts 5xx, resets and time-outs as errors, and 404 as an answer', async () => {
    const base = await serve((request, response) => {
      if (request.url === '/500') response.writeHead(500).end();
      else if (request.url === '/reset') request.socket.destroy();
      else if (request.url === '/none') response.writeHead(404).end();
    });
    const routes = ['/500', '/reset', '/none', '/hangs'].map((path) => ({ path }));
    const result = await load(base, { routes, rate: 40, timeoutMs: 300 });
    expect(result).toMatchObject({ requests: 40, errors: 30, outcomes: { 404: 10, 500: 10 } });
  });

  it('feels a stall in every request that would have been sent meanwhile', async () => {
    let stalled = false;
    const base = await serve((request, response) => {
      // Once, near the beginning, the whole server stands still for 1.5 s.
      if (!stalled && request.url === '/stall') {
        stalled = true;
        const until = performance.now() + 1500;
        setTimeout(() => {
          while (performance.now() < until);
          response.end();
        }, 0);
      } else response.end();
    });
    // In the same process the generator stands still, too: latency counts from the intended start all the same.
    const result = await load(base, { routes: [{ path: '/' }, { path: '/stall' }], rate: 100, durationMs: 2000 });
    expect(result.p90Ms).toBeGreaterThan(1000);
    expect(result.late).toBeGreaterThan(50);
  });

  it('sends at its rate, whether answers come or not, and holds no more open than it may', async () => {
    const base = await serve(() => undefined);
    const from = performance.now();
    const result = await load(base, { rate: 200, durationMs: 500, timeoutMs: 1000, mostOpen: 10 });
    expect(result).toMatchObject({ requests: 100, errors: 100, outcomes: { 'too-many-open': 90 } });
    expect(performance.now() - from).toBeGreaterThan(490);
  });

  it('ends when it is told to', async () => {
    const base = await serve(() => undefined);
    const from = performance.now();
    await expect(load(base, { durationMs: 60_000, signal: AbortSignal.timeout(300) })).rejects.toThrow();
    expect(performance.now() - from).toBeLessThan(10_000);
  });

  it('spreads routes by their weights, the same in every run', () => {
    const next = inTurn([{ path: '/a', weight: 3 }, { path: '/b' }]);
    expect(Array.from({ length: 8 }, next).join(' ')).toBe('/a /a /b /a /a /a /b /a');
    expect(() => inTurn([])).toThrow(RangeError);
  });

  it('gives both releases the same load in turn', async () => {
    const order: string[] = [];
    const first = await serve((_request, response) => response.end(void order.push('baseline')));
    const second = await serve((_request, response) => response.end(void order.push('candidate')));
    const pairs = await comparePairs({
      baseline: { base: first },
      candidate: { base: second },
      routes: [{ path: '/' }],
      rate: 50,
      durationMs: 60,
      pairs: 2,
      signal: new AbortController().signal,
    });
    expect(pairs).toHaveLength(2);
    expect(pairs.every(({ baseline, candidate }) => baseline.requests === 3 && candidate.requests === 3)).toBe(true);
    const turns = order.filter((_one, index) => index % 3 === 0);
    expect(turns).toEqual(['baseline', 'candidate', 'baseline', 'candidate', 'candidate', 'baseline']);
  });
});
