import { type AccessorySpec, accessoryImage, accessoryValues } from '../../domain/accessories.ts';
import { literal, localPassword, orElse, passwordName, portName } from './interpolation.ts';

/** One service of compose.yaml, in its own words. */
export type ComposeService = Record<string, unknown>;

/** Ports inside the containers of the types. */
const ports = { postgres: 5432, redis: 6379, mailcatcher: 8025, pgadmin: 5050 } as const;

export interface ComposedAccessory {
  readonly service: ComposeService;
  readonly volumes: readonly string[];
  /** Whether others can wait until it is healthy. */
  readonly hasHealth: boolean;
  readonly note: string;
}

/** Undefined for a custom one without an image, which exists as a process only. */
export function composeAccessory(spec: AccessorySpec, all: readonly AccessorySpec[]): ComposedAccessory | undefined {
  const image = accessoryImage(spec);
  if (image === undefined) return undefined;
  const own = Object.fromEntries(Object.entries(spec.env).map(([name, value]) => [name, inOwnEnvironment(value, spec)]));
  const base = { image: literal(image), restart: 'unless-stopped', ...limits(spec.resources) };
  const volume = `${spec.name}-data`;
  switch (spec.type) {
    case 'postgres': {
      const { user = 'app', database = 'app' } = accessoryFacts(spec);
      return {
        note: 'Its data lasts in a volume: `down --volumes` forgets it.',
        hasHealth: true,
        volumes: [volume],
        service: {
          ...base,
          environment: { POSTGRES_USER: user, POSTGRES_DB: database, POSTGRES_PASSWORD: secretOf(spec), ...own },
          volumes: [`${volume}:/var/lib/postgresql/data`],
          // By TCP: while it sets itself up, the server already answers on its socket.
          healthcheck: check(['CMD', 'pg_isready', '--host', '127.0.0.1', '--username', user, '--dbname', database]),
          stop_grace_period: '2m',
        },
      };
    }
    case 'redis':
      return {
        note: 'Writes down every change, so that a restart forgets nothing.',
        hasHealth: true,
        volumes: [volume],
        service: {
          ...base,
          command: ['redis-server', '--appendonly', 'yes', '--requirepass', secretOf(spec)],
          environment: { REDISCLI_AUTH: secretOf(spec), ...own },
          volumes: [`${volume}:/data`],
          healthcheck: check(['CMD-SHELL', 'redis-cli ping | grep -q PONG']),
          stop_grace_period: '30s',
        },
      };
    case 'mailcatcher':
      return {
        note: 'Takes mail and sends none; what came in is shown on its page.',
        hasHealth: false,
        volumes: [],
        service: {
          ...base,
          environment: { MP_MAX_MESSAGES: '500', ...own },
          ports: [`127.0.0.1:${orElse(portName(spec.name), ports.mailcatcher)}:${ports.mailcatcher}`],
        },
      };
    case 'pgadmin': {
      const databases = all.filter(({ type }) => type === 'postgres');
      return {
        note: 'Only when asked for: `docker compose --profile tools up`.',
        hasHealth: false,
        volumes: [volume],
        service: {
          ...base,
          profiles: ['tools'],
          environment: {
            PGADMIN_DEFAULT_EMAIL: accessoryFacts(spec).user,
            PGADMIN_DEFAULT_PASSWORD: secretOf(spec),
            PGADMIN_LISTEN_PORT: String(ports.pgadmin),
            ...own,
          },
          ports: [`127.0.0.1:${orElse(portName(spec.name), ports.pgadmin)}:${ports.pgadmin}`],
          volumes: [`${volume}:/var/lib/pgadmin`],
          ...(databases.length === 0
            ? {}
            : { depends_on: Object.fromEntries(databases.map(({ name }) => [name, { condition: 'service_healthy' }])) }),
        },
      };
    }
    case 'custom': {
      const folders = spec.persist.filter((folder) => folder.startsWith('/'));
      const names = folders.map((_, index) => (index === 0 ? volume : `${volume}-${index + 1}`));
      return {
        note: 'Reached by the services alone; add `ports` to reach it from this machine.',
        hasHealth: false,
        volumes: names,
        service: {
          ...base,
          ...(spec.run === undefined ? {} : { command: ['/bin/sh', '-c', literal(spec.run)] }),
          ...(Object.keys(own).length === 0 ? {} : { environment: own }),
          ...(folders.length === 0 ? {} : { volumes: folders.map((folder, index) => `${names[index]}:${literal(folder)}`) }),
        },
      };
    }
  }
}

/** What each reference to an accessory means inside of this file. */
export function accessoryFacts(spec: AccessorySpec): Readonly<Record<string, string>> {
  const port = spec.type === 'custom' ? (spec.port ?? 8080) : ports[spec.type];
  return accessoryValues(spec, { runtime: 'docker', inside: { host: spec.name, port }, password: secretOf(spec) });
}

export const secretOf = (spec: AccessorySpec): string => orElse(passwordName(spec), localPassword);

/** Its variables may name its own password. */
const inOwnEnvironment = (value: string, spec: AccessorySpec): string =>
  value.split(`\${accessories.${spec.name}.password}`).map(literal).join(secretOf(spec));

export function check(test: readonly string[], grace = 60): Record<string, unknown> {
  return { test: test.map(literal), interval: '5s', timeout: '5s', retries: 5, start_period: `${grace}s` };
}

export const limits = ({ memoryMb, cpus }: { readonly memoryMb?: number; readonly cpus?: number }): Record<string, unknown> => ({
  ...(memoryMb === undefined ? {} : { mem_limit: `${memoryMb}m` }),
  ...(cpus === undefined ? {} : { cpus }),
});
