import { z } from 'zod';
import type { Operation } from './operation.ts';
import { environmentOperations } from './operations-environments.ts';
import { webhookOperations } from './operations-webhooks.ts';
import { secretOperations } from './operations-secrets.ts';
import { runOperations } from './operations-runs.ts';
import { certificatesBody } from './schema-certificates.ts';
import { secretName } from './schema-secrets.ts';
import {
  acceptedBody,
  accessoryBody,
  appName,
  deployBody,
  doctorBody,
  eventBody,
  listOf,
  logBody,
  pingBody,
  planBody,
  releaseBody,
  rollbackBody,
  rolloutBody,
  shutdownBody,
  sourceBody,
  statusBody,
  steeredBody,
  trafficBody,
} from './schemas.ts';

const environment = '/v1/apps/{app}/environments/{environment}';
const whole = (least: number, most: number) =>
  z.coerce
    .number({ error: `a whole number from ${least} to ${most}` })
    .int()
    .min(least)
    .max(most);
const flag = z.enum(['true', 'false'], { error: 'true or false' }).transform((text) => text === 'true');
const page = z.strictObject({ limit: whole(1, 500).default(50), before: z.string().min(1).max(200).optional() });
const releaseQuery = z.string().regex(/^v?[1-9]\d{0,8}$/, { error: 'a release such as v3' });

export const operations = {
  ping: { method: 'get', path: '/v1/ping', summary: 'Who answers here', status: 200, answer: pingBody, open: true },
  openapi: {
    method: 'get',
    path: '/v1/openapi.json',
    summary: 'This description',
    status: 200,
    answer: z.record(z.string(), z.unknown()),
  },
  status: { method: 'get', path: '/v1/status', summary: 'Everything that runs, and drift', status: 200, answer: statusBody },
  doctor: {
    method: 'get',
    path: '/v1/doctor',
    summary: 'Checks of the installation from inside',
    status: 200,
    answer: doctorBody,
  },
  source: {
    method: 'post',
    path: '/v1/apps/{app}/source',
    summary: 'Send source as a git bundle',
    query: z.strictObject({ ref: z.string({ error: 'the ref of the bundle to use' }).min(1).max(255) }),
    request: 'bundle',
    status: 200,
    answer: sourceBody,
  },
  plan: {
    method: 'post',
    path: `${environment}/plan`,
    summary: 'What a deploy would do; changes nothing',
    request: deployBody,
    asker: true,
    status: 200,
    answer: planBody,
  },
  deploy: {
    method: 'post',
    path: `${environment}/deploys`,
    summary: 'Freeze a release and roll it out',
    request: deployBody,
    asker: true,
    status: 202,
    answer: acceptedBody,
  },
  rollback: {
    method: 'post',
    path: `${environment}/rollbacks`,
    summary: 'Roll out an earlier release again',
    request: rollbackBody,
    status: 202,
    answer: acceptedBody,
  },
  steer: {
    method: 'post',
    path: `${environment}/rollout/{verb}`,
    summary: 'Steer the running rollout: promote, abort, pause or resume',
    asker: true,
    status: 200,
    answer: steeredBody,
  },
  steerById: {
    method: 'post',
    path: '/v1/rollouts/{id}/{verb}',
    summary: 'Steer a rollout: promote, abort, pause or resume',
    asker: true,
    status: 200,
    answer: steeredBody,
  },
  traffic: {
    method: 'post',
    path: `${environment}/traffic`,
    summary: 'Serve, hold or refuse the requests of an environment',
    request: trafficBody,
    asker: true,
    status: 204,
  },
  accessory: {
    method: 'post',
    path: `${environment}/accessories/{name}/{act}`,
    summary: 'Restart an accessory, apply what the live release declares about it, or remove it',
    request: accessoryBody,
    status: 204,
  },
  releases: {
    method: 'get',
    path: `${environment}/releases`,
    summary: 'Releases, newest first',
    query: page,
    status: 200,
    answer: listOf(releaseBody),
  },
  rollouts: {
    method: 'get',
    path: `${environment}/rollouts`,
    summary: 'Rollouts, newest first',
    query: page,
    status: 200,
    answer: listOf(rolloutBody),
  },
  rollout: { method: 'get', path: '/v1/rollouts/{id}', summary: 'One rollout', status: 200, answer: rolloutBody },
  watch: {
    method: 'get',
    path: '/v1/rollouts/{id}/watch',
    summary: 'Follow a rollout until it has ended',
    status: 200,
    events: { rollout: rolloutBody, log: z.strictObject({ service: z.string(), line: z.string() }) },
  },
  events: {
    method: 'get',
    path: '/v1/events',
    summary: 'What has happened, oldest first; followed as server-sent events when accepted as such',
    query: z.strictObject({
      app: appName.optional(),
      environment: appName.optional(),
      rollout: z.string().min(1).max(100).optional(),
      after: whole(0, Number.MAX_SAFE_INTEGER).optional(),
      limit: whole(1, 500).default(100),
    }),
    status: 200,
    answer: listOf(eventBody),
    events: { event: eventBody },
  },
  logs: {
    method: 'get',
    path: `${environment}/logs`,
    summary: 'Output of the instances',
    query: z.strictObject({
      service: appName.optional(),
      release: releaseQuery.optional(),
      tail: whole(0, 10_000).default(100),
      follow: flag.default(false),
    }),
    status: 200,
    events: { line: logBody },
  },
  ...runOperations,
  certificates: {
    method: 'get',
    path: '/v1/certificates',
    summary: 'What HTTPS is served with',
    status: 200,
    answer: certificatesBody,
  },
  'reload-certificates': {
    method: 'post',
    path: '/v1/certificates/reload',
    summary: 'Read the folder of certificates now',
    status: 200,
    answer: certificatesBody,
  },
  ...environmentOperations,
  ...webhookOperations,
  ...secretOperations,
  shutdown: {
    method: 'post',
    path: '/v1/shutdown',
    summary: 'Stop Signalbox on this machine',
    request: shutdownBody,
    status: 202,
  },
} as const satisfies Record<string, Operation>;

export type OperationName = keyof typeof operations;

/** What path parameters have to look like. */
export const parameters = {
  app: appName,
  environment: appName,
  name: appName,
  secret: secretName,
  act: z.enum(['restart', 'apply', 'remove'], { error: 'one of restart, apply, remove' }),
  id: z.string().regex(/^[a-z0-9][a-z0-9-]{0,99}$/, { error: 'the id of a rollout or run' }),
  step: z.string().regex(/^(?:build:)?[a-z](?:[a-z0-9-]{0,38}[a-z0-9])?$/, { error: 'the name of a step' }),
  verb: z.enum(['promote', 'abort', 'pause', 'resume'], { error: 'one of promote, abort, pause, resume' }),
} as const;
