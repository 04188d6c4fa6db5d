import { expect, test } from 'vitest';
import { generateLoad } from '../../bench/load/generator.ts';
import { OrderBook, verifyOrders, withOrders } from '../../bench/load/orders.ts';
import { answer, serve } from './servers.ts';

const order = { name: 'order', weight: 1, method: 'POST', path: '/orders', order: true } as const;

/** An app that records what it executes; `times` says how often it executes its n-th order. */
async function ordered(
  times: (number: number) => number,
  deaf: number[] = [],
): Promise<{ record: string[]; report: Awaited<ReturnType<typeof run>> }> {
  const record: string[] = [];
  const server = await serve((request, response, number) => {
    let nonce = '';
    request.on('data', (chunk) => {
      nonce += String(chunk);
    });
    request.on('end', () => {
      for (let left = times(number); left > 0; left -= 1) record.push(nonce.trim());
      if (deaf.includes(number)) request.socket.resetAndDestroy();
      else answer(request, response, nonce);
    });
    return true;
  });
  const run = async () => await generateLoad({ target: server.target, mix: [order], count: 30, connections: 1 }).done;
  return { record, report: await run() };
}

test('every acknowledged order executed once is no drop', async () => {
  const { record, report } = await ordered(() => 1);
  const verdict = await verifyOrders(report.orders, record);
  expect(verdict).toEqual({ sent: 30, acknowledged: 30, lost: 0, repeated: 0, examples: [] });
  expect(withOrders(report, verdict).dropped).toBe(0);
});

test('an order executed twice is exactly one drop', async () => {
  const { record, report } = await ordered((number) => (number === 7 ? 2 : 1));
  expect(report.dropped).toBe(0);
  const counted = withOrders(report, await verifyOrders(report.orders, record));
  expect(counted).toMatchObject({ dropped: 1, drops: { 'order-repeated': 1, 'order-lost': 0 } });
});

test('an acknowledged order that was never executed is exactly one drop', async () => {
  const { record, report } = await ordered((number) => (number === 7 ? 0 : 1));
  const verdict = await verifyOrders(report.orders, record);
  expect(verdict).toMatchObject({ lost: 1, repeated: 0, examples: [`${report.runId}-6: executed 0 times`] });
  expect(withOrders(report, verdict).drops['order-lost']).toBe(1);
});

test('an order whose answer was lost is one drop, whether it was executed or not', async () => {
  const { record, report } = await ordered((number) => (number === 7 ? 0 : 1), [7, 8]);
  const counted = withOrders(report, await verifyOrders(report.orders, record));
  expect(counted).toMatchObject({ dropped: 2, ok: 28, drops: { reset: 2, 'order-lost': 0, 'order-repeated': 0 } });
});

test('an order that was never acknowledged but executed twice is found', async () => {
  const { record, report } = await ordered((number) => (number === 7 ? 2 : 1), [7]);
  expect(await verifyOrders(report.orders, record)).toMatchObject({ acknowledged: 29, lost: 0, repeated: 1 });
});

test('the ledger holds a million orders exactly, and passes over those of other runs', async () => {
  const book = new OrderBook('a');
  const record = ['b-0', 'b-0', 'a-', 'a-1000000', 'nonsense'];
  for (let index = 0; index < 1_000_000; index += 1) {
    book.acknowledge(book.next().index);
    if (index !== 123_456) record.push(`a-${index}`);
  }
  expect(await verifyOrders(book.ledger(), record)).toEqual({
    sent: 1_000_000,
    acknowledged: 1_000_000,
    lost: 1,
    repeated: 0,
    examples: ['a-123456: executed 0 times'],
  });
});
