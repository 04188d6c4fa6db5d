import { type ArmCounts, latencyBucketsMs } from './protocol.ts';

export interface ArmIdentity {
  readonly release: string;
  readonly workload: string;
  readonly app: string;
  readonly environment: string;
}

const noLatencies: readonly number[] = Array.from({ length: latencyBucketsMs.length + 1 }, () => 0);

/** The running counts of one (release, workload); kept for the life of the worker. */
export class ArmCounter {
  readonly identity: ArmIdentity;
  requests = 0;
  inFlight = 0;
  readonly byClass: [number, number, number, number, number, number] = [0, 0, 0, 0, 0, 0];
  errors = 0;
  dropped = 0;
  rescued = 0;
  resent = 0;
  limited = 0;
  readonly latency: number[] = [...noLatencies];

  constructor(identity: ArmIdentity) {
    this.identity = identity;
  }

  answered(status: number, elapsedMs: number): void {
    const statusClass = (status / 100) | 0;
    if (statusClass >= 1 && statusClass <= 5) this.byClass[statusClass] = (this.byClass[statusClass] ?? 0) + 1;
    let bucket = 0;
    while (bucket < latencyBucketsMs.length && elapsedMs > (latencyBucketsMs[bucket] ?? 0)) bucket += 1;
    this.latency[bucket] = (this.latency[bucket] ?? 0) + 1;
  }

  snapshot(): ArmCounts {
    const { requests, inFlight, errors, dropped, rescued, resent, limited } = this;
    return {
      ...this.identity,
      requests,
      inFlight,
      byClass: [...this.byClass],
      errors,
      dropped,
      rescued,
      resent,
      limited,
      latency: [...this.latency],
    };
  }
}

/** All counters of a worker; tells when an error was counted, so that gates hear of it at once. */
export class Counters {
  onError: () => void = () => {};
  readonly #byKey = new Map<string, ArmCounter>();

  of(identity: ArmIdentity): ArmCounter {
    const key = `${identity.release}\n${identity.workload}`;
    let counter = this.#byKey.get(key);
    if (!counter) {
      counter = new ArmCounter(identity);
      this.#byKey.set(key, counter);
    }
    return counter;
  }

  snapshot(): ArmCounts[] {
    return [...this.#byKey.values()].map((counter) => counter.snapshot());
  }
}
