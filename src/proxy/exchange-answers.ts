import type { Failure } from './attempt.ts';
import type { OwnAnswer } from './pages.ts';

/** What a client hears when its request came to nothing. */
export const answers: Readonly<Record<Failure['kind'] | 'empty' | 'deadline', OwnAnswer>> = {
  refused: { status: 502, code: 'APP_UNREACHABLE', detail: 'The app could not be reached.' },
  reset: { status: 502, code: 'APP_RESET', detail: 'The app ended the connection before it answered.' },
  timeout: { status: 504, code: 'APP_TIMEOUT', detail: 'The app did not answer in time.' },
  empty: { status: 503, code: 'APP_EMPTY', detail: 'The app has no running instance at the moment.', retryAfterSeconds: 1 },
  deadline: {
    status: 504,
    code: 'DRAIN_DEADLINE',
    detail: 'The release that worked on this request has been replaced meanwhile.',
  },
};

export const bodyTooSlow: OwnAnswer = {
  status: 408,
  code: 'BODY_TOO_SLOW',
  detail: 'The request body stopped coming.',
  close: true,
};
