import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { email, line, parse } from '../input.ts';
import type { Limit } from '../limiter.ts';
import { logins } from '../metrics.ts';
import type { Parts } from '../parts.ts';
import { refusedBy } from '../postgres.ts';
import { Problem, notValid } from '../problem.ts';
import { sessionTokenOf, setSessionCookie } from './cookie.ts';
import { addGate, requestLimit } from './gate.ts';
import { hashPassword, verifyPassword } from './password.ts';

const password = () =>
  z
    .string({ error: 'is required' })
    .min(10, { error: 'has fewer than 10 characters' })
    .max(200, { error: 'has more than 200 characters' });
const signUpSchema = z.strictObject({ name: line(100), email: email(), password: password() });
const signInSchema = z.strictObject({ email: email(), password: z.string({ error: 'is required' }).max(200, { error: 'has more than 200 characters' }) });

/** One address may try many accounts only slowly. */
const signInPerAddress: Limit = { name: 'sign-in-address', burst: 50, everyMs: 5_000 };
/** Many addresses may try one account only slowly. */
const signInPerAccount: Limit = { name: 'sign-in-account', burst: 200, everyMs: 30_000 };
const signUpPerAddress: Limit = { name: 'sign-up', burst: 20, everyMs: 60_000 };

/** Sign-up, sign-in, who is signed in, sign-out. */
export function addAccountRoutes(app: FastifyInstance, { database, sessions, limiter, config }: Parts): void {
  const signInPerPair: Limit = { name: 'sign-in', burst: config.signInLimit, everyMs: 60_000 };

  app.post('/auth/sign-up', async (request, reply) => {
    await limiter.take(signUpPerAddress, request.ip);
    const input = parse(signUpSchema, request.body);
    const hash = await hashPassword(input.password);
    const { rows } = await database
      .query<{ id: string }>('INSERT INTO users (email, name, password_hash) VALUES ($1, $2, $3) RETURNING id', [input.email, input.name, hash])
      .catch((error: unknown) => {
        throw refusedBy(error) === 'users_email_key' ? notValid('email', 'has an account already') : error;
      });
    setSessionCookie(request, reply, await sessions.start(idOf(rows)));
    return reply.code(201).send({ id: idOf(rows), name: input.name, email: input.email });
  });

  app.post('/auth/sign-in', async (request, reply) => {
    const input = parse(signInSchema, request.body);
    const pair = `${request.ip}:${input.email}`;
    await limiter.take(signInPerAddress, request.ip);
    await limiter.take(signInPerPair, pair);
    await limiter.take(signInPerAccount, input.email);
    const { rows } = await database.query<{ id: string; password_hash: string }>('SELECT id, password_hash FROM users WHERE email = $1', [input.email]);
    if (!(await verifyPassword(input.password, rows[0]?.password_hash))) {
      logins.inc({ result: 'refused' });
      throw new Problem(401, 'wrong-password', 'The e-mail address or the password is wrong.');
    }
    logins.inc({ result: 'accepted' });
    await limiter.clear(signInPerPair, pair);
    // Never the session that was there before: whoever planted it would be signed in with us.
    const before = sessionTokenOf(request);
    if (before !== undefined) await sessions.end(before);
    setSessionCookie(request, reply, await sessions.start(idOf(rows)));
    return reply.code(204).send();
  });

  app.get('/session', async (request) => {
    await limiter.take(requestLimit(config.requestLimit), request.ip);
    const session = await sessions.find(sessionTokenOf(request));
    if (session === undefined) return { user: null };
    const { rows } = await database.query<{ id: string; name: string; email: string }>('SELECT id, name, email FROM users WHERE id = $1', [session.userId]);
    return rows[0] === undefined ? { user: null } : { user: rows[0], csrfToken: session.csrfToken };
  });

  app.register(async (own) => {
    addGate(own, { sessions, limiter, config });
    own.post('/auth/sign-out', async (request, reply) => {
      const token = sessionTokenOf(request);
      if (token !== undefined) await sessions.end(token);
      setSessionCookie(request, reply, undefined);
      return reply.code(204).send();
    });
  });
}

function idOf(rows: readonly { id: string }[]): string {
  if (rows[0] === undefined) throw new Error('The database answered without a row.');
  return rows[0].id;
}
