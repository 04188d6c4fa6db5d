import { randomUUID } from 'node:crypto';
import Fastify, { type FastifyBaseLogger, type FastifyInstance } from 'fastify';
import { addGate } from './auth/gate.ts';
import { addAccountRoutes } from './auth/routes.ts';
import { addHealth } from './health.ts';
import { addMetrics } from './metrics.ts';
import { addInvitationRoutes } from './organisations/invitations.ts';
import { addMemberRoutes } from './organisations/members.ts';
import { addOrganisationRoutes } from './organisations/routes.ts';
import type { Parts } from './parts.ts';
import { isUnreachable } from './postgres.ts';
import { Problem, problemBody } from './problem.ts';
import { isRedisUnreachable } from './redis.ts';
import { addCommentRoutes } from './tasks/comments.ts';
import { addTaskRoutes } from './tasks/routes.ts';

/** The API, ready to listen. */
export function buildApp(parts: Parts, log: FastifyBaseLogger): FastifyInstance {
  const app = Fastify({
    loggerInstance: log,
    trustProxy: (_address: string, hop: number) => hop < parts.config.trustedProxies,
    // An id given by the proxy is used again, so that its log and ours can be read side by side.
    genReqId: ({ headers }) => {
      const given = parts.config.trustedProxies > 0 ? headers['x-request-id'] : undefined;
      return typeof given === 'string' && /^[\w.:-]{1,128}$/.test(given) ? given : randomUUID();
    },
    bodyLimit: 64 * 1024,
    requestTimeout: 30_000,
    // Whoever holds a connection open while we stop still gets an answer, and then the connection is closed.
    return503OnClosing: false,
    routerOptions: { ignoreTrailingSlash: false, maxParamLength: 200 },
  });
  // JSON alone: forms of other sites can send plain text, but not JSON.
  app.removeContentTypeParser('text/plain');

  app.addHook('onRequest', async (request, reply) => {
    reply.header('x-request-id', request.id);
    reply.header('cache-control', 'no-store');
  });
  // A connection that was busy when we were asked to stop would otherwise be kept open for the next request.
  app.addHook('onSend', async (_request, reply) => {
    if (!app.server.listening) reply.header('connection', 'close');
  });
  app.setNotFoundHandler(() => {
    throw new Problem(404, 'not-found', 'There is nothing at this address.');
  });
  app.setErrorHandler((error, request, reply) => {
    const problem = problemOf(error);
    if (problem.status >= 500) request.log.error({ err: error }, problem.message);
    if (problem.retryAfter !== undefined) reply.header('retry-after', problem.retryAfter);
    return reply.code(problem.status).type('application/problem+json').send(JSON.stringify(problemBody(problem, request.id)));
  });

  addMetrics(app, parts);
  addHealth(app, parts);
  app.register(
    async (api) => {
      addAccountRoutes(api, parts);
      api.register(async (own) => {
        addGate(own, parts);
        addOrganisationRoutes(own, parts);
        addMemberRoutes(own, parts);
        addInvitationRoutes(own, parts);
        addTaskRoutes(own, parts);
        addCommentRoutes(own, parts);
      });
    },
    { prefix: '/api' },
  );
  return app;
}

function problemOf(error: unknown): Problem {
  if (error instanceof Problem) return error;
  if (isUnreachable(error)) return new Problem(503, 'database-unavailable', 'The database cannot be reached. Try again soon.', { retryAfter: 2 });
  if (isRedisUnreachable(error)) return new Problem(503, 'redis-unavailable', 'Redis cannot be reached. Try again soon.', { retryAfter: 2 });
  const { statusCode, message } = error as { statusCode?: number; message?: string };
  // Fastify's own refusals: JSON that cannot be read, a body that is too large, a media type.
  if (statusCode !== undefined && statusCode >= 400 && statusCode < 500) return new Problem(statusCode, 'bad-request', message ?? 'Bad request.');
  return new Problem(500, 'internal', 'Something went wrong here. It has been logged under this request id.');
}
