import { Hono } from 'hono';
import { SignalboxError } from '../domain/errors.ts';
import { type Masker, maskTexts } from '../domain/masking.ts';
import { isLoopback, requireLoopbackName, tokenGuard } from './admission.ts';
import { answerCertificates } from './answer-certificates.ts';
import { answerCommands } from './answer-commands.ts';
import { answerEnvironments } from './answer-environments.ts';
import { answerGit } from './answer-git.ts';
import { answerReads } from './answer-reads.ts';
import { answerSecrets } from './answer-secrets.ts';
import { answerRuns } from './answer-runs.ts';
import { answerSource } from './answer-source.ts';
import { answerStreams, type StreamContext } from './answer-streams.ts';
import { answerWebhooks } from './answer-webhooks.ts';
import type { Operation } from './operation.ts';
import { type OperationName, operations } from './operations.ts';
import { problemOf } from './problems.ts';
import type { Answers, ApiBindings } from './requests.ts';

/** The API apart from listening. */
export function createApp(context: StreamContext, apiPort: () => number): Hono<{ Bindings: ApiBindings }> {
  const { options, closing } = context;
  const requireToken = tokenGuard(options.token);
  const loopback = isLoopback(options.host);
  const app = new Hono<{ Bindings: ApiBindings }>();
  const { followEvents, ...streams } = answerStreams(context);
  const reads = answerReads(options, apiPort);
  const events: Answers['events'] = (call) =>
    call.req.header('accept')?.includes('text/event-stream') === true ? followEvents(call) : reads.events(call);
  const answers: Answers = {
    ...reads,
    ...answerCommands(options),
    ...answerCertificates(options),
    ...answerEnvironments(options),
    ...answerSecrets(options),
    ...answerRuns(options),
    ...answerSource(options),
    ...answerWebhooks(options),
    ...streams,
    events,
  };

  app.use('*', async (call, next) => {
    // A forge comes by a public name, through a proxy in front; what it brings proves itself.
    const isHook = call.req.method === 'POST' && call.req.path.startsWith('/v1/hooks/');
    if (loopback && !call.env.viaSocket && !isHook) requireLoopbackName(call.req.header('host'));
    await next();
    if (call.finalized) call.res.headers.set('cache-control', 'no-store');
  });
  for (const [name, operation] of Object.entries<Operation>(operations)) {
    app.on(operation.method.toUpperCase(), operation.path.replaceAll(/\{(\w+)\}/g, ':$1'), async (call) => {
      if (operation.open !== true) requireToken(call.req.header('authorization'));
      if (closing.aborted) throw new SignalboxError('SHUTTING_DOWN', 'This control plane is being stopped.');
      return maskedAnswer(await answers[name as OperationName](call), name === 'openapi' ? undefined : options.mask);
    });
  }
  app.all('/git/*', answerGit(options, closing));
  app.all('*', (call) => {
    requireToken(call.req.header('authorization'));
    throw new SignalboxError('NOT_FOUND', `The API has no ${call.req.method} ${call.req.path.slice(0, 200)}.`, {
      hint: 'See GET /v1/openapi.json.',
    });
  });
  app.onError((error) => {
    const known = problemOf(error, options.onFault);
    const problem = options.mask === undefined ? known : maskTexts(known, options.mask);
    return new Response(JSON.stringify(problem), {
      status: problem.status,
      headers: {
        'content-type': 'application/problem+json',
        'cache-control': 'no-store',
        ...(problem.status === 401 ? { 'www-authenticate': 'Bearer' } : {}),
        // What was not read of a refused body would be taken for the next request.
        ...(problem.status === 413 ? { connection: 'close' } : {}),
      },
    });
  });
  return app;
}

/** No answer shows what is secret, whichever part of the product has put it into a sentence. */
async function maskedAnswer(answer: Response, mask: Masker | undefined): Promise<Response> {
  if (mask === undefined || answer.headers.get('content-type')?.startsWith('application/json') !== true) return answer;
  const body: unknown = await answer.json();
  return new Response(JSON.stringify(maskTexts(body, mask)), { status: answer.status, headers: answer.headers });
}
