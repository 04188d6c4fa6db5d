import type { LoadReport, OrderLedger } from './contract.ts';

/** One bit per order, growing with them. */
export class OrderBook {
  readonly #prefix: string;
  #sent = 0;
  #bits = Buffer.alloc(1024);

  constructor(prefix: string) {
    this.#prefix = prefix;
  }

  next(): { readonly index: number; readonly nonce: string } {
    const index = this.#sent;
    this.#sent += 1;
    return { index, nonce: `${this.#prefix}-${index}` };
  }

  acknowledge(index: number): void {
    const byte = index >> 3;
    if (byte >= this.#bits.length) this.#bits = Buffer.concat([this.#bits, Buffer.alloc(Math.max(this.#bits.length, byte + 1))]);
    this.#bits[byte] = (this.#bits[byte] ?? 0) | (1 << (index & 7));
  }

  ledger(): OrderLedger {
    const bytes = Buffer.alloc((this.#sent + 7) >> 3);
    this.#bits.copy(bytes, 0, 0, bytes.length);
    return { prefix: this.#prefix, sent: this.#sent, acknowledged: bytes.toString('base64') };
  }
}

export interface OrderVerdict {
  readonly sent: number;
  readonly acknowledged: number;
  /** Acknowledged, but not in the app's record. */
  readonly lost: number;
  /** Orders, acknowledged or not, that the app's record has more than once. */
  readonly repeated: number;
  /** Nonces of the first lost and repeated ones, 20 at most. */
  readonly examples: readonly string[];
}

/** Compares what the client knows with the app's own record (a nonce per line; those of other runs are passed over). */
export async function verifyOrders(ledger: OrderLedger, record: Iterable<string> | AsyncIterable<string>): Promise<OrderVerdict> {
  const executed = new Uint8Array(ledger.sent);
  const prefix = `${ledger.prefix}-`;
  for await (const line of record) {
    if (!line.startsWith(prefix)) continue;
    const number = line.slice(prefix.length).trim();
    const index = Number(number);
    const seen = /^\d+$/.test(number) ? executed[index] : undefined;
    if (seen !== undefined && seen < 255) executed[index] = seen + 1;
  }
  const bits = Buffer.from(ledger.acknowledged, 'base64');
  const verdict = { sent: ledger.sent, acknowledged: 0, lost: 0, repeated: 0, examples: [] as string[] };
  for (const [index, times] of executed.entries()) {
    const acknowledged = ((bits[index >> 3] ?? 0) & (1 << (index & 7))) !== 0;
    if (acknowledged) verdict.acknowledged += 1;
    const lost = acknowledged && times === 0;
    if (lost) verdict.lost += 1;
    if (times > 1) verdict.repeated += 1;
    if ((lost || times > 1) && verdict.examples.length < 20) verdict.examples.push(`${prefix}${index}: executed ${times} times`);
  }
  return verdict;
}

/** The report with lost and repeated orders counted as the drops they are. */
export function withOrders(report: LoadReport, verdict: OrderVerdict): LoadReport {
  return {
    ...report,
    dropped: report.dropped + verdict.lost + verdict.repeated,
    drops: { ...report.drops, 'order-lost': verdict.lost, 'order-repeated': verdict.repeated },
  };
}
