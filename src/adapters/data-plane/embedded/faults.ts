import { type ErrorCode, SignalboxError } from '../../../domain/errors.ts';
import { WireError } from '../../../wire/server.ts';

export function isRefusal(cause: unknown, ...codes: readonly string[]): cause is WireError {
  return cause instanceof WireError && codes.includes(cause.code);
}

/** Why it cannot listen, in the catalogue's words. */
const waysOut: Readonly<Record<string, { readonly code: ErrorCode; readonly hint: string }>> = {
  PORT_TAKEN: {
    code: 'PORT_IN_USE',
    hint: 'Stop the program that has it, or set SIGNALBOX_HTTP_PORT or SIGNALBOX_HTTPS_PORT to another port.',
  },
  PORT_DENIED: {
    code: 'PORT_IN_USE',
    hint: 'Set SIGNALBOX_HTTP_PORT and SIGNALBOX_HTTPS_PORT to ports above 1023, or run it as root.',
  },
  NODE_UNSUPPORTED: { code: 'PROGRAM_FAILED', hint: 'Start it with Node 20, 22 or 24.' },
};

/** What a worker or the keeper answered, as an error of the catalogue. */
export function mapped(cause: unknown): SignalboxError {
  if (cause instanceof SignalboxError) return cause;
  const code = cause instanceof WireError ? cause.code : '';
  const message = cause instanceof Error ? cause.message : String(cause);
  if (code === 'STALE_EPOCH' || code === 'BAD_TABLE') return new SignalboxError(code, message, { cause });
  const wayOut = waysOut[code];
  if (wayOut) return new SignalboxError(wayOut.code, message, { cause, hint: wayOut.hint });
  return new SignalboxError('DATA_PLANE_UNAVAILABLE', message, { cause });
}
