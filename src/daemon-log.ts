type Details = Readonly<Record<string, unknown>>;

/** The control plane's own log: a JSON object a line, on standard error. */
export const log = (level: 'info' | 'fault', message: string, details: Details = {}): void => {
  process.stderr.write(`${JSON.stringify({ at: new Date().toISOString(), level, message, ...details })}\n`);
};

export const fault = (error: unknown): void => {
  const code = error instanceof Error && 'code' in error ? { code: error.code } : {};
  log('fault', error instanceof Error ? error.message : String(error), {
    ...code,
    stack: error instanceof Error ? error.stack : undefined,
  });
};
