/** An answer that is an error, in the form of RFC 9457 (application/problem+json). */
export class Problem extends Error {
  readonly status: number;
  /** A word for programs; part of `type`. */
  readonly code: string;
  /** What is wrong, by field of the request's body or query. */
  readonly fields: Readonly<Record<string, string>> | undefined;
  /** Seconds. */
  readonly retryAfter: number | undefined;

  constructor(status: number, code: string, detail: string, more: { fields?: Record<string, string>; retryAfter?: number } = {}) {
    super(detail);
    this.name = 'Problem';
    this.status = status;
    this.code = code;
    this.fields = more.fields;
    this.retryAfter = more.retryAfter;
  }
}

/** The body of an answer with this problem. */
export const problemBody = ({ status, code, message, fields }: Problem, requestId: string) => ({
  type: `urn:tasks:problem:${code}`,
  title: titles[status] ?? 'Error',
  status,
  detail: message,
  ...(fields && { fields }),
  requestId,
});

const titles: Readonly<Record<number, string>> = {
  400: 'Bad request',
  401: 'Not signed in',
  403: 'Not allowed',
  404: 'Not found',
  405: 'Method not allowed',
  409: 'Conflict',
  413: 'Too large',
  415: 'Unsupported media type',
  422: 'Not valid',
  429: 'Too many requests',
  500: 'Internal error',
  503: 'Unavailable',
};

export const notFound = (what: string) => new Problem(404, 'not-found', `There is no such ${what}.`);
export const notValid = (field: string, reason: string) => new Problem(422, 'not-valid', 'Some fields are not valid.', { fields: { [field]: reason } });
