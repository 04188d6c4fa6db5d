import { z } from 'zod';
import type { DeliveryBody, HookAnswerBody, NewWebhookBody, WebhookAddedBody, WebhookBody } from './contract.ts';

const kind = z.enum(['github', 'gitlab', 'gitea'], { error: 'one of github, gitlab, gitea' });
const line = (most: number) => z.string().min(1).max(most);

export const newWebhookBody: z.ZodType<NewWebhookBody> = z
  .strictObject({
    kind,
    url: line(1000),
    api: line(1000).exactOptional(),
    secret: line(1000).exactOptional(),
    token: line(4096).exactOptional(),
    deployKey: line(20_000).exactOptional(),
  })
  .meta({ id: 'NewWebhook' });

const webhook = {
  app: z.string(),
  kind,
  url: z.string(),
  path: z.string(),
  token: z.boolean(),
  deployKey: z.boolean(),
  createdAt: z.string(),
};

export const webhookBody: z.ZodType<WebhookBody> = z.strictObject(webhook).meta({ id: 'Webhook' });

export const webhookAddedBody: z.ZodType<WebhookAddedBody> = z
  .strictObject({ ...webhook, secret: z.string() })
  .meta({ id: 'WebhookAdded' });

export const deliveryBody: z.ZodType<DeliveryBody> = z
  .strictObject({
    id: z.string(),
    name: z.string(),
    type: z.string(),
    ref: z.string().exactOptional(),
    sha: z.string().exactOptional(),
    pullRequest: z.int().exactOptional(),
    fromFork: z.boolean().exactOptional(),
    receivedAt: z.string(),
    state: z.enum(['waiting', 'working', 'done', 'failed']),
    attempts: z.int(),
    outcome: z.string().nullable(),
  })
  .meta({ id: 'Delivery' });

export const hookAnswerBody: z.ZodType<HookAnswerBody> = z
  .strictObject({ result: z.enum(['taken', 'noted', 'already taken']), delivery: z.string() })
  .meta({ id: 'HookAnswer' });
