/**
 * Every error the product can show. `docs/errors.md` is printed from this table and tested to be fresh.
 * `hint` is what the reader does next; `retryable` tells scripts whether the same call may succeed later.
 */
export const catalogue = {
  APP_TAKEN: {
    title: 'The app name belongs to another repository',
    hint: 'Choose another name under `app:` in signalbox.yaml.',
    retryable: false,
  },
  ARTIFACT_MISSING: {
    title: 'A build result that should be there is gone',
    hint: 'Deploy the same commit again; it will be rebuilt.',
    retryable: false,
  },
  BAD_REQUEST: { title: 'The request is not of the documented form', hint: 'See the API description.', retryable: false },
  BAD_TABLE: { title: 'A route table was refused', hint: 'Nothing was changed. Report this with the message.', retryable: false },
  CONFIG_INVALID: { title: 'signalbox.yaml has a mistake', hint: 'Mend the line named in the message.', retryable: false },
  INTERNAL: { title: 'Something in Signalbox went wrong', hint: 'See the log in $SIGNALBOX_HOME/logs and report it.', retryable: true },
  NOT_FOUND: { title: 'There is nothing of that name', hint: 'List what there is, e.g. with `signalbox status`.', retryable: false },
  STALE_EPOCH: {
    title: 'A newer control plane has taken over',
    hint: 'Only one control plane runs per home; this one must stop.',
    retryable: false,
  },
} as const satisfies Record<string, CatalogueEntry>;

export interface CatalogueEntry {
  readonly title: string;
  readonly hint: string;
  readonly retryable: boolean;
}

export type ErrorCode = keyof typeof catalogue;

/** An error for people and scripts. `message` says what happened and why; the hint says what to do. */
export class SignalboxError extends Error {
  readonly code: ErrorCode;
  readonly hint: string;
  readonly details: Readonly<Record<string, unknown>>;

  constructor(code: ErrorCode, message: string, options: { cause?: unknown; hint?: string; details?: Record<string, unknown> } = {}) {
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
