import { accessoryReference } from './links.ts';
import type { Workload } from './release.ts';
import type { AccessorySpec, AccessoryType, HealthSpec, RuntimeKind } from './spec.ts';
import { type AppName, type BuildKey, type EnvironmentName, millis, type WorkloadId } from './values.ts';

/** What an app needs beside its services and does not make itself: a database, a cache, a mail catcher. */

export type { AccessorySpec, AccessoryType, RuntimeKind } from './spec.ts';
export { accessoryTypes } from './spec.ts';

export interface AccessoryPlace {
  readonly app: AppName;
  readonly environment: EnvironmentName;
  readonly runtime: RuntimeKind;
}

/** SIGTERM to SIGKILL: a database that is killed has to recover, so it gets time to write down what it holds. */
export const accessoryGrace = millis(120_000);

/**
 * Names the accessory, not its configuration: a changed version must not be taken for another database. The two lengths keep the
 * names apart that dashes inside of them would run together.
 */
export const accessoryId = (app: AppName, environment: EnvironmentName, name: string): WorkloadId =>
  `${app}-${environment}-${name}-accessory-${app.length}-${environment.length}` as WorkloadId;

export const isAccessoryId = (id: WorkloadId): boolean => /-accessory-\d+-\d+$/.test(id);

/** Images by type; with their versions, never `latest`. */
const images: Readonly<Record<Exclude<AccessoryType, 'custom'>, { readonly name: string; readonly version: string }>> = {
  postgres: { name: 'postgres', version: '16' },
  redis: { name: 'redis', version: '7' },
  mailcatcher: { name: 'axllent/mailpit', version: 'v1.21' },
  pgadmin: { name: 'dpage/pgadmin4', version: '8' },
};

/** Undefined for a custom one without `image`: it exists as a process only. */
export function accessoryImage(spec: AccessorySpec): string | undefined {
  if (spec.image !== undefined || spec.type === 'custom') return spec.image;
  const { name, version } = images[spec.type];
  return `${name}:${spec.version === undefined ? version : spec.type === 'mailcatcher' ? `v${spec.version}` : spec.version}`;
}

/** Ports inside their containers. Of the mail catcher it is the one of its web page; mail comes in on `smtpPort`. */
const containerPorts = { postgres: 5432, redis: 6379, mailcatcher: 8025, pgadmin: 5050 } as const;
export const smtpPort = 1025;

/**
 * The accessory as a workload. It is a program with a port: `web` to a runtime, though no route leads to it. Its variables refer to
 * its own password, which is resolved when it starts, like every reference.
 */
export function accessoryWorkload(spec: AccessorySpec, place: AccessoryPlace): Workload {
  const { app, environment, runtime } = place;
  const docker = runtime === 'docker';
  const image = accessoryImage(spec);
  const { run, env, persist } = launchOf(spec, runtime);
  const port = docker ? (spec.type === 'custom' ? spec.port : containerPorts[spec.type]) : undefined;
  return {
    id: accessoryId(app, environment, spec.name),
    app,
    environment,
    service: spec.name,
    kind: 'web',
    artifact: {
      app,
      service: spec.name,
      key: 'given' as BuildKey,
      path: `.accessories/${spec.name}`,
      given:
        docker && image !== undefined
          ? { image }
          : { system: programs[spec.type], ...(spec.version === undefined ? {} : { version: spec.version }) },
    },
    ...(run === undefined ? {} : { run }),
    ...(port === undefined ? {} : { port }),
    ...(spec.type === 'postgres' ? { stopSignal: 'SIGINT' } : {}),
    env: { ...env, ...spec.env },
    health: healthOf(spec, runtime),
    persist,
    resources: spec.resources,
    drain: millis(0),
    grace: accessoryGrace,
    requestTimeout: millis(60_000),
  };
}

const programs = {
  postgres: 'postgres',
  redis: 'redis',
  mailcatcher: 'mail-catcher',
  pgadmin: 'command',
  custom: 'command',
} as const;

interface Launch {
  readonly run?: string;
  readonly env: Readonly<Record<string, string>>;
  readonly persist: readonly string[];
}

function launchOf(spec: AccessorySpec, runtime: RuntimeKind): Launch {
  const password = accessoryReference(spec.name, 'password');
  const docker = runtime === 'docker';
  switch (spec.type) {
    case 'postgres':
      return {
        env: {
          POSTGRES_USER: postgresNames(spec).user,
          POSTGRES_DB: postgresNames(spec).database,
          POSTGRES_PASSWORD: password,
          // Below the mount point: a fresh volume may hold a lost+found, which initdb refuses.
          ...(docker ? { PGDATA: '/var/lib/postgresql/data/cluster' } : {}),
        },
        persist: docker ? ['/var/lib/postgresql/data'] : ['data'],
      };
    case 'redis':
      return {
        ...(docker ? { run: redisInContainer } : {}),
        env: { REDIS_PASSWORD: password },
        persist: docker ? ['/data'] : ['data'],
      };
    case 'mailcatcher':
      return { env: docker ? { MP_MAX_MESSAGES: '500' } : {}, persist: [] };
    case 'pgadmin':
      return {
        env: {
          PGADMIN_DEFAULT_EMAIL: pgadminUser,
          PGADMIN_DEFAULT_PASSWORD: password,
          PGADMIN_LISTEN_PORT: `${containerPorts.pgadmin}`,
        },
        persist: ['/var/lib/pgadmin'],
      };
    case 'custom':
      return {
        ...(spec.run === undefined ? {} : { run: spec.run }),
        env: {},
        persist: spec.persist.filter((folder) => folder.startsWith('/') === docker),
      };
  }
}

/** The settings come by standard input: arguments can be read by every user of the machine. */
const redisInContainer = `password=$REDIS_PASSWORD; unset REDIS_PASSWORD
exec $(command -v docker-entrypoint.sh) redis-server - <<END
port 6379
dir /data
appendonly yes
requirepass $password
END`;

const pgadminUser = 'admin@example.com';

function postgresNames({ env }: AccessorySpec): { readonly user: string; readonly database: string } {
  const user = env['POSTGRES_USER'] ?? 'app';
  return { user, database: env['POSTGRES_DB'] ?? user };
}

function healthOf(spec: AccessorySpec, runtime: RuntimeKind): HealthSpec {
  const path = spec.healthPath ?? (spec.type === 'mailcatcher' && runtime === 'docker' ? '/readyz' : undefined);
  return {
    type: path !== undefined ? 'http' : spec.type === 'postgres' ? 'postgres' : 'port',
    ...(path === undefined ? {} : { path }),
    interval: millis(2000),
    timeout: millis(2000),
    healthyAfter: 2,
    unhealthyAfter: 3,
    deadline: spec.deadline,
    upFor: millis(5000),
  };
}

/** What is known of a running accessory. */
export interface AccessoryFacts {
  readonly runtime: RuntimeKind;
  /** Where the services of its environment reach it. */
  readonly inside: { readonly host: string; readonly port: number };
  readonly password: string;
}

/** Names after `${accessories.NAME.` that a type has. */
export const accessoryFields: Readonly<Record<AccessoryType, readonly string[]>> = {
  postgres: ['url', 'host', 'port', 'user', 'password', 'database'],
  redis: ['url', 'host', 'port', 'password'],
  mailcatcher: ['url', 'host', 'port', 'web'],
  pgadmin: ['url', 'host', 'port', 'user', 'password'],
  custom: ['url', 'host', 'port', 'password'],
};

/** What each reference to the accessory means. Passwords are made of characters that need no escaping in a URL. */
export function accessoryValues(spec: AccessorySpec, facts: AccessoryFacts): Readonly<Record<string, string>> {
  const { password } = facts;
  const { host, port } = facts.inside;
  const at = `${host}:${port}`;
  const common = { host, port: `${port}`, password };
  switch (spec.type) {
    case 'postgres': {
      const { user, database } = postgresNames(spec);
      return { ...common, user, database, url: `postgres://${user}:${password}@${at}/${database}` };
    }
    case 'redis':
      return { ...common, url: `redis://:${password}@${at}` };
    case 'mailcatcher': {
      const smtp = facts.runtime === 'docker' ? smtpPort : port + 1;
      return { host, port: `${smtp}`, url: `smtp://${host}:${smtp}`, web: `http://${at}` };
    }
    case 'pgadmin':
      return { ...common, user: spec.env['PGADMIN_DEFAULT_EMAIL'] ?? pgadminUser, url: `http://${at}` };
    case 'custom':
      return { ...common, url: `http://${at}` };
  }
}

/** Variables that every service gets: for the first accessory of a type, in the order of the file. */
export function accessoryVariables(accessories: readonly AccessorySpec[]): Record<string, string> {
  const first = (type: AccessoryType): string | undefined => accessories.find((one) => one.type === type)?.name;
  const db = first('postgres');
  const cache = first('redis');
  const mail = first('mailcatcher');
  return {
    ...(db === undefined ? {} : { DATABASE_URL: accessoryReference(db, 'url') }),
    ...(cache === undefined ? {} : { REDIS_URL: accessoryReference(cache, 'url') }),
    ...(mail === undefined
      ? {}
      : {
          SMTP_URL: accessoryReference(mail, 'url'),
          SMTP_HOST: accessoryReference(mail, 'host'),
          SMTP_PORT: accessoryReference(mail, 'port'),
        }),
  };
}

/** One line for people: `postgres 16`, `redis`, `custom (minio/minio:RELEASE.2024-01-01)`. */
export function describeAccessory(spec: AccessorySpec): string {
  if (spec.image !== undefined) return `${spec.type} (${spec.image})`;
  return spec.version === undefined ? spec.type : `${spec.type} ${spec.version}`;
}

/** Whether the two ask for the same thing. `when` and the deadline change nothing that runs. */
export function sameAccessory(a: AccessorySpec, b: AccessorySpec): boolean {
  const facts = ({ when: _when, deadline: _deadline, env, ...rest }: AccessorySpec): string =>
    JSON.stringify([Object.entries(env).sort(byName), Object.entries(rest).sort(byName)]);
  return facts(a) === facts(b);
}

const byName = ([a]: readonly [string, unknown], [b]: readonly [string, unknown]): number => (a < b ? -1 : 1);
