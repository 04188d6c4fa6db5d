import { timingSafeEqual } from 'node:crypto';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Limit } from '../limiter.ts';
import type { Parts } from '../parts.ts';
import { Problem } from '../problem.ts';
import { sessionTokenOf } from './cookie.ts';
import type { Session } from './sessions.ts';

declare module 'fastify' {
  interface FastifyRequest {
    session: Session | undefined;
  }
}

/** Lets only requests of somebody who is signed in through to the routes of `app`; changes only with the session's CSRF token. */
export function addGate(app: FastifyInstance, { sessions, limiter, config }: Pick<Parts, 'sessions' | 'limiter' | 'config'>): void {
  const limit = requestLimit(config.requestLimit);
  app.decorateRequest('session');
  app.addHook('onRequest', async (request) => {
    const session = await sessions.find(sessionTokenOf(request));
    if (session === undefined) throw new Problem(401, 'not-signed-in', 'Sign in first.');
    if (!['GET', 'HEAD'].includes(request.method) && !isSame(request.headers['x-csrf-token'], session.csrfToken)) {
      throw new Problem(403, 'csrf', 'The CSRF token is missing or belongs to another session. Load the page again.');
    }
    await limiter.take(limit, session.userId);
    request.session = session;
  });
}

/** A minute's worth at once, then evenly. */
export const requestLimit = (perMinute: number): Limit => ({ name: 'requests', burst: perMinute, everyMs: 60_000 / perMinute });

/** Who asks. Only in routes behind the gate. */
export function userOf(request: FastifyRequest): string {
  if (request.session === undefined) throw new Error('This route is not behind the gate.');
  return request.session.userId;
}

function isSame(given: unknown, expected: string): boolean {
  const [a, b] = [Buffer.from(typeof given === 'string' ? given : ''), Buffer.from(expected)];
  return a.length === b.length && timingSafeEqual(a, b);
}
