/**
 * Newline-separated JSON over a unix socket: how the control plane talks to keeper and proxy workers.
 * Every request gets exactly one answer; a subscribed connection also receives events.
 */
export interface WireRequest {
  readonly id: number;
  readonly method: string;
  readonly params?: unknown;
}

export type WireMessage =
  | { readonly id: number; readonly ok: true; readonly result: unknown }
  | { readonly id: number; readonly ok: false; readonly error: WireFault }
  | { readonly event: string; readonly body: unknown };

/** `code` is from the error catalogue (domain/errors.ts), `message` says what happened and why. */
export interface WireFault {
  readonly code: string;
  readonly message: string;
}

/** Methods of one protocol: name -> what goes in, what comes out. */
export type Methods = Record<string, { params: unknown; result: unknown }>;
/** Events of one protocol: name -> body. */
export type Events = Record<string, unknown>;

/** Longest line accepted, in bytes; a route table of 10,000 hosts stays below it. */
export const maxLineBytes = 64 * 1024 * 1024;
