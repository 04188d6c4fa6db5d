import { describe, expect, it } from 'vitest';
import { type Delivery, type DeliveryEvent, deliveryAfter, isOver, mostAttempts } from '../../../src/domain/forge/delivery.ts';
import { type AppName, instant, type WallTime } from '../../../src/domain/values.ts';

const waiting: Delivery = {
  id: 'a1',
  app: 'shop' as AppName,
  name: 'n',
  digest: null,
  event: { type: 'ping' },
  receivedAt: 0 as WallTime,
  at: instant(0),
  state: 'waiting',
  attempts: 0,
  outcome: null,
};

describe('a delivery', () => {
  it('is begun, hindered, begun again later and later, and given up in the end', () => {
    let delivery = waiting;
    const pauses: number[] = [];
    for (let round = 0; round < mostAttempts; round += 1) {
      delivery = deliveryAfter(delivery, { type: 'begun' }).delivery;
      const after = deliveryAfter(delivery, { type: 'hindered', reason: 'The forge does not answer.' });
      pauses.push(...after.effects.map((effect) => effect.after));
      delivery = after.delivery;
    }
    expect(pauses).toEqual([2000, 4000, 8000, 16_000, 32_000, 64_000, 120_000, 120_000, 120_000]);
    expect(delivery).toMatchObject({ state: 'failed', outcome: 'The forge does not answer.' });
  });

  it('that ends the program each time it is begun is not begun for ever', () => {
    let delivery = waiting;
    for (let start = 0; start <= mostAttempts; start += 1) delivery = deliveryAfter(delivery, { type: 'begun' }).delivery;
    expect(delivery).toMatchObject({ state: 'failed', attempts: mostAttempts });
  });

  it('that is over stays as it is, whatever is said of it', () => {
    const done = deliveryAfter(deliveryAfter(waiting, { type: 'begun' }).delivery, { type: 'settled', outcome: 'live' }).delivery;
    expect(isOver(done)).toBe(true);
    const events: readonly DeliveryEvent[] = [
      { type: 'begun' },
      { type: 'settled', outcome: 'x' },
      { type: 'hindered', reason: 'x' },
      { type: 'refused', reason: 'x' },
      { type: 'repeated' },
    ];
    for (const event of events) expect(deliveryAfter(done, event)).toEqual({ delivery: done, effects: [] });
  });

  it('that failed is begun anew when the forge sends it once more', () => {
    const failed = deliveryAfter(waiting, { type: 'refused', reason: 'no' }).delivery;
    expect(failed.state).toBe('failed');
    const again = deliveryAfter({ ...failed, attempts: 6 }, { type: 'repeated' });
    expect(again.delivery).toMatchObject({ state: 'waiting', attempts: 0, outcome: null });
    expect(again.effects).toEqual([{ type: 'work', after: 0 }]);
    expect(deliveryAfter(waiting, { type: 'repeated' })).toEqual({ delivery: waiting, effects: [] });
  });
});
