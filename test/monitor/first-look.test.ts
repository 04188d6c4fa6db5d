import { expect, test } from 'vitest';
import type { Workload } from '../../src/domain/release.ts';
import { type InstanceId, instant, millis } from '../../src/domain/values.ts';
import { createHealthMonitor } from '../../src/monitor/health-monitor.ts';
import type { InstanceObservation, Runtime } from '../../src/ports/runtime.ts';
import { clockOf, ManualTime } from '../control-plane/kit/time.ts';

const workload = {
  id: 'shop-production-web-1',
  service: 'web',
  health: { type: 'http', path: '/health', interval: 1000, timeout: 1000, healthyAfter: 2, unhealthyAfter: 3 },
} as unknown as Workload;

const running: InstanceObservation = {
  instance: 'shop-production-web-1.1' as InstanceId,
  workload: workload.id,
  state: 'running',
  endpoint: { host: '127.0.0.1', port: 4000 },
  listening: true,
  startedAt: null,
  restarts: 0,
  lastExit: null,
  fault: null,
  memory: null,
};

test('a first look is over only when the runtime has said what runs, however long that takes', async () => {
  const time = new ManualTime();
  let refusals = 1;
  const runtime = {
    watch: () => () => undefined,
    observe: async () => {
      await time.sleep(4000);
      if (refusals-- > 0) throw new Error('The keeper is being restarted.');
      return [running];
    },
  } as unknown as Runtime;
  const monitor = createHealthMonitor({
    runtime,
    prober: {
      health: async () => ({ ok: true, detail: null }),
      check: () => Promise.reject(new Error('not asked')),
      close: async () => undefined,
    } as never,
    clock: clockOf(time, { dead: false }, instant(0)),
    onChange: () => undefined,
  });
  let seen: number | undefined;
  monitor.watch([{ workload, replicas: 1 }]);
  void monitor.settled(millis(2500)).then(() => {
    seen = monitor.endpoints().get(workload.id)?.length;
  });
  await time.pass(8500);
  expect(seen).toBeUndefined();
  await time.pass(2000);
  expect(seen).toBe(1);
  monitor.stop();
});
