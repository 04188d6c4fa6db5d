import { z } from 'zod';
import { deliveryBody, hookAnswerBody, newWebhookBody, webhookAddedBody, webhookBody } from './schema-webhooks.ts';
import { listOf } from './schemas.ts';

/** The operations of webhooks; part of the one table. */
export const webhookOperations = {
  webhooks: { method: 'get', path: '/v1/webhooks', summary: 'Webhooks of all apps', status: 200, answer: listOf(webhookBody) },
  'add-webhook': {
    method: 'post',
    path: '/v1/apps/{app}/webhook',
    summary: 'Take pushes that a forge tells of; the secret is shown in this answer and never again',
    request: newWebhookBody,
    status: 200,
    answer: webhookAddedBody,
  },
  'remove-webhook': {
    method: 'post',
    path: '/v1/apps/{app}/webhook/remove',
    summary: 'Take no more calls of the forge, and forget secret, token and key',
    status: 204,
  },
  deliveries: {
    method: 'get',
    path: '/v1/apps/{app}/webhook/deliveries',
    summary: 'What came over a webhook and what became of it, newest first',
    query: z.strictObject({
      limit: z.coerce.number({ error: 'a whole number from 1 to 500' }).int().min(1).max(500).default(20),
      before: z.string().min(1).max(200).optional(),
    }),
    status: 200,
    answer: listOf(deliveryBody),
  },
  hook: {
    method: 'post',
    path: '/v1/hooks/{app}',
    summary: 'What GitHub, GitLab, Gitea and Forgejo send; proven by their own signature, known replays are answered with 200',
    request: 'webhook',
    status: 202,
    answer: hookAnswerBody,
    open: true,
  },
} as const;
