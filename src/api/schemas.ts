import { z } from 'zod';
import type {
  AcceptedBody,
  AccessoryBody,
  DeployBody,
  DoctorBody,
  EnvironmentBody,
  EnvironmentStatusBody,
  EventBody,
  ListBody,
  LogBody,
  PingBody,
  PlanBody,
  ProblemBody,
  ReasonBody,
  ReleaseBody,
  RollbackBody,
  RolloutBody,
  ShutdownBody,
  SourceBody,
  StatusBody,
  SteeredBody,
  TrafficBody,
} from './contract.ts';
import { declaredBody, forceWindow, lockBody, promotedFromBody } from './schema-environments.ts';

/**
 * The contract's bodies as schemas: requests are checked with them, the OpenAPI description is printed from them, and tests hold
 * every answer against them. The annotations make a drift from contract.ts a type error.
 */
const count = z.int().nonnegative();
const time = z.iso.datetime();
const strategy = z.enum(['blue-green', 'rolling', 'canary'], { error: 'one of blue-green, rolling, canary' });
export const sha = z.string({ error: 'a full git SHA' }).regex(/^[0-9a-f]{40}(?:[0-9a-f]{24})?$/, { error: 'a full git SHA' });
const message = z.string({ error: 'text of at most 500 characters' }).max(500, { error: 'text of at most 500 characters' });

export const appName = z
  .string()
  .regex(/^[a-z](?:[a-z0-9-]{0,38}[a-z0-9])?$/, { error: '1 to 40 lower-case letters, digits and inner dashes, a letter first' });

/** Of the app inside its repository. */
export const folder = z
  .string({ error: 'a folder inside the repository, "." for its root' })
  .max(1024)
  .refine((path) => path === '.' || !/^\/|(?:^|\/)(?:\.{1,2}|)(?:\/|$)|[\\\0]/.test(path), {
    error: 'a folder inside the repository, "." for its root',
  });

export const deployBody: z.ZodType<DeployBody> = z
  .strictObject({
    sha,
    dirty: z.boolean({ error: 'true or false' }),
    folder,
    folderName: z.string({ error: 'a name' }).min(1).max(255),
    strategy: strategy.exactOptional(),
    forceWindow: forceWindow.exactOptional(),
  })
  .meta({ id: 'Deploy' });

export const accessoryBody: z.ZodType<AccessoryBody> = z
  .strictObject({ deleteData: z.boolean({ error: 'true or false' }).exactOptional() })
  .meta({ id: 'Accessory' });

export const rollbackBody: z.ZodType<RollbackBody> = z
  .strictObject({
    to: z
      .string({ error: 'a release such as v3' })
      .regex(/^v?[1-9]\d{0,8}$/, { error: 'a release such as v3' })
      .exactOptional(),
    force: z.boolean({ error: 'true or false' }).exactOptional(),
  })
  .meta({ id: 'Rollback' });

export const trafficBody: z.ZodType<TrafficBody> = z
  .strictObject({
    kind: z.enum(['open', 'hold', 'stop'], { error: 'one of open, hold, stop' }),
    message: message.exactOptional(),
  })
  .meta({ id: 'Traffic' });

export const shutdownBody: z.ZodType<ShutdownBody> = z
  .strictObject({ instances: z.boolean({ error: 'true or false' }) })
  .meta({ id: 'Shutdown' });

export const problemBody: z.ZodType<ProblemBody> = z
  .strictObject({
    type: z.string(),
    title: z.string(),
    status: z.int(),
    code: z.string(),
    detail: z.string(),
    hint: z.string(),
    retryable: z.boolean(),
    details: z.record(z.string(), z.unknown()).exactOptional(),
  })
  .meta({ id: 'Problem' });

export const pingBody: z.ZodType<PingBody> = z
  .strictObject({ name: z.literal('signalbox'), version: z.string(), pid: count })
  .meta({ id: 'Ping' });

export const sourceBody: z.ZodType<SourceBody> = z.strictObject({ sha, subject: z.string() }).meta({ id: 'Source' });
export const acceptedBody: z.ZodType<AcceptedBody> = z
  .strictObject({ rolloutId: z.string(), release: z.string() })
  .meta({ id: 'Accepted' });
export const steeredBody: z.ZodType<SteeredBody> = z.strictObject({ rolloutId: z.string() }).meta({ id: 'Steered' });

const reasonBody: z.ZodType<ReasonBody> = z
  .strictObject({
    code: z.string(),
    message: z.string(),
    service: z.string().exactOptional(),
    log: z.array(z.string()).exactOptional(),
  })
  .meta({ id: 'Reason' });

const megabytes = z.number().nonnegative().nullable();
export const planBody: z.ZodType<PlanBody> = z
  .strictObject({
    release: z.string(),
    operations: z.array(z.string()),
    notes: z.array(z.string()),
    memory: z.strictObject({ neededMb: megabytes, availableMb: megabytes, warmMb: megabytes }),
    promotedFrom: promotedFromBody.exactOptional(),
    refused: reasonBody.exactOptional(),
  })
  .meta({ id: 'Plan' });

const weights = z.array(z.strictObject({ release: z.string(), percent: z.number().min(0).max(100) }));
const milliseconds = z.number().nonnegative();

export const rolloutBody: z.ZodType<RolloutBody> = z
  .strictObject({
    id: z.string(),
    app: z.string(),
    environment: z.string(),
    kind: z.enum(['deploy', 'rollback']),
    release: z.string(),
    from: z.string().nullable(),
    sha: z.string(),
    subject: z.string(),
    phase: z.string(),
    ended: z.boolean(),
    live: z.boolean(),
    promotedFrom: promotedFromBody.exactOptional(),
    reason: reasonBody.exactOptional(),
    weights,
    steps: z.array(
      z.strictObject({
        name: z.string(),
        state: z.enum(['waiting', 'running', 'done', 'failed', 'skipped']),
        durationMs: milliseconds.exactOptional(),
      }),
    ),
    verdict: z.string().exactOptional(),
    createdAt: time,
    startedAt: time.nullable(),
    liveAt: time.nullable(),
    endedAt: time.nullable(),
    durationMs: milliseconds,
    switchMs: milliseconds.nullable(),
    restoreMs: milliseconds.nullable(),
    requests: z.strictObject({ served: count, dropped: count }),
  })
  .meta({ id: 'Rollout' });

export const releaseBody: z.ZodType<ReleaseBody> = z
  .strictObject({
    id: z.string(),
    release: z.string(),
    sha: z.string(),
    subject: z.string(),
    dirty: z.boolean(),
    createdAt: time,
    state: z.enum(['live', 'warm', 'candidate', 'kept']),
    services: z.array(z.strictObject({ name: z.string(), kind: z.string(), workload: z.string() })),
  })
  .meta({ id: 'Release' });

export const eventBody: z.ZodType<EventBody> = z
  .strictObject({
    sequence: count,
    type: z.string(),
    at: time,
    app: z.string().exactOptional(),
    environment: z.string().exactOptional(),
    rollout: z.string().exactOptional(),
    body: z.record(z.string(), z.unknown()),
  })
  .meta({ id: 'Event' });

export const logBody: z.ZodType<LogBody> = z
  .strictObject({ service: z.string(), release: z.string(), instance: z.string(), text: z.string() })
  .meta({ id: 'LogLine' });

const environmentStatusBody: z.ZodType<EnvironmentStatusBody> = z
  .strictObject({
    app: z.string(),
    environment: z.string(),
    release: z.string().nullable(),
    proven: z.string().nullable(),
    traffic: z.enum(['open', 'hold', 'stop']),
    urls: z.array(z.string()),
    weights,
    rollout: rolloutBody.nullable(),
    services: z.array(
      z.strictObject({
        service: z.string(),
        release: z.string(),
        kind: z.string(),
        declared: count,
        running: count,
        restarts: count,
        memoryMb: megabytes,
        fault: z.string().exactOptional(),
      }),
    ),
    accessories: z.array(
      z.strictObject({
        name: z.string(),
        what: z.string(),
        state: z.enum(['starting', 'running', 'backing-off', 'stopping', 'stopped']),
        healthy: z.boolean(),
        address: z.string().nullable(),
        restarts: count,
        memoryMb: megabytes,
        fault: z.string().exactOptional(),
      }),
    ),
    limited: count.exactOptional(),
    lock: lockBody.exactOptional(),
    drift: z.array(z.string()),
  })
  .meta({ id: 'EnvironmentStatus' });

export const environmentBody: z.ZodType<EnvironmentBody> = z
  .strictObject({ declared: declaredBody.nullable(), status: environmentStatusBody })
  .meta({ id: 'Environment' });

export const statusBody: z.ZodType<StatusBody> = z
  .strictObject({
    version: z.string(),
    home: z.string(),
    addresses: z.strictObject({ http: count, https: count.nullable(), api: count }),
    dataPlane: z.strictObject({ ready: z.boolean(), workers: count, skippedRoutes: z.array(z.string()) }),
    environments: z.array(environmentStatusBody),
  })
  .meta({ id: 'Status' });

export const doctorBody: z.ZodType<DoctorBody> = z
  .strictObject({
    checks: z.array(
      z.strictObject({
        name: z.string(),
        state: z.enum(['ok', 'warning', 'failed']),
        detail: z.string(),
        fix: z.string().exactOptional(),
      }),
    ),
  })
  .meta({ id: 'Doctor' });

export const listOf = <Row>(row: z.ZodType<Row>): z.ZodType<ListBody<Row>> =>
  z.strictObject({ items: z.array(row), next: z.string().exactOptional() });
