const MOST_ADDRESSES = 10_000;

/** Counts what each address does in a fixed window. In memory: every process counts for itself. */
export class Throttle {
  private readonly windows = new Map<string, { count: number; endsAt: number }>();

  /** At most `limit` per address in `windowMs` milliseconds. */
  constructor(
    private readonly limit: number,
    private readonly windowMs: number,
  ) {}

  /** Counts one; false when the address has used up its window. */
  take(address: string, now = Date.now()): boolean {
    const open = this.windows.get(address);
    if (open && open.endsAt > now) {
      open.count += 1;
      return open.count <= this.limit;
    }
    this.forget(now);
    this.windows.set(address, { count: 1, endsAt: now + this.windowMs });
    return this.limit > 0;
  }

  clear(address: string): void {
    this.windows.delete(address);
  }

  private forget(now: number): void {
    if (this.windows.size < MOST_ADDRESSES) return;
    for (const [address, { endsAt }] of this.windows) if (endsAt <= now) this.windows.delete(address);
    if (this.windows.size >= MOST_ADDRESSES) this.windows.clear();
  }
}
