import { catalogue, type ErrorCode, SignalboxError } from '../domain/errors.ts';
import type { ProblemBody } from './contract.ts';

/** HTTP status by code. What is not listed is a refusal for now (503, retryable) or for good (409). */
const statuses: Partial<Record<ErrorCode, number>> = {
  BAD_REQUEST: 400,
  BAD_BUNDLE: 422,
  CONFIG_INVALID: 422,
  HOST_REFUSED: 421,
  INTERNAL: 500,
  NOTHING_DETECTED: 422,
  NOT_FOUND: 404,
  TOO_LARGE: 413,
  SECRET_MISSING: 422,
  SECRET_REFUSED: 422,
  UNAUTHORISED: 401,
  WEBHOOK_REFUSED: 401,
  UNKNOWN_ENVIRONMENT: 404,
  UNKNOWN_SOURCE: 404,
};

export const statusOf = (code: ErrorCode): number => statuses[code] ?? (catalogue[code].retryable ? 503 : 409);

/**
 * The one place where errors become answers. What is no SignalboxError is a fault of ours: it is reported to `onFault` with its
 * stack, and the caller learns no more than that, since its message may quote anything.
 */
export function problemOf(error: unknown, onFault: (error: unknown) => void): ProblemBody {
  const known = error instanceof SignalboxError && Object.hasOwn(catalogue, error.code) ? error : null;
  if (known === null || known.code === 'INTERNAL') onFault(error);
  const { code, message, hint, details } = known ?? new SignalboxError('INTERNAL', 'The request could not be served.');
  const { title, retryable } = catalogue[code];
  return {
    type: `urn:signalbox:error:${code.toLowerCase().replaceAll('_', '-')}`,
    title,
    status: statusOf(code),
    code,
    detail: message,
    hint,
    retryable,
    ...(Object.keys(details).length === 0 ? {} : { details }),
  };
}
