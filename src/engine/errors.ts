import { SignalboxError } from '../domain/errors.ts';

/**
 * A call that the engine did not carry out. `unavailable`: it could not be asked, or did not answer in time; the same call may succeed
 * later, and it may have taken effect. `refused`: it answered, and `message` is its reason in its own words.
 */
export class EngineError extends Error {
  readonly kind: 'unavailable' | 'refused';
  /** HTTP status of a refusal. */
  readonly status: number | null;

  constructor(kind: EngineError['kind'], message: string, options: { cause?: unknown; status?: number } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'EngineError';
    this.kind = kind;
    this.status = options.status ?? null;
  }
}

export const isUnavailable = (error: unknown): error is EngineError =>
  error instanceof EngineError && error.kind === 'unavailable';
export const isRefused = (error: unknown): error is EngineError => error instanceof EngineError && error.kind === 'refused';

/** In the catalogue's words: an engine that is away is ENGINE_UNAVAILABLE; everything else is left as it is. */
export const mapped = (cause: unknown): unknown =>
  isUnavailable(cause) ? new SignalboxError('ENGINE_UNAVAILABLE', cause.message, { cause }) : cause;
