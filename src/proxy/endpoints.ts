import type { Endpoint } from '../domain/route-table.ts';
import { Connections } from './connections.ts';

/** Consecutive connection failures that take an instance out of the rotation. */
const failuresToEject = 3;
const firstEjectionMs = 1_000;
const longestEjectionMs = 30_000;
/** How long a returning instance needs to reach its full share. */
const slowReturnMs = 10_000;

/** One instance as this worker sees it. Survives table changes as long as some table names it. */
export class EndpointState {
  readonly instance: string;
  readonly host: string;
  readonly port: number;
  readonly connections: Connections;
  /** As probed by the control plane. */
  healthy: boolean;
  inFlight = 0;
  #failures = 0;
  #ejections = 0;
  #ejectedUntil = 0;
  #refusesSince: number | undefined;

  constructor(endpoint: Endpoint, connectTimeoutMs: number) {
    this.instance = endpoint.instance;
    this.host = endpoint.host;
    this.port = endpoint.port;
    this.healthy = endpoint.healthy;
    this.connections = new Connections(endpoint.host, endpoint.port, connectTimeoutMs);
  }

  is(endpoint: Endpoint): boolean {
    return this.instance === endpoint.instance && this.host === endpoint.host && this.port === endpoint.port;
  }

  available(now: number): boolean {
    return this.healthy && now >= this.#ejectedUntil;
  }

  succeeded(): void {
    this.#failures = 0;
    this.#refusesSince = undefined;
    if (this.#ejections > 0 && performance.now() > this.#ejectedUntil + slowReturnMs) this.#ejections = 0;
  }

  /** A connection was refused. @returns when the first one was, since it last answered. */
  refused(): number {
    this.#refusesSince ??= performance.now();
    return this.#refusesSince;
  }

  /** A refused, reset or timed-out connection; answers of the app, also 5xx, are no reason to doubt the instance. */
  failed(): void {
    this.#failures += 1;
    if (this.#failures < failuresToEject) return;
    this.#ejectedUntil = performance.now() + Math.min(firstEjectionMs * 2 ** this.#ejections, longestEjectionMs);
    this.#ejections += 1;
    this.#failures = 0;
  }

  /** Load in the eyes of the balancer: a returning instance looks busier than it is until it has proved itself. */
  weighedLoad(now: number): number {
    const since = now - this.#ejectedUntil;
    if (this.#ejections === 0 || since >= slowReturnMs) return this.inFlight;
    return (this.inFlight + 1) * (1 + (9 * (slowReturnMs - Math.max(since, 0))) / slowReturnMs);
  }
}

/**
 * The less loaded of two instances drawn at random, among those that are probed healthy and not ejected; among all when there is
 * none of that kind (failing everybody would be certain, trying is not). `tried` ones come last.
 */
export function pickEndpoint(endpoints: readonly EndpointState[], tried: readonly EndpointState[]): EndpointState | undefined {
  if (endpoints.length === 1) return endpoints[0];
  const now = performance.now();
  return (
    lessLoaded(endpoints, now, (endpoint) => endpoint.available(now) && !tried.includes(endpoint)) ??
    lessLoaded(endpoints, now, (endpoint) => !tried.includes(endpoint)) ??
    lessLoaded(endpoints, now, () => true)
  );
}

function lessLoaded(
  all: readonly EndpointState[],
  now: number,
  eligible: (endpoint: EndpointState) => boolean,
): EndpointState | undefined {
  let count = 0;
  for (const endpoint of all) if (eligible(endpoint)) count += 1;
  if (count === 0) return undefined;
  const first = nth(all, eligible, (Math.random() * count) | 0);
  if (count === 1 || !first) return first;
  const second = nth(all, (endpoint) => endpoint !== first && eligible(endpoint), (Math.random() * (count - 1)) | 0);
  return second && second.weighedLoad(now) < first.weighedLoad(now) ? second : first;
}

function nth(
  all: readonly EndpointState[],
  eligible: (endpoint: EndpointState) => boolean,
  index: number,
): EndpointState | undefined {
  let left = index;
  for (const endpoint of all) if (eligible(endpoint) && left-- === 0) return endpoint;
  return undefined;
}
