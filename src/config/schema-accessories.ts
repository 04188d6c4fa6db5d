import { z } from 'zod';
import { type AccessorySpec, type AccessoryType, accessoryTypes } from '../domain/accessories.ts';
import { type Millis, millis, type ServiceName } from '../domain/values.ts';
import { durationPattern, parseDuration } from './duration.ts';
import { dockerKeys } from './schema-docker.ts';

/** The `accessories` of signalbox.yaml: what runs beside the services and no release replaces. Imported by `schema.ts`. */

const types = `${accessoryTypes.slice(0, -1).join(', ')} or ${String(accessoryTypes.at(-1))}`;
const type = () => z.enum(accessoryTypes, { error: types });
const versionError = 'a version such as 16 or 7.2';
const commandError = 'a shell command';
const pathError = 'a URL path that starts with / and has no spaces or #';
const folderError = 'a folder: absolute inside the container, or relative to where the command runs';
const deadlineError = 'a duration with its unit from 1s to 1h, such as 60s or 5m';
const variableError = 'a variable name of letters, digits and _ that does not start with a digit';

const fields = {
  version: z
    .union([z.string().regex(/^\d+(?:\.\d+){0,2}$/, { error: versionError }), z.number().positive({ error: versionError })], {
      error: versionError,
    })
    .optional()
    .meta({
      description:
        'As much of the version as matters. Default on Docker: postgres 16, redis 7, mailcatcher 1.21, pgadmin 8; as a process what the system has.',
    }),
  image: dockerKeys.image.meta({
    description: 'Image in place of the one of the type; needs Docker. Default: by type and version, e.g. postgres:16.',
  }),
  run: z
    .string({ error: commandError })
    .max(4096, { error: commandError })
    .refine((value) => value.trim() !== '' && !value.includes('\0'), { error: commandError })
    .optional()
    .meta({
      description: 'custom only: command that starts it, listening on PORT; on Docker in place of what the image brings.',
    }),
  port: dockerKeys.port.meta({
    description: 'custom only: port that it listens on inside its container. Default: the one port that the image exposes.',
  }),
  health: z
    .string({ error: pathError })
    .regex(/^\/[^\s#]*$/, { error: pathError })
    .max(2048, { error: pathError })
    .optional()
    .meta({ description: 'custom only: path asked with GET; only 2xx is healthy. Default: its port accepts a connection.' }),
  deadline: z
    .string({ error: deadlineError })
    .regex(durationPattern, { error: deadlineError })
    .refine((value) => inRange(parseDuration(value)), { error: deadlineError })
    .optional()
    .meta({ description: 'From its start to healthy; a rollout that needs it fails after that. Default: 60s.' }),
  env: z
    .record(
      z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/, { error: variableError }),
      z.union([z.string(), z.number(), z.boolean()], { error: "text, a number or true/false ('' for an empty value)" }),
      { error: 'variables as NAME: value' },
    )
    .optional()
    .meta({ description: 'Its own variables. ${accessories.NAME.password} is the password that was made for it.' }),
  persist: z
    .array(z.string({ error: folderError }).min(1, { error: folderError }), { error: 'a list of folders' })
    .optional()
    .meta({
      description:
        'custom only: folders that last. Absolute ones count in a container, relative ones as a process. The other types know theirs.',
    }),
  resources: z
    .strictObject(
      {
        memoryMb: z
          .int({ error: 'a whole number from 16 to 1048576' })
          .min(16, { error: 'a whole number from 16 to 1048576' })
          .max(1_048_576, { error: 'a whole number from 16 to 1048576' })
          .optional()
          .meta({ description: 'MiB of memory. Default: no limit.' }),
        cpus: z
          .number({ error: 'a number of cores from 0.05 to 256' })
          .min(0.05, { error: 'a number of cores from 0.05 to 256' })
          .max(256, { error: 'a number of cores from 0.05 to 256' })
          .optional()
          .meta({ description: 'CPU cores, e.g. 0.5. Default: no limit.' }),
      },
      { error: 'limits: { memoryMb, cpus }' },
    )
    .optional()
    .meta({ description: 'Its limits.' }),
};

const inRange = (value: number | undefined): boolean => value !== undefined && value >= 1000 && value <= 3_600_000;

export const accessorySchema = z
  .strictObject(
    {
      type: type().meta({ description: 'What it is; custom: any image or command.' }),
      ...fields,
      when: z
        .enum(['always', 'dev'], { error: 'always or dev' })
        .optional()
        .meta({ description: 'dev: under `signalbox dev` only. Default: always.' }),
    },
    { error: `${types}, or { type, version, … }` },
  )
  .meta({ id: 'accessory' });

export const accessoriesKey = (name: () => z.ZodString) =>
  z
    .record(name(), z.union([type(), accessorySchema], { error: `${types}, or { type, version, … }` }), {
      error: 'accessories as name: type, or name: { type, … }',
    })
    .default({})
    .meta({
      description:
        'Databases and the like that run beside the services: started before them, never replaced by a release. Services get DATABASE_URL, REDIS_URL, SMTP_URL, SMTP_HOST and SMTP_PORT, and ${accessories.NAME.url} (host, port, user, password, database).',
    });

export const accessoryChangesKey = (name: () => z.ZodString) =>
  z
    .record(name(), z.strictObject(fields, { error: 'what is different here: { version, image, env, … }' }), {
      error: 'accessories as name: { version, … }',
    })
    .default({})
    .meta({ description: 'What is different about an accessory in this environment. Its data and password are its own anyway.' });

export type AccessoryFile = AccessoryType | z.output<typeof accessorySchema>;
export type AccessoryChanges = Readonly<Record<string, Omit<z.output<typeof accessorySchema>, 'type' | 'when'>>>;

export function completeAccessories(given: Readonly<Record<string, AccessoryFile>>): {
  readonly accessories?: Readonly<Record<string, AccessorySpec>>;
} {
  const entries = Object.entries(given).map(([name, one]): [string, AccessorySpec] => {
    const whole = typeof one === 'string' ? { type: one } : one;
    return [
      name,
      {
        name: name as ServiceName,
        deadline: millis(60_000),
        env: {},
        persist: [],
        resources: {},
        ...changed(whole),
        type: whole.type,
        when: whole.when ?? 'always',
      },
    ];
  });
  return entries.length === 0 ? {} : { accessories: Object.fromEntries(entries) };
}

export function completeAccessoryChanges(given: AccessoryChanges): {
  readonly accessories?: Readonly<Record<string, Partial<AccessorySpec>>>;
} {
  const entries = Object.entries(given).map(([name, one]) => [name, changed(one)] as const);
  return entries.length === 0 ? {} : { accessories: Object.fromEntries(entries) };
}

/** The fields that were written, in the domain's words. */
function changed(given: AccessoryChanges[string]): Partial<AccessorySpec> {
  const { version, image, run, port, health, deadline, env, persist, resources } = given;
  return {
    ...(version === undefined ? {} : { version: String(version) }),
    ...(image === undefined ? {} : { image }),
    ...(run === undefined ? {} : { run }),
    ...(port === undefined ? {} : { port }),
    ...(health === undefined ? {} : { healthPath: health }),
    ...(deadline === undefined ? {} : { deadline: parseDuration(deadline) as Millis }),
    ...(env === undefined ? {} : { env: Object.fromEntries(Object.entries(env).map(([key, value]) => [key, String(value)])) }),
    ...(persist === undefined ? {} : { persist }),
    ...(resources === undefined
      ? {}
      : {
          resources: {
            ...(resources.memoryMb === undefined ? {} : { memoryMb: resources.memoryMb }),
            ...(resources.cpus === undefined ? {} : { cpus: resources.cpus }),
          },
        }),
  };
}
