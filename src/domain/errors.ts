import { checkErrors } from './catalogue/checks.ts';
import { environmentErrors } from './catalogue/environments.ts';
import { gitErrors } from './catalogue/git.ts';
import { pipelineErrors } from './catalogue/pipeline.ts';
import { releaseErrors } from './catalogue/releases.ts';
import { secretErrors } from './catalogue/secrets.ts';

export type { CatalogueEntry } from './catalogue/entry.ts';

/** Every error the product can show. `docs/errors.md` is printed from this table and tested to be fresh. */
export const catalogue = {
  ...releaseErrors,
  ...pipelineErrors,
  ...gitErrors,
  ...secretErrors,
  ...environmentErrors,
  ...checkErrors,
} as const;

export type ErrorCode = keyof typeof catalogue;

/** An error for people and scripts. `message` says what happened and why; the hint says what to do. */
export class SignalboxError extends Error {
  readonly code: ErrorCode;
  readonly hint: string;
  readonly details: Readonly<Record<string, unknown>>;

  constructor(
    code: ErrorCode,
    message: string,
    options: { cause?: unknown; hint?: string; details?: Record<string, unknown> } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'SignalboxError';
    this.code = code;
    this.hint = options.hint ?? catalogue[code].hint;
    this.details = options.details ?? {};
  }
}

/** True when `error` carries this code of the catalogue. */
export const hasCode = (error: unknown, code: ErrorCode): error is SignalboxError =>
  error instanceof SignalboxError && error.code === code;
