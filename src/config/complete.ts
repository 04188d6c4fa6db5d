import type {
  AppSpec,
  EnvironmentSpec,
  HealthSpec,
  ReleaseCommandSpec,
  RouteSpec,
  ServiceKind,
  ServiceSpec,
  SmokeCheck,
  StrategySpec,
} from '../domain/spec.ts';
import { type AppName, type EnvironmentName, type Millis, millis, type ServiceName } from '../domain/values.ts';
import { completeEdge } from './complete-edge.ts';
import { completeContainer } from './container-keys.ts';
import { parseDuration } from './duration.ts';
import { joinPath, repositoryPath } from './repository-path.ts';
import { type AppFile, healthSchema, routeSchema, type ServiceFile, type StrategyFile, strategySchema } from './schema.ts';
import { completeAccessories, completeAccessoryChanges } from './schema-accessories.ts';
import { completePipeline } from './schema-pipeline.ts';
import { completeDev, completeRequires } from './schema-dev.ts';
import { completeSchedule } from './schema-environments.ts';
import { completeSecrets } from './schema-secrets.ts';
import { toolchainOf } from './toolchain.ts';

/** What the file alone cannot say. */
export interface CompletionFacts {
  readonly app: AppName;
  /** Default of `spaFallback`, by service. */
  readonly singlePage: Readonly<Record<string, boolean>>;
  /** Where a value stands in the file; undefined where there is no file. */
  readonly place?: (path: readonly PropertyKey[]) => { readonly line: number; readonly column: number };
}

/** Fills every default into a file that the schema has accepted. Total: what is still wrong is found by `cross-checks.ts`. */
export function complete(file: AppFile, facts: CompletionFacts): AppSpec {
  const services = Object.entries(file.services ?? {}).map(
    ([name, service]) =>
      [
        name,
        { ...completeService(name, service, facts), edge: completeEdge(name as ServiceName, file.edge, service.edge) },
      ] as const,
  );
  // In the order of the file, which is the order in which a push goes through them.
  const environments: Record<string, AppFile['environments'][string] | undefined> = {
    ...(Object.hasOwn(file.environments, 'production') ? {} : { production: undefined }),
    ...file.environments,
  };
  return {
    app: facts.app,
    services: Object.fromEntries(services),
    ...completeAccessories(file.accessories),
    smoke: file.smoke.map(completeSmoke),
    strategy: completeStrategy(file.strategy),
    pipeline: completePipeline(file.pipeline, Object.keys(file.services ?? {})),
    environments: Object.fromEntries(
      Object.entries(environments).map(([name, given]): [string, EnvironmentSpec] => [
        name,
        {
          name: name as EnvironmentName,
          ...(given?.branch === undefined ? {} : { branch: given.branch }),
          hosts: Object.fromEntries(Object.entries(given?.hosts ?? {}).map(([service, host]) => [service, host.toLowerCase()])),
          replicas: given?.replicas ?? {},
          env: texts(given?.env ?? {}),
          ...completeSecrets(given?.secrets),
          ...completeAccessoryChanges(given?.accessories ?? {}),
          ...(given?.strategy === undefined ? {} : { strategy: completeStrategy(given.strategy) }),
          ...completeSchedule(given),
        },
      ]),
    ),
  };
}

/** Kind of a service as written: `static` wins, then a route makes it `web`, else it is a worker. */
export const kindOf = (service: ServiceFile): ServiceKind =>
  service.static !== undefined ? 'static' : service.route !== undefined ? 'web' : 'worker';

function completeService(name: string, service: ServiceFile, facts: CompletionFacts): ServiceSpec {
  const kind = kindOf(service);
  const path = cleanPath(service.path);
  return {
    name: name as ServiceName,
    kind,
    path,
    ...(service.inputs === undefined ? {} : { inputs: service.inputs.map(cleanPath) }),
    ...(service.build === undefined ? {} : { build: service.build }),
    buildEnv: texts(service.buildEnv),
    toolchain: service.toolchain ?? toolchainOf(service.build),
    ...(kind === 'static' || service.run === undefined ? {} : { run: service.run }),
    ...completeContainer(service, kind),
    ...(service.static === undefined ? {} : { static: completeStatic(service.static, facts.singlePage[name] ?? false) }),
    replicas: service.replicas ?? 1,
    health: completeHealth(service.health, kind),
    routes: completeRoutes(service, kind, facts.app),
    env: texts(service.env),
    ...completeSecrets(service.secrets),
    ...(service.release === undefined ? {} : { release: completeRelease(service.release, path) }),
    persist: service.persist.map(cleanPath),
    drain: duration(service.drain),
    grace: duration(service.grace),
    overlap: service.overlap ?? false,
    ...(service.single === true ? { single: true } : {}),
    resources: {
      ...(service.resources.memoryMb === undefined ? {} : { memoryMb: service.resources.memoryMb }),
      ...(service.resources.cpus === undefined ? {} : { cpus: service.resources.cpus }),
    },
    requestTimeout: duration(service.requestTimeout),
    ...(service.requires.length === 0
      ? {}
      : {
          requires: completeRequires(
            service.requires,
            facts.place && ((index) => facts.place?.(['services', name, 'requires', index]) ?? { line: 1, column: 1 }),
          ),
        }),
    ...(service.dev === undefined ? {} : { dev: completeDev(service.dev) }),
  };
}

function completeStatic(
  given: NonNullable<ServiceFile['static']>,
  singlePage: boolean,
): { folder: string; spaFallback: boolean } {
  const folder = cleanPath(typeof given === 'string' ? given : given.folder);
  return { folder, spaFallback: (typeof given === 'string' ? undefined : given.spaFallback) ?? singlePage };
}

function completeHealth(given: ServiceFile['health'], kind: ServiceKind): HealthSpec {
  const health = healthSchema.parse(typeof given === 'string' ? { path: given } : (given ?? {}));
  const type = kind === 'worker' ? 'up' : health.path === undefined && kind === 'web' ? 'port' : 'http';
  return {
    type,
    ...(type === 'http' ? { path: health.path ?? '/' } : {}),
    interval: duration(health.interval),
    timeout: duration(health.timeout),
    healthyAfter: health.healthyAfter,
    unhealthyAfter: health.unhealthyAfter,
    deadline: duration(health.deadline),
    upFor: duration(health.upFor),
  };
}

/** Routes as written, each completed with the app's default host; a static service without any gets `<app>.localhost/`. */
function completeRoutes(service: ServiceFile, kind: ServiceKind, app: AppName): RouteSpec[] {
  const given = service.route ?? (kind === 'static' ? '/' : []);
  const list = typeof given === 'string' ? [routeSchema.parse({ path: given })] : Array.isArray(given) ? given : [given];
  return list.map((route) => ({
    host: (route.host ?? `${app}.localhost`).toLowerCase(),
    path: route.path.length > 1 ? route.path.replace(/\/$/, '') : route.path,
    stripPath: route.stripPath,
  }));
}

function completeRelease(given: NonNullable<ServiceFile['release']>, path: string): ReleaseCommandSpec {
  if (typeof given === 'string') return { run: given, inputs: [path], when: 'changed', timeout: millis(300_000) };
  const inputs = (given.inputs ?? ['.']).map((input) => joinPath(path, cleanPath(input)));
  return { run: given.run, inputs, when: given.when, timeout: duration(given.timeout) };
}

function completeSmoke(check: AppFile['smoke'][number]): SmokeCheck {
  if (typeof check === 'string') return { path: check };
  return {
    path: check.path,
    ...(check.host === undefined ? {} : { host: check.host.toLowerCase() }),
    ...(check.status === undefined ? {} : { status: check.status }),
    ...(check.contains === undefined ? {} : { contains: check.contains }),
  };
}

function completeStrategy(given: StrategyFile): StrategySpec {
  const strategy = strategySchema.parse(typeof given === 'string' ? { type: given } : given);
  const steps = strategy.type === 'canary' ? (strategy.steps ?? ['10%', '50%']) : [];
  return {
    type: strategy.type,
    steps: steps.map((step) => Math.round(Number.parseFloat(step) * 100)),
    bake: duration(strategy.bake),
    warm: strategy.warm,
    stepTimeout: duration(strategy.stepTimeout),
    onTimeout: strategy.onTimeout,
    gate: strategy.gate ?? { alpha: 0.005, beta: 0.05, p0Floor: 0.01, p1Floor: 0.2 },
  };
}

const texts = (variables: Readonly<Record<string, string | number | boolean>>): Record<string, string> =>
  Object.fromEntries(Object.entries(variables).map(([name, value]) => [name, String(value)]));

/** The schema has accepted the text, so it is a duration. */
const duration = (text: string): Millis => parseDuration(text) ?? millis(0);
const cleanPath = (text: string): string => repositoryPath(text) ?? '.';
