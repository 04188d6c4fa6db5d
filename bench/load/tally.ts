import { type DropDetail, type DropKind, dropKinds, type HistogramData, type LoadTotals } from './contract.ts';
import { Histogram } from './histogram.ts';

const keptDrops = 50;
/** Distinct values of the app header that are told apart; later ones count under `other`. */
const keptApps = 4096;

interface Seen {
  answers: number;
  firstArrival: number | null;
  lastArrival: number | null;
}

interface Streams {
  opened: number;
  messages: number;
  cleanEnds: number;
}

/** Everything a run counts, in constant memory. */
export class Tally {
  readonly startedAt = Date.now();
  readonly #startedTick = performance.now();
  readonly drops = Object.fromEntries(dropKinds.map((kind) => [kind, 0])) as Record<DropKind, number>;
  readonly firstDrops: DropDetail[] = [];
  readonly perItem: Record<string, number> = {};
  readonly websockets: Streams = { opened: 0, messages: 0, cleanEnds: 0 };
  readonly events: Streams = { opened: 0, messages: 0, cleanEnds: 0 };
  started = 0;
  inFlight = 0;
  ok = 0;
  appErrors = 0;
  connectionsOpened = 0;
  clientFaults = 0;
  firstClientFault: string | null = null;
  #phase = 'all';
  readonly #latency = new Map<string, Map<string, Histogram>>();
  readonly #apps = new Map<string, Seen>();

  drop(kind: DropKind, item: string, detail: string): void {
    this.drops[kind] += 1;
    if (this.firstDrops.length < keptDrops) this.firstDrops.push({ kind, item, detail, at: Date.now() });
  }

  clientFault(detail: string): void {
    this.clientFaults += 1;
    this.firstClientFault ??= detail;
  }

  /** Requests that start from now on are timed under this name. */
  mark(phase: string): void {
    this.#phase = phase;
  }

  get phase(): string {
    return this.#phase;
  }

  latency(phase: string, item: string, ms: number): void {
    const items = this.#latency.get(phase) ?? new Map<string, Histogram>();
    this.#latency.set(phase, items);
    const histogram = items.get(item) ?? new Histogram();
    items.set(item, histogram);
    histogram.record(ms);
  }

  /** @param arrival the app's own clock when the request reached it, NaN when it did not say. */
  seen(app: string, arrival: number): void {
    const key = this.#apps.has(app) || this.#apps.size < keptApps ? app : 'other';
    const seen = this.#apps.get(key) ?? { answers: 0, firstArrival: null, lastArrival: null };
    this.#apps.set(key, seen);
    seen.answers += 1;
    if (Number.isNaN(arrival)) return;
    seen.firstArrival = Math.min(seen.firstArrival ?? arrival, arrival);
    seen.lastArrival = Math.max(seen.lastArrival ?? arrival, arrival);
  }

  totals(): LoadTotals {
    return {
      elapsedMs: performance.now() - this.#startedTick,
      started: this.started,
      inFlight: this.inFlight,
      ok: this.ok,
      appErrors: this.appErrors,
      dropped: dropKinds.reduce((sum, kind) => sum + this.drops[kind], 0),
      drops: { ...this.drops },
      clientFaults: this.clientFaults,
      connectionsOpened: this.connectionsOpened,
      websockets: { ...this.websockets },
      events: { ...this.events },
      apps: Object.fromEntries([...this.#apps].map(([app, seen]) => [app, { ...seen }])),
    };
  }

  latencies(): Record<string, Record<string, HistogramData>> {
    const phases = [...this.#latency].map(([phase, items]) => {
      return [phase, Object.fromEntries([...items].map(([item, histogram]) => [item, histogram.data()]))] as const;
    });
    return Object.fromEntries(phases);
  }
}
