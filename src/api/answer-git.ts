import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response';
import { SignalboxError } from '../domain/errors.ts';
import { plainText } from '../domain/plain-text.ts';
import type { AppName } from '../domain/values.ts';
import { passwordGuard } from './admission.ts';
import { parameters } from './operations.ts';
import type { ApiOptions, GitRequest } from './options.ts';
import { problemOf } from './problems.ts';
import type { Call } from './requests.ts';

/** `/git/<app>.git`: what git's own clients ask for. Errors are plain text, which they show to the person. */
export function answerGit(options: ApiOptions, closing: AbortSignal): (call: Call) => Promise<Response> {
  const requireToken = passwordGuard(options.token);
  return async (call) => {
    try {
      const pusher = plainText(requireToken(call.req.header('authorization')), 200);
      if (options.git === undefined) throw new SignalboxError('NOT_FOUND', 'No git is served here.');
      if (closing.aborted) throw new SignalboxError('SHUTTING_DOWN', 'This control plane is being stopped.');
      await options.git({ ...wanted(call), pusher }, call.env);
      return RESPONSE_ALREADY_SENT;
    } catch (error) {
      if (call.env.outgoing.headersSent) {
        options.onFault(error);
        call.env.outgoing.destroy();
        return RESPONSE_ALREADY_SENT;
      }
      return refusal(error, options);
    }
  };
}

/** @throws NOT_FOUND */
function wanted(call: Call): Omit<GitRequest, 'pusher'> {
  const path = new URL(call.req.url).pathname;
  const found = /^\/git\/([^/]+?)(?:\.git)?\/(info\/refs|git-upload-pack|git-receive-pack)$/.exec(path);
  const app = parameters.app.safeParse(found?.[1]);
  const part = found?.[2] === 'info/refs' ? 'info/refs' : 'service';
  const service = part === 'service' ? found?.[2] : call.req.query('service');
  const method = part === 'service' ? 'POST' : 'GET';
  if (!app.success || (service !== 'git-upload-pack' && service !== 'git-receive-pack') || call.req.method !== method)
    throw new SignalboxError('NOT_FOUND', 'That is no repository of this Signalbox.', {
      hint: 'The address is http://HOST:PORT/git/<app>.git; `signalbox git remote` sets it up.',
    });
  return { app: app.data as AppName, service, part };
}

function refusal(error: unknown, options: ApiOptions): Response {
  const { status, detail, hint, code } = problemOf(error, options.onFault);
  return new Response(`${detail} [${code}]\n${hint === '' ? '' : `${hint}\n`}`, {
    status,
    headers: {
      'content-type': 'text/plain; charset=utf-8',
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
      ...(status === 401 ? { 'www-authenticate': 'Basic realm="Signalbox", charset="UTF-8"' } : {}),
      // What was not read of a refused body would be taken for the next request.
      ...(leavesABody(status) ? { connection: 'close' } : {}),
    },
  });
}

const leavesABody = (status: number): boolean => [401, 413, 503].includes(status);
