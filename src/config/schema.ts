import { z } from 'zod';
import { durationPattern, parseDuration } from './duration.ts';
import { repositoryPath } from './repository-path.ts';
import { accessoriesKey, accessoryChangesKey } from './schema-accessories.ts';
import { branchKey } from './schema-branches.ts';
import { devKey, requiresKey } from './schema-dev.ts';
import { dockerKeys } from './schema-docker.ts';
import { edgeKey } from './schema-edge.ts';
import { scheduleKeys } from './schema-environments.ts';
import { secretsKey } from './schema-secrets.ts';
import { pipelineKey } from './schema-pipeline.ts';

/**
 * signalbox.yaml, each key once: type, default, unit and sentence. The published JSON Schema, the checks and the defaults all come from here.
 * The `error` of a leaf is the phrase after "expected"; `mistakes.ts` builds the sentence around it.
 */

export const maxReplicas = 64;

const text = (expected: string) => z.string({ error: expected }).min(1, { error: expected });
const flag = () => z.boolean({ error: 'true or false' });
const count = (least: number, most: number) => {
  const error = `a whole number from ${least} to ${most}`;
  return z.int({ error }).min(least, { error }).max(most, { error });
};
const share = () => {
  const error = 'a number above 0 and below 1';
  return z.number({ error }).gt(0, { error }).lt(1, { error });
};
const duration = (least: string, most: string) => {
  const error = `a duration with its unit, such as 30s, 5m or 250ms, from ${least} to ${most}`;
  const [min, max] = [parseDuration(least) ?? 0, parseDuration(most) ?? 0];
  return z
    .string({ error })
    .regex(durationPattern, { error })
    .refine((value) => inRange(parseDuration(value), min, max), { error });
};
const inRange = (value: number | undefined, min: number, max: number): boolean =>
  value !== undefined && value >= min && value <= max;

const path = (what: string) => {
  const error = `${what}, a path inside the repository (relative, not leaving it)`;
  return text(error).refine((value) => repositoryPath(value) !== undefined, { error });
};
const command = (what: string) => {
  const error = `${what}, a shell command`;
  return text(error)
    .max(4096, { error })
    .refine((value) => value.trim() !== '' && !value.includes('\0'), { error });
};
const urlPath = () => {
  const error = 'a URL path that starts with / and has no spaces or #';
  return z
    .string({ error })
    .regex(/^\/[^\s#]*$/, { error })
    .max(2048, { error });
};
const routePath = () => {
  const error = 'a path prefix that starts with / and has no query, encoding, empty or dot segments';
  return z
    .string({ error })
    .regex(/^\/(?:(?!\.{1,2}(?:\/|$))[^\s#?%/\\]+(?:\/|$))*$/, { error })
    .max(1024, { error });
};
const hostPattern =
  /^(?:\*|(?:\*\.)?[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*)$/;
const host = () => {
  const error = 'a host name without port such as shop.example.com, *.example.com for one level, or * for every other host';
  return z.string({ error }).regex(hostPattern, { error }).max(253, { error });
};

/** Names of apps, services and environments become parts of host names, folders and ids. */
export const namePattern = /^[a-z](?:[a-z0-9-]{0,38}[a-z0-9])?$/;
const nameError = 'a name of 1 to 40 lower-case letters, digits and inner dashes that starts with a letter';
const name = () => z.string({ error: nameError }).regex(namePattern, { error: nameError });

const variables = () =>
  z.record(
    z
      .string()
      .regex(/^[A-Za-z_][A-Za-z0-9_]*$/, { error: 'a variable name of letters, digits and _ that does not start with a digit' }),
    z.union([z.string(), z.number(), z.boolean()], { error: "text, a number or true/false ('' for an empty value)" }),
    { error: 'variables as NAME: value' },
  );

export const healthSchema = z
  .strictObject(
    {
      path: urlPath().optional().meta({
        description:
          'Asked with GET; only 2xx is healthy, a redirect never is. Without it: the port accepts a connection (workers: the process stays up).',
      }),
      interval: duration('50ms', '1h').default('1s').meta({ description: 'Time between two checks.' }),
      timeout: duration('50ms', '10m').default('2s').meta({ description: 'Longest wait for one answer.' }),
      healthyAfter: count(1, 100).default(2).meta({ description: 'Consecutive successes needed.' }),
      unhealthyAfter: count(1, 100).default(3).meta({ description: 'Consecutive failures that make an instance unhealthy.' }),
      deadline: duration('1s', '24h')
        .default('60s')
        .meta({ description: 'From the first instance start to healthy; extended by progress.' }),
      upFor: duration('100ms', '1h')
        .default('5s')
        .meta({ description: 'Workers only: how long the process has to stay up to count as healthy.' }),
    },
    { error: 'a health check: a path such as /health, or { path, interval, timeout, … }' },
  )
  .meta({ id: 'health', description: 'How an instance shows that it is healthy.' });

export const routeSchema = z
  .strictObject(
    {
      host: host()
        .optional()
        .meta({ description: 'Host name, *.example.com for one level, * for every other host. Default: <app>.localhost.' }),
      path: routePath().default('/').meta({ description: 'Path prefix on segment borders; the longest prefix wins.' }),
      stripPath: flag().default(false).meta({ description: 'Take the prefix away before the request reaches the service.' }),
    },
    { error: 'a route: { host, path } or a path prefix such as /api' },
  )
  .meta({ id: 'route', description: 'Where clients reach the service.' });

export const releaseSchema = z
  .strictObject(
    {
      run: command('the release command').meta({
        description: 'Shell command run in `path`, at most once per rollout, before traffic; non-zero stops the rollout.',
      }),
      inputs: z
        .array(path('an input of the release command'), { error: 'a list of paths relative to the service folder' })
        .optional()
        .meta({
          description:
            'Paths relative to the service folder; with `when: changed` the command runs when one of them differs from the last time. Default: the service folder.',
        }),
      when: z
        .enum(['changed', 'always'], { error: 'changed or always' })
        .default('changed')
        .meta({ description: 'Run when the inputs changed, or on each release.' }),
      timeout: duration('1s', '24h')
        .default('5m')
        .meta({ description: 'The command is ended, and the rollout fails, after this time.' }),
    },
    { error: 'a release command: text, or { run, inputs, when, timeout }' },
  )
  .meta({ id: 'release', description: 'A command before traffic, such as database migrations.' });

export const staticSchema = z
  .strictObject(
    {
      folder: path('the folder to serve')
        .default('.')
        .meta({ description: 'Folder with the files to serve, relative to `path`, present after `build`.' }),
      spaFallback: flag().optional().meta({
        description:
          'Answer unknown paths without a file extension with /index.html. Default: true, false when the folder has a 404.html or other pages.',
      }),
    },
    { error: 'a folder such as dist, or { folder, spaFallback }' },
  )
  .meta({ id: 'static', description: 'Files that the data plane serves itself.' });

const resourcesSchema = z
  .strictObject(
    {
      memoryMb: count(16, 1_048_576).optional().meta({ description: 'MiB of memory per instance. Default: no limit.' }),
      cpus: z
        .number({ error: 'a number of cores from 0.05 to 256' })
        .min(0.05, { error: 'a number of cores from 0.05 to 256' })
        .max(256, { error: 'a number of cores from 0.05 to 256' })
        .optional()
        .meta({ description: 'CPU cores per instance, e.g. 0.5. Default: no limit.' }),
    },
    { error: 'limits: { memoryMb, cpus }' },
  )
  .meta({ id: 'resources' });

export const serviceSchema = z
  .strictObject(
    {
      path: path('the folder of the service')
        .default('.')
        .meta({ description: 'Folder of the service inside the repository; commands run in it.' }),
      inputs: z.array(path('an input of the build'), { error: 'a list of paths relative to the repository' }).optional().meta({
        description:
          'What belongs to the build besides `path`, relative to the repository. Default: the workspace closure and root lock file; the whole repository when unsure.',
      }),
      build: command('the build')
        .optional()
        .meta({ description: 'Shell command run in `path` to make the artifact. Default: nothing to build.' }),
      buildEnv: variables().default({}).meta({ description: 'Variables of the build; part of the build key.' }),
      toolchain: z
        .array(
          z
            .string({ error: 'the name of a program, such as node' })
            .regex(/^[A-Za-z0-9._+-]+$/, { error: 'the name of a program, such as node' }),
          { error: 'a list of program names' },
        )
        .optional()
        .meta({ description: 'Programs whose versions are part of the build key. Default: read from `build`.' }),
      run: command('the start command')
        .optional()
        .meta({ description: 'Shell command that starts an instance in `path`; gets PORT and HOST.' }),
      ...dockerKeys,
      static: z
        .union([path('the folder to serve'), staticSchema], { error: 'a folder such as dist, or { folder, spaFallback }' })
        .optional()
        .meta({ description: 'Folder of files that the data plane serves itself; instead of `run`.' }),
      replicas: count(1, maxReplicas).optional().meta({ description: 'Instances to keep running. Default: 1.' }),
      health: z
        .union([urlPath(), healthSchema], { error: 'a path such as /health, or { path, interval, timeout, … }' })
        .optional()
        .meta({
          description:
            'How an instance shows that it is healthy. Default: its port accepts a connection; workers: the process stays up.',
        }),
      route: z
        .union(
          [routePath(), routeSchema, z.array(routeSchema, { error: 'a list of routes' }).min(1, { error: 'at least one route' })],
          { error: 'a route: { host, path } or a path prefix such as /api' },
        )
        .optional()
        .meta({ description: 'Where clients reach the service. Without it a service with `run` is a worker.' }),
      env: variables()
        .default({})
        .meta({ description: 'Run-time variables. ${services.NAME.url} is the release-local address of another service.' }),
      secrets: secretsKey('Secrets of the environment that the service and its release command get as variables.'),
      release: z
        .union([command('the release command'), releaseSchema], {
          error: 'a release command: text, or { run, inputs, when, timeout }',
        })
        .optional()
        .meta({ description: 'A command before traffic, such as database migrations.' }),
      persist: z.array(path('a folder to keep'), { error: 'a list of folders relative to the service folder' }).default([]).meta({
        description:
          'Folders relative to `path` that last, shared by all instances of the environment; all else an instance writes is scratch.',
      }),
      drain: duration('0s', '24h')
        .default('30s')
        .meta({ description: 'How long requests in flight may go on after the switch.' }),
      grace: duration('0s', '1h').default('10s').meta({ description: 'From SIGTERM to SIGKILL.' }),
      overlap: flag()
        .optional()
        .meta({ description: 'Workers only: start the new one before the old one stops. Default: false.' }),
      single: flag().optional().meta({
        description:
          'Never two of it at once: a release stops the old one before it starts the new one, and its requests wait meanwhile (30s at most). Default: false.',
      }),
      resources: resourcesSchema.default({}).meta({ description: 'Limits per instance.' }),
      requestTimeout: duration('100ms', '24h')
        .default('60s')
        .meta({ description: 'Longest wait for the first byte of a response.' }),
      requires: requiresKey(),
      dev: devKey(),
      edge: edgeKey('What stands between clients and this service: headers, rate and body limits, on top of the app’s.'),
    },
    { error: 'a service: { run, build, route, … }' },
  )
  .meta({ id: 'service' });

const smokeSchema = z.array(
  z.union(
    [
      urlPath(),
      z.strictObject({
        path: urlPath().meta({ description: 'Asked with GET.' }),
        host: host().optional().meta({ description: 'Default: the first routed host that serves the path.' }),
        status: count(100, 599).optional().meta({ description: 'Default: any 2xx.' }),
        contains: text('text that the body contains').optional().meta({ description: 'Text that the body has to contain.' }),
      }),
    ],
    { error: 'a path such as /about, or { path, host, status, contains }' },
  ),
  { error: 'a list of paths such as [/, /about]' },
);

const strategyName = z.enum(['blue-green', 'rolling', 'canary'], { error: 'blue-green, rolling or canary' });
const percentError = 'a share such as 10% or 2.5%, above 0% and below 100%';
const percent = () =>
  z
    .string({ error: percentError })
    .regex(/^\d{1,2}(?:\.\d{1,2})?%$/, { error: percentError })
    .refine((value) => Number.parseFloat(value) > 0, { error: percentError });

export const strategySchema = z
  .strictObject(
    {
      type: strategyName
        .default('blue-green')
        .meta({ description: 'blue-green: all at once; rolling: instance by instance; canary: by shares of traffic.' }),
      steps: z
        .array(percent(), { error: 'a list of shares such as [10%, 50%]' })
        .min(1, { error: 'at least one share' })
        .max(20, { error: 'at most 20 shares' })
        .optional()
        .meta({ description: 'Canary only: rising shares of traffic. Default: [10%, 50%].' }),
      bake: duration('0s', '7d').default('60s').meta({ description: 'Watch period after full traffic.' }),
      warm: flag().default(true).meta({ description: 'Keep the old release running during the bake.' }),
      stepTimeout: duration('1s', '7d').default('30m').meta({ description: "Canary: longest wait for a step's verdict." }),
      onTimeout: z
        .enum(['hold', 'promote', 'rollback'], { error: 'hold, promote or rollback' })
        .default('hold')
        .meta({ description: "What to do when a step's verdict does not come in time." }),
      gate: z
        .strictObject(
          {
            alpha: share().default(0.005).meta({ description: 'False alarm probability over the whole rollout, 0..1.' }),
            beta: share().default(0.05).meta({ description: 'Probability of passing a release as bad as p1, 0..1.' }),
            p0Floor: share().default(0.01).meta({ description: 'Lowest error rate held to be normal, 0..1.' }),
            p1Floor: share().default(0.2).meta({ description: 'Lowest error rate held to be broken, 0..1.' }),
          },
          { error: 'error rates: { alpha, beta, p0Floor, p1Floor }' },
        )
        .optional()
        .meta({ description: 'Error rates of the sequential test.' }),
    },
    { error: 'blue-green, rolling, canary, or { type, steps, bake, … }' },
  )
  .meta({ id: 'strategy', description: 'How traffic moves to a new release.' });

const strategyOrName = () =>
  z.union([strategyName, strategySchema], { error: 'blue-green, rolling, canary, or { type, steps, bake, … }' });

const environmentSchema = z
  .strictObject(
    {
      branch: branchKey(),
      hosts: z
        .record(name(), host(), { error: 'hosts as service: host' })
        .default({})
        .meta({ description: 'Host per service, in place of the host of its routes.' }),
      replicas: z
        .record(name(), count(1, maxReplicas), { error: 'replicas as service: count' })
        .default({})
        .meta({ description: 'Instances per service.' }),
      env: variables().default({}).meta({ description: 'Run-time variables added to every service.' }),
      secrets: secretsKey('Secrets that every service of the environment gets as variables.'),
      accessories: accessoryChangesKey(name),
      strategy: strategyOrName().optional().meta({ description: 'In place of the app’s strategy.' }),
      ...scheduleKeys,
    },
    { error: 'an environment: { branch, hosts, replicas, env, secrets, accessories, strategy, windows, freezes }' },
  )
  .meta({ id: 'environment' });

export const appSchema = z
  .strictObject(
    {
      app: name().optional().meta({ description: 'Name of the app on this installation. Default: made from the folder name.' }),
      services: z
        .record(name(), serviceSchema, { error: 'services as name: { run, … }' })
        .refine((services) => Object.keys(services).length > 0, { error: 'at least one service' })
        .optional()
        .meta({ description: 'What runs. Default: what detection finds.' }),
      accessories: accessoriesKey(name),
      smoke: smokeSchema
        .default([])
        .meta({ description: 'Asked on the new release before the switch, and on the routes after it.' }),
      strategy: strategyOrName()
        .default('blue-green')
        .meta({ description: 'How traffic moves to a new release. Every strategy bakes.' }),
      edge: edgeKey('What stands between clients and the app: headers, rate and body limits. On by default.'),
      pipeline: pipelineKey(name),
      environments: z
        .record(name(), environmentSchema, { error: 'environments as name: { hosts, … }' })
        .default({})
        .meta({ description: 'Environments besides production, and what production changes.' }),
    },
    { error: 'signalbox.yaml as keys and values' },
  )
  .meta({ title: 'signalbox.yaml', description: 'What a repository declares to Signalbox.' });

export type AppFile = z.output<typeof appSchema>;
export type ServiceFile = z.output<typeof serviceSchema>;
export type StrategyFile = AppFile['strategy'];
