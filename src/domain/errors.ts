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
  BAD_BUNDLE: {
    title: 'The source that was sent cannot be used',
    hint: 'Run the deploy again from a complete clone (`git fetch --unshallow` mends a shallow one).',
    retryable: false,
  },
  BAD_REQUEST: { title: 'The request is not of the documented form', hint: 'See the API description.', retryable: false },
  BAD_SETTING: {
    title: 'An operator setting has an unusable value',
    hint: 'Mend or unset the environment variable named in the message.',
    retryable: false,
  },
  BAD_TABLE: { title: 'A route table was refused', hint: 'Nothing was changed. Report this with the message.', retryable: false },
  CONFIG_INVALID: { title: 'signalbox.yaml has a mistake', hint: 'Mend the line named in the message.', retryable: false },
  CONFLICT: {
    title: 'Somebody else changed it at the same time',
    hint: 'Look at the current state, then try again.',
    retryable: true,
  },
  CONTROL_PLANE_UNREACHABLE: {
    title: 'No control plane answers',
    hint: 'Start it with `signalbox up`, or set SIGNALBOX_URL and SIGNALBOX_TOKEN to reach another machine.',
    retryable: true,
  },
  FILE_EXISTS: { title: 'The file is there already', hint: 'Use --force to replace it.', retryable: false },
  HOME_IN_USE: {
    title: 'Another control plane has this home',
    hint: 'Use the one that runs, or stop it first; another $SIGNALBOX_HOME is another installation.',
    retryable: false,
  },
  HOME_UNUSABLE: {
    title: 'The home folder cannot be used',
    hint: 'Check owner, mode and space of $SIGNALBOX_HOME, or choose another with --home.',
    retryable: false,
  },
  HOST_REFUSED: {
    title: 'The request names a host that is not this API',
    hint: 'Use localhost or 127.0.0.1; for other names bind the API to an address of its own with SIGNALBOX_API_HOST.',
    retryable: false,
  },
  INTERNAL: {
    title: 'Something in Signalbox went wrong',
    hint: 'See the log in $SIGNALBOX_HOME/logs and report it.',
    retryable: true,
  },
  NOTHING_DETECTED: {
    title: 'The repository is of no kind that is recognised',
    hint: 'Write a signalbox.yaml with `services: { web: { run: …, route: / } }`.',
    retryable: false,
  },
  NOT_FOUND: {
    title: 'There is nothing of that name',
    hint: 'List what there is, e.g. with `signalbox status`.',
    retryable: false,
  },
  NO_APP_HERE: {
    title: 'It is not clear which app is meant',
    hint: 'Run it in the folder of the app, or name the app with --app.',
    retryable: false,
  },
  NO_SOURCE: {
    title: 'The folder has no source that can be sent',
    hint: 'Commit first, or deploy the folder as it is with `--dirty`.',
    retryable: false,
  },
  PORT_IN_USE: {
    title: 'A port is taken by another program',
    hint: 'Stop that program, or choose another port.',
    retryable: false,
  },
  PROGRAM_FAILED: { title: 'A program of Signalbox did not start', hint: 'Its last lines of output say why.', retryable: true },
  SHUTTING_DOWN: { title: 'The control plane is being stopped', hint: 'Try again when it is back.', retryable: true },
  STALE_EPOCH: {
    title: 'A newer control plane has taken over',
    hint: 'Only one control plane runs per home; this one must stop.',
    retryable: false,
  },
  STORE_CORRUPT: {
    title: 'The database is damaged',
    hint: 'Traffic goes on. Keep a copy of the file and of its -wal, then put back a backup or repair it with `sqlite3 <file> .recover`.',
    retryable: false,
  },
  STORE_FULL: {
    title: 'The disk of the database is full',
    hint: 'Make room on that disk; traffic goes on, and rollbacks still work for a while.',
    retryable: true,
  },
  STORE_NEWER: {
    title: 'The database was written by a newer Signalbox',
    hint: 'Start the version that wrote it, or a newer one.',
    retryable: false,
  },
  STORE_STALLED: {
    title: 'The database did not answer in time',
    hint: 'The disk is stalled or another process holds the database; traffic goes on. Look at the current state before trying again.',
    retryable: true,
  },
  STORE_UNREACHABLE: {
    title: 'The database cannot be read or written',
    hint: 'Check that its folder exists, belongs to the user who runs Signalbox and is not mounted read-only, and that the disk is well.',
    retryable: false,
  },
  TOO_LARGE: {
    title: 'The request is larger than allowed',
    hint: 'Send less; large files belong under `persist`, not into the repository.',
    retryable: false,
  },
  UNAUTHORISED: {
    title: 'The token is missing or wrong',
    hint: 'The token is in $SIGNALBOX_HOME/keys/api-token; for another machine set SIGNALBOX_TOKEN.',
    retryable: false,
  },
  UNKNOWN_ENVIRONMENT: {
    title: 'The app has no environment of that name',
    hint: 'Declare it under `environments:` in signalbox.yaml.',
    retryable: false,
  },
  UNKNOWN_SOURCE: {
    title: 'That source version is not kept here',
    hint: 'Deploy it again from the repository.',
    retryable: false,
  },
  WRONG_USAGE: { title: 'The command line is not understood', hint: 'See `signalbox --help`.', retryable: false },
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
