import { type AccessorySpec, accessoryImage, accessoryValues, accessoryVariables, smtpPort } from '../../domain/accessories.ts';
import { accessoriesIn, resolveReferences } from '../../domain/links.ts';
import type { BlueprintInput } from '../input.ts';
import type { ServiceGroup } from './groups.ts';
import { literal } from './yaml.ts';

export interface TestServices {
  /** In GitHub's words, by name. */
  readonly services: Readonly<Record<string, unknown>>;
  readonly env: Readonly<Record<string, string>>;
  /** Those that cannot be had there. */
  readonly missing: readonly string[];
}

/** Nothing but the job itself reaches what it starts. */
const password = 'test-only';

/** Databases and the like that a folder's tests find at the addresses of their variables. */
export function testServices(group: ServiceGroup, input: BlueprintInput): TestServices {
  const all = Object.values(input.spec.accessories ?? {}).filter(({ when, type }) => when !== 'dev' && type !== 'pgadmin');
  const given = accessoryVariables(all);
  const read = group.packed.flatMap(({ service }) => (input.read[service.name] ?? []).map(({ name }) => name));
  const declared = Object.assign({}, ...group.packed.map(({ service }) => service.env)) as Record<string, string>;
  const variables: Record<string, string> = {};
  for (const [name, value] of Object.entries(given)) {
    if (Object.hasOwn(declared, name)) continue;
    const forTests = [`${name}_TEST`, `TEST_${name}`].filter((one) => group.checks.testVariables.includes(one));
    if (read.includes(name) || forTests.length > 0) for (const one of [name, ...forTests]) variables[one] = value;
  }
  for (const [name, value] of Object.entries(declared)) if (accessoriesIn({ name: value }).length > 0) variables[name] = value;
  const named = accessoriesIn(variables);
  const started = new Map<string, Started>();
  const missing: string[] = [];
  for (const accessory of all.filter(({ name }) => named.includes(name))) {
    const one = start(accessory, all.filter(({ type }) => type === accessory.type).indexOf(accessory));
    if (one === undefined) missing.push(accessory.name);
    else started.set(accessory.name, one);
  }
  const gone = (value: string): boolean => accessoriesIn({ value }).some((name) => !started.has(name));
  const kept = Object.fromEntries(
    Object.entries(variables).filter(([, value]) => !gone(value) && !value.includes('${services.')),
  );
  return {
    services: Object.fromEntries([...started].map(([name, { service }]) => [name, service])),
    env: Object.fromEntries(
      Object.entries(
        resolveReferences(
          kept,
          () => '',
          (name, field) => started.get(name)?.values[field] ?? '',
        ),
      ).map(([name, value]) => [name, literal(value)]),
    ),
    missing,
  };
}

interface Started {
  readonly service: Readonly<Record<string, unknown>>;
  readonly values: Readonly<Record<string, string>>;
}

/** Undefined for what is a command, or needs one: jobs give their containers none. */
function start(spec: AccessorySpec, index: number): Started | undefined {
  const image = accessoryImage(spec);
  if (image === undefined || spec.run !== undefined) return undefined;
  const host = '127.0.0.1';
  const at = (inner: number): { port: number; ports: string[] } => {
    const port = inner + index * 100;
    return { port, ports: [`${port}:${inner}`] };
  };
  switch (spec.type) {
    case 'postgres': {
      const { port, ports } = at(5432);
      const values = accessoryValues(spec, { runtime: 'docker', inside: { host, port }, password });
      return {
        values,
        service: {
          image,
          env: { POSTGRES_USER: values['user'], POSTGRES_DB: values['database'], POSTGRES_PASSWORD: password },
          ports,
          options: healthy(`pg_isready --host 127.0.0.1 --username ${values['user']} --dbname ${values['database']}`),
        },
      };
    }
    case 'redis': {
      const { port, ports } = at(6379);
      return {
        values: { host, port: `${port}`, password: '', url: `redis://${host}:${port}` },
        service: { image, ports, options: healthy('redis-cli ping') },
      };
    }
    case 'mailcatcher':
      return {
        values: accessoryValues(spec, { runtime: 'docker', inside: { host, port: 8025 }, password }),
        service: { image, ports: [`${smtpPort}:${smtpPort}`, '8025:8025'] },
      };
    default: {
      if (spec.port === undefined) return undefined;
      const { port, ports } = at(spec.port);
      const env = Object.keys(spec.env).length === 0 ? {} : { env: spec.env };
      return {
        values: accessoryValues(spec, { runtime: 'docker', inside: { host, port }, password }),
        service: { image, ...env, ports },
      };
    }
  }
}

const healthy = (command: string): string =>
  `--health-cmd "${command}" --health-interval 5s --health-timeout 5s --health-retries 12`;
