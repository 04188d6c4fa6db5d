import { type AccessorySpec, accessoryVariables } from './accessories.ts';
import type { BranchRule } from './branch-rules.ts';
import { SignalboxError } from './errors.ts';
import type { AppSpec, EnvironmentSpec, RouteSpec, ServiceSpec, SmokeCheck, StrategySpec } from './spec.ts';
import type { AppName, EnvironmentName } from './values.ts';
import type { DeploySchedule } from './windows.ts';

/** An app as it is in one environment: hosts, replicas, variables and strategy merged. */
export interface EnvironmentView {
  readonly app: AppName;
  readonly environment: EnvironmentName;
  /** In the order of the file. */
  readonly services: readonly ServiceSpec[];
  /** In the order of the file; those for development only where that was asked for. */
  readonly accessories: readonly AccessorySpec[];
  readonly smoke: readonly SmokeCheck[];
  readonly strategy: StrategySpec;
  /** Pushes to which branch are deployed here. Undefined: the usual rule. */
  readonly branch?: BranchRule;
  /** When deploys are let through. Undefined: always. */
  readonly schedule?: DeploySchedule;
}

/**
 * Merges an environment into the app. Variables of the environment win over those of a service. Hosts: a service named under
 * `hosts` gets that host; others with the same original host follow it; outside production every remaining host gets the
 * environment's name in front (`staging.docs.localhost`), so that no environment answers for another. Addresses of accessories are
 * given to every service that runs (`DATABASE_URL` …), below whatever it sets itself.
 * @param options `dev`: with the accessories that are for development only.
 * @throws UNKNOWN_ENVIRONMENT
 */
export function resolveEnvironment(
  spec: AppSpec,
  name: EnvironmentName,
  options: { readonly dev?: boolean } = {},
): EnvironmentView {
  const environment = Object.hasOwn(spec.environments, name) ? spec.environments[name] : undefined;
  if (environment === undefined)
    throw new SignalboxError(
      'UNKNOWN_ENVIRONMENT',
      `${spec.app} has no environment ${name}; it has ${Object.keys(spec.environments).join(', ')}.`,
    );
  const hostOf = hostMapping(spec, name);
  const accessories = Object.values(spec.accessories ?? {})
    .filter((accessory) => accessory.when === 'always' || options.dev === true)
    .map((accessory) => merged(accessory, own(environment.accessories ?? {}, accessory.name)));
  const given = accessoryVariables(accessories);
  return {
    app: spec.app,
    environment: name,
    services: Object.values(spec.services).map((service) => ({
      ...withVariables(service, { environment, given, dev: options.dev === true }),
      replicas: own(environment.replicas, service.name) ?? service.replicas,
      routes: service.routes.map((route) => ({ ...route, host: hostOf(service, route) })),
    })),
    accessories,
    smoke: spec.smoke.map((check) =>
      check.host === undefined ? check : { ...check, host: mapSmokeHost(spec, hostOf, check.host) },
    ),
    strategy: environment.strategy ?? spec.strategy,
    ...(environment.branch === undefined ? {} : { branch: environment.branch }),
    ...(environment.schedule === undefined ? {} : { schedule: environment.schedule }),
  };
}

/**
 * What is said about an environment wins over what is said about a service, and a secret over a variable. Development has no secrets:
 * whoever develops has values of their own.
 */
function withVariables(
  service: ServiceSpec,
  of: { readonly environment: EnvironmentSpec; readonly given: Readonly<Record<string, string>>; readonly dev: boolean },
): ServiceSpec {
  const { secrets: needed = {}, ...rest } = service;
  const { environment, given, dev } = of;
  if (rest.kind === 'static') return rest;
  const env = { ...given, ...rest.env, ...environment.env };
  const left = Object.entries(needed).filter(([variable]) => !Object.hasOwn(environment.env, variable));
  const secrets = { ...Object.fromEntries(left), ...environment.secrets };
  if (dev || Object.keys(secrets).length === 0) return { ...rest, env };
  return { ...rest, env: Object.fromEntries(Object.entries(env).filter(([name]) => !Object.hasOwn(secrets, name))), secrets };
}

const merged = (accessory: AccessorySpec, here: Partial<AccessorySpec> | undefined): AccessorySpec => ({
  ...accessory,
  ...here,
  env: { ...accessory.env, ...here?.env },
});

type HostOf = (service: ServiceSpec, route: RouteSpec) => string;

function hostMapping(spec: AppSpec, name: EnvironmentName): HostOf {
  const hosts = spec.environments[name]?.hosts ?? {};
  const followed = new Map<string, string>();
  for (const service of Object.values(spec.services)) {
    const host = own(hosts, service.name);
    if (host === undefined) continue;
    for (const route of service.routes) if (!followed.has(route.host)) followed.set(route.host, host);
  }
  return (service, route) =>
    own(hosts, service.name) ?? followed.get(route.host) ?? (name === 'production' ? route.host : prefixed(route.host, name));
}

/** `*` cannot be told apart by a prefix; the configuration refuses it outside production unless `hosts` names the service. */
const prefixed = (host: string, name: EnvironmentName): string =>
  host === '*' ? host : host.startsWith('*.') ? `*.${name}.${host.slice(2)}` : `${name}.${host}`;

function mapSmokeHost(spec: AppSpec, hostOf: HostOf, host: string): string {
  for (const service of Object.values(spec.services))
    for (const route of service.routes) if (route.host === host) return hostOf(service, route);
  return host;
}

const own = <Value>(record: Readonly<Record<string, Value>>, key: string): Value | undefined =>
  Object.hasOwn(record, key) ? record[key] : undefined;
