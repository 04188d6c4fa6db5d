import type { EndpointState } from './endpoints.ts';
import type { ResponseHead } from './response-head.ts';

/** Why an attempt to get an answer from an instance failed. */
export interface Failure {
  readonly kind: 'refused' | 'reset' | 'timeout';
  /** Bytes of the request may have reached the instance. */
  readonly sent: boolean;
  /** The connection had answered a request before: its end may be nothing but its idle limit. */
  readonly reused: boolean;
}

/** One try of one request on one instance. */
export interface Attempt {
  readonly endpoint: EndpointState;
  /** The system has taken every byte of the request: its body is needed no more. */
  readonly flushed: boolean;
  /** Ends it; the instance sees the disconnect, the sink hears nothing more. */
  abort(): void;
  /** Goes on after `onChunk` returned false. */
  resume(): void;
}

/** Who wants the answer. After `onEnd` or `onFailure` an attempt says nothing more. */
export interface AttemptSink {
  onInformation(status: number, statusText: string, head: ResponseHead): void;
  onHead(status: number, statusText: string, head: ResponseHead): void;
  /** False: pause until `resume`. */
  onChunk(chunk: Buffer): boolean;
  onEnd(trailers: readonly string[]): void;
  onFailure(failure: Failure): void;
}

/** What is asked of the instance. */
export interface Outgoing {
  readonly method: string;
  readonly path: string;
  /** Flat name/value pairs. */
  readonly headers: readonly string[];
  readonly headersTimeoutMs: number;
}
