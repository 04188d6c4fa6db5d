import type { FastifyReply, FastifyRequest } from 'fastify';

const NAME = 'tasks_session';
const LONGEST_S = 30 * 24 * 60 * 60;

export function sessionTokenOf(request: FastifyRequest): string | undefined {
  for (const pair of (request.headers.cookie ?? '').split(';')) {
    const [name, value] = pair.trim().split('=', 2);
    if (name === NAME && value) return value;
  }
  return undefined;
}

/** Sets the session's cookie, or removes it. Sent back over HTTPS only when it was set over HTTPS. */
export function setSessionCookie(request: FastifyRequest, reply: FastifyReply, token: string | undefined): void {
  const secure = request.protocol === 'https' ? '; Secure' : '';
  const age = token === undefined ? 0 : LONGEST_S;
  reply.header('set-cookie', `${NAME}=${token ?? ''}; Path=/api; Max-Age=${age}; HttpOnly; SameSite=Strict${secure}`);
}
