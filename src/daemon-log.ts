import { type Masker, maskTexts, noMask } from './domain/masking.ts';

type Details = Readonly<Record<string, unknown>>;

let masker: Masker = noMask;

/** From now on nothing that it knows stands in the log. */
export const maskLog = (mask: Masker): void => {
  masker = mask;
};

/** The control plane's own log: a JSON object a line, on standard error. */
export const log = (level: 'info' | 'fault', message: string, details: Details = {}): void => {
  const line = maskTexts({ message, ...details }, masker);
  process.stderr.write(`${JSON.stringify({ at: new Date().toISOString(), level, ...line })}\n`);
};

export const fault = (error: unknown): void => {
  const code = error instanceof Error && 'code' in error ? { code: error.code } : {};
  log('fault', error instanceof Error ? error.message : String(error), {
    ...code,
    stack: error instanceof Error ? error.stack : undefined,
  });
};
