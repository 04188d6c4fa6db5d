import { createHash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { SignalboxError } from '../domain/errors.ts';
import type { Delivery, Hook } from '../domain/forge/delivery.ts';
import { hasProof, type ReadHeader } from '../domain/forge/headers.ts';
import type { DeliveryBody, HookAnswerBody, ListBody, WebhookAddedBody, WebhookBody } from './contract.ts';
import { operations } from './operations.ts';
import type { ApiOptions } from './options.ts';
import { type Answers, appOf, readBody, readQuery } from './requests.ts';
import type { WebhookCommands } from './webhook-commands.ts';

/** Forges send less; what is larger they cut themselves. */
const mostBytes = 1024 * 1024;
/** For a body to arrive. */
const bodyMs = 10_000;
/** Bodies read at a time, from whomever. */
const mostAtOnce = 128;

export function answerWebhooks({ webhooks, store }: ApiOptions) {
  const commands = (): WebhookCommands => {
    if (webhooks === undefined) throw new SignalboxError('NOT_FOUND', 'This control plane takes no webhooks.');
    return webhooks;
  };
  let reading = 0;
  return {
    webhooks: async (call) => call.json({ items: (await store.hooks()).map(presentHook) } satisfies ListBody<WebhookBody>),
    'add-webhook': async (call) => {
      const body = await readBody(call, operations['add-webhook'].request);
      const { hook, secret } = await commands().add({ app: appOf(call), ...body });
      return call.json({ ...presentHook(hook), secret } satisfies WebhookAddedBody);
    },
    'remove-webhook': async (call) => {
      await commands().remove(appOf(call));
      return call.body(null, 204);
    },
    deliveries: async (call) => {
      const { limit, before } = readQuery(call, operations.deliveries.query);
      const rows = await store.deliveries({ app: appOf(call) }, { limit, ...(before === undefined ? {} : { before }) });
      const next = rows.length === limit ? rows.at(-1)?.id : undefined;
      return call.json({
        items: rows.map(presentDelivery),
        ...(next === undefined ? {} : { next }),
      } satisfies ListBody<DeliveryBody>);
    },
    hook: async (call) => {
      const header: ReadHeader = (name) => call.req.header(name);
      if (!hasProof(header)) throw new SignalboxError('WEBHOOK_REFUSED', 'The call is not let in.');
      if (Number(header('content-length') ?? 0) > mostBytes) throw tooLarge();
      if (reading >= mostAtOnce) throw new SignalboxError('GIT_BUSY', 'Too many calls of webhooks are under way.');
      reading += 1;
      let body: Buffer;
      try {
        body = await readBytes(call.env.incoming);
      } finally {
        reading -= 1;
      }
      const digest = createHash('sha256').update(body).digest('hex');
      const { result, delivery } = await commands().take({ app: call.req.param('app') ?? '', header, body, digest });
      const answer: HookAnswerBody = { result: result === 'known' ? 'already taken' : result, delivery: delivery.id };
      return call.json(answer, result === 'known' ? 200 : 202);
    },
  } satisfies Partial<Answers>;
}

/** @throws TOO_LARGE, BAD_REQUEST for one that does not arrive whole or in time. */
async function readBytes(request: IncomingMessage): Promise<Buffer> {
  const parts: Buffer[] = [];
  let size = 0;
  const timer = setTimeout(() => request.destroy(new Error('The body did not arrive in time.')), bodyMs);
  try {
    for await (const part of request as AsyncIterable<Buffer>) {
      size += part.length;
      if (size > mostBytes) throw tooLarge();
      parts.push(part);
    }
  } catch (cause) {
    if (cause instanceof SignalboxError) throw cause;
    throw new SignalboxError('BAD_REQUEST', 'The body did not arrive completely.', { cause });
  } finally {
    clearTimeout(timer);
  }
  if (!request.complete) throw new SignalboxError('BAD_REQUEST', 'The body did not arrive completely.');
  return Buffer.concat(parts);
}

const tooLarge = (): SignalboxError => new SignalboxError('TOO_LARGE', 'The call of a webhook is larger than 1 MiB.');

const presentHook = ({ app, kind, url, token, deployKey, createdAt }: Hook): WebhookBody => ({
  app,
  kind,
  url,
  path: `/v1/hooks/${app}`,
  token,
  deployKey,
  createdAt: new Date(createdAt).toISOString(),
});

function presentDelivery({ id, name, event, receivedAt, state, attempts, outcome }: Delivery): DeliveryBody {
  const base = { id, name, type: event.type, receivedAt: new Date(receivedAt).toISOString(), state, attempts, outcome };
  if (event.type === 'moved') return { ...base, ref: event.ref, sha: event.after };
  if (event.type === 'deleted') return { ...base, ref: event.ref };
  if (event.type !== 'pull-request') return base;
  const { head, number, fromFork } = event;
  return { ...base, ref: `refs/heads/${head.ref}`, sha: head.sha, pullRequest: number, fromFork };
}
