import { z } from 'zod';
import type { CancelRunBody, RunBody, RunReasonBody, StartedRunBody, StartRunBody, StepLogBody } from './contract.ts';
import { appName, folder, sha } from './schemas.ts';

const time = z.iso.datetime();
const who = z
  .string({ error: 'a name of at most 100 characters' })
  .max(100, { error: 'a name of at most 100 characters' })
  .refine((text) => !/\p{Cc}/u.test(text), { error: 'a name without control characters' });
const ref = 'a full name such as refs/heads/main';

export const startRunBody: z.ZodType<StartRunBody> = z
  .strictObject({
    sha,
    ref: z
      .string({ error: ref })
      .max(255, { error: ref })
      .regex(/^refs\/(?:heads|tags)\/(?!.*(?:\.\.|@\{|\/\/|\.lock(?:\/|$)|\/\.|\/$))[^\s\p{Cc}~^:?*[\\]+$/u, { error: ref })
      .exactOptional(),
    dirty: z.boolean({ error: 'true or false' }),
    folder,
    folderName: z.string({ error: 'a name' }).min(1).max(255),
    environments: z.array(appName, { error: 'a list of environments' }).max(20, { error: 'at most 20 environments' }),
    retryOf: z
      .string({ error: 'the id of a run' })
      .regex(/^[a-z0-9][a-z0-9-]{0,99}$/, { error: 'the id of a run' })
      .exactOptional(),
    who: who.exactOptional(),
  })
  .meta({ id: 'StartRun' });

export const startedRunBody: z.ZodType<StartedRunBody> = z.strictObject({ runId: z.string() }).meta({ id: 'StartedRun' });
export const cancelRunBody: z.ZodType<CancelRunBody> = z.strictObject({ who: who.exactOptional() }).meta({ id: 'CancelRun' });

const reason: z.ZodType<RunReasonBody> = z
  .strictObject({
    code: z.string(),
    message: z.string(),
    step: z.string().exactOptional(),
    log: z.array(z.string()).exactOptional(),
  })
  .meta({ id: 'RunReason' });

export const runBody: z.ZodType<RunBody> = z
  .strictObject({
    id: z.string(),
    app: z.string(),
    sha: z.string(),
    subject: z.string(),
    ref: z.string().nullable(),
    dirty: z.boolean(),
    folder: z.string(),
    folderName: z.string(),
    by: z.enum(['push', 'webhook', 'command']),
    who: z.string(),
    phase: z.string(),
    ended: z.boolean(),
    reason: reason.exactOptional(),
    steps: z.array(
      z.strictObject({
        name: z.string(),
        kind: z.enum(['build', 'command']),
        state: z.enum(['waiting', 'running', 'passed', 'failed', 'cancelled', 'skipped']),
        tries: z.int().nonnegative(),
        optional: z.boolean(),
        cached: z.boolean(),
        exitCode: z.int().nullable(),
        durationMs: z.number().nonnegative().exactOptional(),
        reason: reason.exactOptional(),
      }),
    ),
    deploys: z.array(
      z.strictObject({
        environment: z.string(),
        rolloutId: z.string().nullable(),
        state: z.enum(['waiting', 'asked', 'live', 'same', 'failed']),
      }),
    ),
    createdAt: time,
    startedAt: time.nullable(),
    endedAt: time.nullable(),
    durationMs: z.number().nonnegative(),
  })
  .meta({ id: 'Run' });

export const stepLogBody: z.ZodType<StepLogBody> = z
  .strictObject({
    lines: z.array(z.strictObject({ number: z.int().positive(), text: z.string() })),
    next: z.int().nonnegative(),
  })
  .meta({ id: 'StepLog' });
