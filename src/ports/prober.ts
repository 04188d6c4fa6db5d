import type { HealthSpec } from '../domain/spec.ts';
import type { Millis } from '../domain/values.ts';

/** Looks at instances and routes the way a client would. Never throws: whatever goes wrong is the answer. */
export interface Prober {
  /** One health probe of an instance. Redirects are failures. */
  health(target: { readonly host: string; readonly port: number }, spec: HealthSpec): Promise<Sight>;
  /** One check of a smoke list. */
  check(request: SmokeRequest): Promise<Sight>;
  close(): Promise<void>;
}

/** `detail` is a sentence with the evidence, e.g. "GET /health answered 503". */
export interface Sight {
  readonly ok: boolean;
  readonly detail: string;
}

export interface SmokeRequest {
  readonly baseUrl: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly host: string;
  readonly path: string;
  /** Undefined: any 2xx. */
  readonly status?: number;
  readonly contains?: string;
  readonly timeout: Millis;
}
