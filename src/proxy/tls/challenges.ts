/**
 * Whoever proves to an authority that this machine answers for a host: what to say under
 * `/.well-known/acme-challenge/<token>`; undefined: nothing, then the request goes on to the app.
 */
export interface ChallengeAnswers {
  answer(host: string, token: string): string | undefined;
}

/** Authorities ask over HTTP, also for hosts that have a certificate. */
export const challengePath = '/.well-known/acme-challenge/';
