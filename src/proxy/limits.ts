import type { ProxyLimits } from './protocol.ts';

/** What a worker uses when its config leaves a limit out. Milliseconds and bytes. */
export const defaultLimits: ProxyLimits = {
  headersTimeoutMs: 10_000,
  bodyIdleTimeoutMs: 30_000,
  keepAliveTimeoutMs: 75_000,
  maxHeaderBytes: 64 * 1024,
  maxTargetBytes: 16 * 1024,
  maxBodyBytes: 1024 * 1024 * 1024,
  maxConnections: 10_000,
  connectTimeoutMs: 2_000,
  holdQueue: 1_000,
  holdTimeoutMs: 30_000,
  handshakeTimeoutMs: 10_000,
  maxHandshakes: 1_000,
  stallTimeoutMs: 120_000,
};
