import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { WallTime } from '../../src/domain/values.ts';
import { millis } from '../../src/domain/values.ts';
import { Shed, workloadOf } from './shed.ts';

let shed: Shed;
beforeEach(() => {
  shed = new Shed();
});
afterEach(() => shed.close());

const exit = (at: number) => ({ code: 1, signal: null, reason: 'exited' as const, at: at as WallTime });

describe('the health monitor', () => {
  it('no result yet is not healthy, and not judged either', async () => {
    const web = workloadOf();
    shed.monitor.watch([{ workload: web, replicas: 1 }]);
    expect(shed.monitor.level(web.id)).toMatchObject({ healthy: false, judged: false });
    expect(shed.monitor.level(workloadOf({ type: 'up' }).id).healthy).toBe(false);
  });

  it('an instance that answers often enough is healthy, and its endpoint says so', async () => {
    const web = workloadOf();
    const port = await shed.serve((_, response) => response.end('ok'));
    shed.monitor.watch([{ workload: web, replicas: 1 }]);
    shed.see(web, { port });
    await shed.until(() => shed.monitor.level(web.id).healthy);
    expect(shed.changes).toContain(web.id);
    expect(shed.monitor.endpoints().get(web.id)).toEqual([{ instance: `${web.id}.1`, host: '127.0.0.1', port, healthy: true }]);
  });

  it('an answer at its port counts only once it listens there itself', async () => {
    const web = workloadOf();
    const port = await shed.serve((_, response) => response.end('of a stranger'));
    shed.monitor.watch([{ workload: web, replicas: 1 }]);
    shed.see(web, { port, listening: false });
    await shed.until(() => shed.monitor.level(web.id).judged);
    expect(shed.monitor.level(web.id)).toMatchObject({ healthy: false, detail: 'web has opened no port yet, 3 times in a row' });
    shed.see(web, { port });
    await shed.until(() => shed.monitor.level(web.id).healthy);
  });

  it('one healthy instance of two is not enough', async () => {
    const web = workloadOf();
    const port = await shed.serve((_, response) => response.end('ok'));
    shed.monitor.watch([{ workload: web, replicas: 2 }]);
    shed.see(web, { port });
    await shed.until(() => shed.monitor.endpoints().get(web.id)?.[0]?.healthy === true);
    expect(shed.monitor.level(web.id)).toMatchObject({ healthy: false, detail: '1 of 2 instances are running' });
    shed.see(web, { port }, 2);
    await shed.until(() => shed.monitor.level(web.id).healthy);
  });

  it('a redirect is not healthy', async () => {
    const web = workloadOf();
    const port = await shed.serve((_, response) => response.writeHead(302, { location: '/login' }).end());
    shed.monitor.watch([{ workload: web, replicas: 1 }]);
    shed.see(web, { port });
    await shed.until(() => shed.monitor.level(web.id).judged);
    expect(shed.monitor.level(web.id).healthy).toBe(false);
    expect(shed.monitor.level(web.id).detail).toContain('a redirect is not healthy');
  });

  it('a probe that hangs times out', async () => {
    const web = workloadOf();
    const port = await shed.serve(() => undefined);
    shed.monitor.watch([{ workload: web, replicas: 1 }]);
    shed.see(web, { port });
    await shed.until(() => shed.monitor.level(web.id).judged);
    expect(shed.monitor.level(web.id).detail).toContain('did not answer within 300 ms');
  });

  it('type port: the port answers, whatever it says', async () => {
    const web = workloadOf({ type: 'port' });
    const port = await shed.serve((_, response) => response.writeHead(500).end());
    shed.monitor.watch([{ workload: web, replicas: 1 }]);
    shed.see(web, { port: null });
    await shed.until(() => shed.monitor.level(web.id).detail?.includes('has opened no port yet') === true);
    shed.see(web, { port });
    await shed.until(() => shed.monitor.level(web.id).healthy);
  });

  it('type up: healthy once it has stayed up long enough, not at once', async () => {
    const worker = workloadOf({ type: 'up' });
    shed.monitor.watch([{ workload: worker, replicas: 1 }]);
    const began = Date.now();
    shed.see(worker, {});
    await shed.until(() => shed.monitor.level(worker.id).healthy);
    expect(Date.now() - began).toBeGreaterThanOrEqual(190);
  });

  it('a restart resets health: the new life is judged by itself, and counts as one crash', async () => {
    const web = workloadOf();
    let well = true;
    const port = await shed.serve((_, response) => response.writeHead(well ? 200 : 503).end());
    shed.monitor.watch([{ workload: web, replicas: 1 }]);
    shed.see(web, { port });
    await shed.until(() => shed.monitor.level(web.id).healthy);
    well = false;
    shed.see(web, { state: 'backing-off', lastExit: exit(5) });
    expect(shed.monitor.level(web.id)).toMatchObject({ healthy: false, crashes: 1, lastExit: 'exited with code 1' });
    shed.see(web, { state: 'running', restarts: 1, lastExit: exit(5) });
    expect(shed.monitor.level(web.id)).toMatchObject({ healthy: false, judged: false, crashes: 1 });
    well = true;
    await shed.until(() => shed.monitor.level(web.id).healthy);
    expect(shed.monitor.level(web.id).crashes).toBe(1);
  });

  it('crashes are counted once each, and an ordered stop is none', async () => {
    const web = workloadOf();
    shed.monitor.watch([{ workload: web, replicas: 1 }]);
    shed.see(web, { port: null });
    for (const at of [10, 20]) {
      shed.see(web, { state: 'backing-off', lastExit: exit(at) });
      shed.see(web, { state: 'running', restarts: at / 10, lastExit: exit(at) });
    }
    expect(shed.monitor.level(web.id).crashes).toBe(2);
    shed.see(web, { state: 'stopped', lastExit: { code: 0, signal: null, reason: 'stopped', at: 30 as WallTime } });
    expect(shed.monitor.level(web.id).crashes).toBe(2);
    expect(shed.monitor.endpoints().get(web.id)).toEqual([]);
  });

  it('an end that nobody saw, or that somebody else brought about, is no crash', async () => {
    const web = workloadOf();
    shed.monitor.watch([{ workload: web, replicas: 1 }]);
    shed.see(web, { port: null });
    for (const [index, reason] of (['unobserved', 'removed'] as const).entries()) {
      const lastExit = { code: null, signal: null, reason, at: (10 + index) as WallTime };
      shed.see(web, { state: 'backing-off', lastExit });
      shed.see(web, { state: 'running', restarts: index + 1, lastExit });
    }
    expect(shed.monitor.level(web.id)).toMatchObject({ crashes: 0, recordedCrashes: 0 });
  });

  it('one bad probe does not fell a healthy instance, several in a row do', async () => {
    const web = workloadOf();
    let bad = 0;
    const port = await shed.serve((_, response) => response.writeHead(bad-- > 0 ? 503 : 200).end());
    shed.monitor.watch([{ workload: web, replicas: 1 }]);
    shed.see(web, { port });
    await shed.until(() => shed.monitor.level(web.id).healthy);
    bad = 1;
    await shed.until(() => bad < -3);
    expect(shed.monitor.level(web.id).healthy).toBe(true);
    bad = 1000;
    await shed.until(() => !shed.monitor.level(web.id).healthy);
    expect(shed.monitor.level(web.id)).toMatchObject({ judged: true });
    expect(shed.monitor.level(web.id).detail).toContain('GET /health answered 503');
  });

  it('probeNow looks this very moment: it sees what the last probe did not', async () => {
    const web = workloadOf({ interval: millis(60_000) });
    let well = true;
    const port = await shed.serve((_, response) => response.writeHead(well ? 200 : 500).end());
    shed.monitor.watch([{ workload: web, replicas: 1 }]);
    shed.see(web, { port });
    await shed.until(() => shed.monitor.level(web.id).healthy);
    expect(await shed.monitor.probeNow([web.id])).toBeNull();
    well = false;
    expect(await shed.monitor.probeNow([web.id])).toBe('GET /health answered 500');
    expect(shed.monitor.level(web.id).healthy).toBe(true);
  });

  it('probeNow of a workload without all of its instances is a failure, not silence', async () => {
    const web = workloadOf();
    expect(await shed.monitor.probeNow([web.id])).not.toBeNull();
    shed.monitor.watch([{ workload: web, replicas: 1 }]);
    expect(await shed.monitor.probeNow([web.id])).toBe('0 of 1 instances are running');
  });

  it('a runtime that does not answer at first is asked again', async () => {
    const web = workloadOf();
    const port = await shed.serve((_, response) => response.end('ok'));
    shed.see(web, { port });
    shed.blind = 1;
    shed.monitor.watch([{ workload: web, replicas: 1 }]);
    await shed.until(() => shed.monitor.level(web.id).healthy);
  });

  it('a fault of the instance is passed on', () => {
    const web = workloadOf();
    shed.monitor.watch([{ workload: web, replicas: 1 }]);
    shed.see(web, { fault: { code: 'PORT_IGNORED', message: 'It listens on 3000.' } });
    expect(shed.monitor.level(web.id).fault).toEqual({ code: 'PORT_IGNORED', message: 'It listens on 3000.' });
  });
});
