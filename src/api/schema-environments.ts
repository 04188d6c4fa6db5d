import { z } from 'zod';
import type {
  DeclaredBody,
  DiffBody,
  EnvironmentRowBody,
  LockBody,
  LockRequestBody,
  PromotedFromBody,
  PromotionBody,
  SyncBody,
  UnlockBody,
  UnlockedBody,
} from './contract/environments.ts';

const count = z.int().nonnegative();
const time = z.iso.datetime();
const flag = z.boolean({ error: 'true or false' });
const words = z.array(z.string());
const releaseName = z.string({ error: 'a release such as v3' }).regex(/^v?[1-9]\d{0,8}$/, { error: 'a release such as v3' });

/** One line for people: a reason, or who somebody is. */
export const line = (what: string, most: number) => {
  const error = `${what}, one line of 1 to ${most} characters`;
  return z
    .string({ error })
    .max(most, { error })
    .refine((text) => text.trim() !== '' && !/\p{Cc}/u.test(text), { error });
};
export const forceWindow = line('the reason to go through a closed window', 500);

export const environmentName = z
  .string({ error: 'the name of an environment' })
  .regex(/^[a-z](?:[a-z0-9-]{0,38}[a-z0-9])?$/, { error: 'the name of an environment' });

export const promotionBody: z.ZodType<PromotionBody> = z
  .strictObject({
    from: environmentName,
    release: releaseName.exactOptional(),
    force: flag.exactOptional(),
    strategy: z.enum(['blue-green', 'rolling', 'canary'], { error: 'one of blue-green, rolling, canary' }).exactOptional(),
    forceWindow: forceWindow.exactOptional(),
  })
  .meta({ id: 'Promotion' });

export const promotedFromBody: z.ZodType<PromotedFromBody> = z
  .strictObject({ environment: z.string(), release: z.string(), keys: z.record(z.string(), z.string()) })
  .meta({ id: 'PromotedFrom' });

export const lockBody: z.ZodType<LockBody> = z
  .strictObject({ owner: z.string(), reason: z.string(), since: time })
  .meta({ id: 'Lock' });
export const lockRequestBody: z.ZodType<LockRequestBody> = z
  .strictObject({ reason: line('the reason of the lock', 500) })
  .meta({ id: 'LockRequest' });
export const unlockBody: z.ZodType<UnlockBody> = z.strictObject({ force: flag.exactOptional() }).meta({ id: 'Unlock' });
export const unlockedBody: z.ZodType<UnlockedBody> = z.strictObject({ was: lockBody.nullable() }).meta({ id: 'Unlocked' });

export const environmentRowBody: z.ZodType<EnvironmentRowBody> = z
  .strictObject({
    environment: z.string(),
    release: z.string().nullable(),
    proven: z.string().nullable(),
    sha: z.string().nullable(),
    promotedFrom: z.strictObject({ environment: z.string(), release: z.string() }).exactOptional(),
    lock: lockBody.exactOptional(),
  })
  .meta({ id: 'EnvironmentRow' });

export const declaredBody: z.ZodType<DeclaredBody> = z
  .strictObject({
    release: z.string(),
    sha: z.string(),
    subject: z.string(),
    createdAt: time,
    promotedFrom: promotedFromBody.exactOptional(),
    strategy: z.string(),
    branch: z.union([z.string(), z.literal(false)]).exactOptional(),
    services: z.array(
      z.strictObject({
        service: z.string(),
        kind: z.string(),
        key: z.string(),
        replicas: count,
        hosts: words,
        variables: words,
        secrets: z.array(z.strictObject({ variable: z.string(), secret: z.string(), version: count })),
      }),
    ),
    accessories: words,
    windows: words,
    closed: z.strictObject({ because: z.string(), next: time.nullable() }).exactOptional(),
  })
  .meta({ id: 'Declared' });

const side = z.strictObject({ environment: z.string(), release: z.string(), sha: z.string() });
const pair = <Schema extends z.ZodType>(schema: Schema) => z.tuple([schema.nullable(), schema.nullable()]);

export const diffBody: z.ZodType<DiffBody> = z
  .strictObject({
    first: side,
    second: side,
    sameBuilds: z.boolean(),
    services: z.array(
      z.strictObject({
        service: z.string(),
        keys: pair(z.string()),
        sameBuild: z.boolean(),
        replicas: pair(count),
        hosts: pair(words),
        variables: z.strictObject({ onlyFirst: words, onlySecond: words, different: words }),
      }),
    ),
  })
  .meta({ id: 'EnvironmentDiff' });

export const syncBody: z.ZodType<SyncBody> = z.strictObject({ applied: words, before: words, after: words }).meta({ id: 'Sync' });
