import { SignalboxError } from '../../../domain/errors.ts';
import type { Refusal } from './calls.ts';

interface SqliteFault {
  readonly code: string;
  readonly message: string;
}

/** SQLite's own words, or null when the error is not SQLite's. */
export function sqliteFault(error: unknown): SqliteFault | null {
  if (!(error instanceof Error)) return null;
  const code = 'code' in error && typeof error.code === 'string' ? error.code : '';
  if (code.startsWith('SQLITE_') || code.startsWith('UNKNOWN_SQLITE_')) return { code, message: error.message };
  // The driver reports a failed open without a code, the number at the end of the message.
  if (error.message.includes('Unable to open connection')) return { code: 'SQLITE_CANTOPEN', message: error.message };
  return null;
}

/** Another process is in the way; nothing was done. */
export const isBusy = (error: unknown): boolean => sqliteFault(error)?.code.startsWith('SQLITE_BUSY') === true;

const lostDisk = ['SQLITE_IOERR', 'SQLITE_CANTOPEN', 'SQLITE_READONLY', 'SQLITE_PERM', 'SQLITE_AUTH', 'SQLITE_NOLFS'];

/** Maps an error of the driver to one for people. `file` is the database it came from. */
export function storeError(error: unknown, file: string): SignalboxError {
  if (error instanceof SignalboxError) return error;
  const fault = sqliteFault(error);
  if (fault === null) return new SignalboxError('INTERNAL', `The store failed: ${messageOf(error)}`, { cause: error });
  const { code, message } = fault;
  const options = { cause: error, details: { file, sqlite: code } };
  if (code.startsWith('SQLITE_FULL')) {
    return new SignalboxError(
      'STORE_FULL',
      `There is no room on the disk of ${file}; nothing of this change was written.`,
      options,
    );
  }
  if (code.startsWith('SQLITE_CORRUPT') || code.startsWith('SQLITE_NOTADB')) {
    return new SignalboxError('STORE_CORRUPT', `The database ${file} is damaged (${message}). Nothing was overwritten.`, options);
  }
  if (code.startsWith('SQLITE_BUSY') || code.startsWith('SQLITE_LOCKED') || code.startsWith('SQLITE_PROTOCOL')) {
    return new SignalboxError(
      'STORE_STALLED',
      `Another process keeps the database ${file} locked; nothing of this change was written.`,
      {
        ...options,
        hint: 'Find it with `fuser` on that file and end it, then try again.',
        details: { ...options.details, outcome: 'not-done' },
      },
    );
  }
  if (lostDisk.some((prefix) => code.startsWith(prefix))) {
    return new SignalboxError('STORE_UNREACHABLE', `The database ${file} cannot be read or written (${message}).`, options);
  }
  return new SignalboxError('INTERNAL', `The store failed: ${message} (${code})`, options);
}

export function refusalOf(error: unknown, file: string): Refusal {
  const coded = storeError(error, file);
  return { code: coded.code, message: coded.message, hint: coded.hint, details: { ...coded.details } };
}

export function errorOf(refusal: Refusal): SignalboxError {
  const { code, message, ...options } = refusal;
  return new SignalboxError(code, message, options);
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
