import { posix } from 'node:path';
import { type AccessorySpec, accessoryVariables } from '../../domain/accessories.ts';
import { accessoriesIn, resolveReferences } from '../../domain/links.ts';
import type { AppSpec, ServiceSpec } from '../../domain/spec.ts';
import { appFolder } from '../image/facts.ts';
import { siteBase, sitePort } from '../image/gather.ts';
import { probeCommand } from '../image/probe-command.ts';
import type { PackedService } from '../image-files.ts';
import type { BlueprintInput } from '../input.ts';
import { accessoryFacts, check, type ComposedAccessory, type ComposeService, limits } from './accessories.ts';
import { literal } from './interpolation.ts';

export interface ComposedService {
  readonly name: string;
  readonly service: ComposeService;
  /** One-off before it: migrations and the like. */
  readonly before?: { readonly name: string; readonly service: ComposeService };
  readonly volumes: readonly string[];
  readonly hasHealth: boolean;
  readonly port: number;
  readonly notes: readonly string[];
}

export interface ComposeContext {
  readonly input: BlueprintInput;
  readonly accessories: ReadonlyMap<string, ComposedAccessory>;
}

/** One service of the app as a service of compose.yaml, with its release command as another that has to end well before. */
export function composeService(packed: PackedService, context: ComposeContext): ComposedService {
  const { spec } = context.input;
  const { service } = packed;
  const environment = environmentOf(packed, context);
  const needed = dependenciesOf(service, context);
  const image = imageOf(packed);
  const facts = 'facts' in packed ? packed.facts : undefined;
  const port = portOf(packed);
  const plain = 'folder' in packed;
  const probe = plain
    ? probeCommand({ language: 'static', port, health: { type: 'http', path: '/', timeoutSeconds: 2, graceSeconds: 60 } })
    : facts === undefined
      ? undefined
      : probeCommand(facts);
  const kept =
    facts === undefined
      ? []
      : service.persist.map((folder) => ({
          name: volumeName(service, folder, spec),
          at: posix.join(appFolder, facts.path, folder),
        }));
  const volumes = kept.length === 0 ? {} : { volumes: kept.map(({ name, at }) => `${name}:${literal(at)}`) };
  const before =
    service.release === undefined
      ? undefined
      : {
          name: free(`${service.name}-release`, spec),
          service: {
            ...image,
            command: ['/bin/sh', '-c', literal(service.release.run)],
            init: true,
            restart: 'no',
            ...environment,
            ...volumes,
            ...dependsOn(needed),
          },
        };
  const after = before === undefined ? {} : { [before.name]: { condition: 'service_completed_successfully' } };
  return {
    name: service.name,
    ...(before === undefined ? {} : { before }),
    volumes: kept.map(({ name }) => name),
    hasHealth: probe !== undefined,
    port,
    notes: [
      ...(service.replicas > 1 ? [`One instance here; ${service.replicas} in production.`] : []),
      ...(plain ? ['Files as they are in the folder: a change is there at once.'] : []),
      ...(facts === undefined && !plain && service.persist.length > 0
        ? [`Where its image keeps ${service.persist.join(', ')} is not known: mount a volume there.`]
        : []),
    ],
    service: {
      ...image,
      init: true,
      restart: 'unless-stopped',
      ...environment,
      ...volumes,
      ...dependsOn({ ...needed, ...after }),
      ...(probe === undefined ? {} : { healthcheck: healthOf(packed, probe) }),
      stop_grace_period: `${Math.ceil(service.grace / 1000)}s`,
      ...limits(service.resources),
    },
  };
}

function imageOf(packed: PackedService): ComposeService {
  if ('image' in packed) return { image: literal(packed.image) };
  if ('folder' in packed)
    return {
      image: siteBase,
      volumes: [`${literal(mountable(packed.folder))}:/srv:ro`, `./${siteFile(packed.service.name)}:/etc/caddy/Caddyfile:ro`],
    };
  const { context, dockerfile, target } =
    'own' in packed ? packed.own : { context: packed.facts.context, dockerfile: packed.dockerfile, target: undefined };
  return {
    build: {
      context: literal(context === '.' ? '.' : `./${context}`),
      dockerfile: literal(posix.relative(context, dockerfile)),
      ...(target === undefined ? {} : { target }),
    },
    ...('own' in packed && packed.service.run !== undefined ? { command: ['/bin/sh', '-c', literal(packed.service.run)] } : {}),
  };
}

/**
 * Variables in the order: of the accessories, then as declared, then those that only the code names. The last come from the terminal or
 * from .env; nothing is set where neither has them.
 */
function environmentOf(packed: PackedService, { input }: ComposeContext): ComposeService {
  const { service } = packed;
  if (service.kind === 'static') return {};
  const { spec } = input;
  const accessories = Object.values(spec.accessories ?? {});
  const declared = { ...accessoryVariables(accessories), ...service.env };
  const escaped = Object.fromEntries(Object.entries(declared).map(([name, value]) => [name, escapedBesidesReferences(value)]));
  const resolved = resolveReferences(
    escaped,
    (name) => addressOf(name, input),
    (name, field) => {
      const accessory = accessories.find((one) => one.name === name);
      return accessory === undefined ? '' : (accessoryFacts(accessory)[field] ?? '');
    },
  );
  const set = 'facts' in packed ? { ...packed.facts.runtimeEnv, ...packed.facts.command?.env } : {};
  const open = [
    ...new Set([
      ...(service.requires ?? []).map(({ name }) => name),
      ...(input.read[service.name] ?? []).filter(({ atBuild }) => !atBuild).map(({ name }) => name),
    ]),
  ]
    .filter((name) => !Object.hasOwn(resolved, name) && !Object.hasOwn(set, name))
    .sort();
  const port = 'facts' in packed || service.kind !== 'web' ? {} : { PORT: String(portOf(packed)) };
  const environment = { ...port, ...resolved, ...Object.fromEntries(open.map((name) => [name, null])) };
  return Object.keys(environment).length === 0 ? {} : { environment };
}

const escapedBesidesReferences = (value: string): string =>
  value
    .split(/(\$\{(?:services|accessories)\.[a-z0-9-]+\.[a-z]+\})/)
    .map((part, index) => (index % 2 === 1 ? part : literal(part)))
    .join('');

const addressOf = (name: string, { packed }: BlueprintInput): string => {
  const target = packed.find(({ service }) => service.name === name);
  return target === undefined ? '' : `http://${name}:${portOf(target)}`;
};

/** Settings of the server of a folder of files, relative to the repository. */
export const siteFile = (name: string): string => `compose/${name}.Caddyfile`;

/** Compose takes what begins with neither `.` nor `/` for the name of a volume. */
const mountable = (folder: string): string => (folder === '.' ? '.' : `./${folder}`);

export const portOf = (packed: PackedService): number =>
  ('facts' in packed ? packed.facts.port : 'folder' in packed ? sitePort : undefined) ?? packed.service.container?.port ?? 8080;

/** The accessories that its variables name, each as far as it can be waited for. */
function dependenciesOf(service: ServiceSpec, { input, accessories }: ComposeContext): Record<string, { condition: string }> {
  if (service.kind === 'static') return {};
  const all: readonly AccessorySpec[] = Object.values(input.spec.accessories ?? {});
  const named = accessoriesIn({ ...accessoryVariables(all), ...service.env });
  return Object.fromEntries(
    named.flatMap((name) => {
      const accessory = accessories.get(name);
      if (accessory === undefined || accessory.service['profiles'] !== undefined) return [];
      return [[name, { condition: accessory.hasHealth ? 'service_healthy' : 'service_started' }]];
    }),
  );
}

const dependsOn = (needed: Record<string, { condition: string }>): ComposeService =>
  Object.keys(needed).length === 0
    ? {}
    : // Copies: what is the same object in two places would be written as an anchor.
      { depends_on: Object.fromEntries(Object.entries(needed).map(([name, wait]) => [name, { ...wait }])) };

function healthOf({ service }: PackedService, probe: readonly string[]): Record<string, unknown> {
  return {
    ...check(['CMD', ...probe], Math.ceil(service.health.deadline / 1000)),
    timeout: `${Math.max(1, Math.ceil(service.health.timeout / 1000))}s`,
  };
}

/** Two folders never share a volume, however much alike they are called. */
function volumeName(service: ServiceSpec, folder: string, spec: AppSpec): string {
  const plain = (name: string, inner: string): string =>
    `${name}-${inner.replace(/[^A-Za-z0-9]+/g, '-').replace(/^-|-$/g, '') || 'data'}`;
  const wanted = plain(service.name, folder);
  const accessories = Object.keys(spec.accessories ?? {}).map((name) => `${name}-data`);
  const all = Object.values(spec.services).flatMap(({ name, persist }) => persist.map((inner) => ({ name, inner })));
  const alike = all.filter(({ name, inner }) => plain(name, inner) === wanted);
  const at =
    alike.findIndex(({ name, inner }) => name === service.name && inner === folder) + (accessories.includes(wanted) ? 1 : 0);
  return at === 0 ? wanted : `${wanted}.${at + 1}`;
}

/** A name that no service and no accessory has. */
export function free(wanted: string, spec: AppSpec): string {
  const taken = new Set([...Object.keys(spec.services), ...Object.keys(spec.accessories ?? {})]);
  return taken.has(wanted) ? free(`${wanted}-2`, spec) : wanted;
}
