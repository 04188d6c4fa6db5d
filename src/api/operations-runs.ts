import { z } from 'zod';
import type { Operation } from './operation.ts';
import { cancelRunBody, runBody, startedRunBody, startRunBody, stepLogBody } from './schema-runs.ts';
import { listOf } from './schemas.ts';

const whole = (least: number, most: number) =>
  z.coerce
    .number({ error: `a whole number from ${least} to ${most}` })
    .int()
    .min(least)
    .max(most);

export const runOperations = {
  'start-run': {
    method: 'post',
    path: '/v1/apps/{app}/runs',
    summary: 'Run the pipeline of a commit, and ship it when all has passed',
    request: startRunBody,
    status: 202,
    answer: startedRunBody,
  },
  runs: {
    method: 'get',
    path: '/v1/apps/{app}/runs',
    summary: 'Runs, newest first',
    query: z.strictObject({ limit: whole(1, 500).default(50), before: z.string().min(1).max(200).optional() }),
    status: 200,
    answer: listOf(runBody),
  },
  run: { method: 'get', path: '/v1/runs/{id}', summary: 'One run', status: 200, answer: runBody },
  'watch-run': {
    method: 'get',
    path: '/v1/runs/{id}/watch',
    summary: 'Follow a run until it has ended',
    status: 200,
    events: { run: runBody, log: z.strictObject({ step: z.string(), line: z.string() }) },
  },
  'step-log': {
    method: 'get',
    path: '/v1/runs/{id}/steps/{step}/log',
    summary: 'Output of a step, by line numbers; with `find` only the lines that contain it',
    query: z.strictObject({
      after: whole(0, Number.MAX_SAFE_INTEGER).default(0),
      limit: whole(1, 5000).default(1000),
      find: z.string().min(1).max(200).optional(),
    }),
    status: 200,
    answer: stepLogBody,
  },
  'cancel-run': {
    method: 'post',
    path: '/v1/runs/{id}/cancel',
    summary: 'End a run; a rollout that it has asked for goes on',
    request: cancelRunBody,
    status: 204,
  },
} as const satisfies Record<string, Operation>;
