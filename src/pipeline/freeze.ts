import type { EnvironmentView } from '../domain/environment.ts';
import type { BuildRecipe, ReleasedService, Workload } from '../domain/release.ts';
import type { ServiceSpec } from '../domain/spec.ts';
import type { AppName, WorkloadId } from '../domain/values.ts';
import type { Source } from '../ports/source.ts';
import { buildKey } from './build-key.ts';
import { contentHash } from './canonical-json.ts';
import type { CommitReader } from './commit-reader.ts';
import { buildInputs } from './inputs.ts';

/** What a commit and a machine say about an app; with it a release follows from the configuration alone. */
export interface FreezeFacts {
  /** Service -> paths that belong to its build. */
  readonly inputs: Readonly<Record<string, readonly string[]>>;
  /** Path -> hash of its tree or blob in the commit; null: not there. */
  readonly trees: Readonly<Record<string, string | null>>;
  /** Program -> version on the machine that builds. */
  readonly toolchains: Readonly<Record<string, string>>;
}

export interface FreezeSources {
  readonly source: Pick<Source, 'trees' | 'readFile' | 'list'>;
  /** Versions of programs. @throws TOOL_MISSING */
  readonly versions: (programs: readonly string[]) => Promise<Readonly<Record<string, string>>>;
}

/** Reads what `freezeRelease` needs. @throws UNKNOWN_SOURCE, TOOL_MISSING */
export async function gatherFacts(view: EnvironmentView, sha: string, from: FreezeSources): Promise<FreezeFacts> {
  const commit = commitReader(view.app, sha, from.source);
  const inputs: Record<string, readonly string[]> = {};
  for (const service of view.services) inputs[service.name] = await buildInputs(service, commit);
  const paths = [...Object.values(inputs).flat(), ...view.services.flatMap((service) => service.release?.inputs ?? [])];
  const trees = await from.source.trees(view.app, sha, [...new Set(paths)].sort());
  const programs = view.services.flatMap((service) => (service.build === undefined ? [] : service.toolchain));
  return { inputs, trees, toolchains: await from.versions([...new Set(programs)].sort()) };
}

export const commitReader = (app: AppName, sha: string, source: Pick<Source, 'readFile' | 'list'>): CommitReader => ({
  read: (path) => source.readFile(app, sha, path),
  list: (folder, limit) => source.list(app, sha, folder, limit),
});

/** The services of a release, each with its build and its workload. Pure: the same configuration and facts give the same ids. */
export function freezeRelease(view: EnvironmentView, facts: FreezeFacts): ReleasedService[] {
  return view.services.map((service) => {
    const build = recipeOf(service, facts);
    return {
      service: service.name,
      workload: workloadOf(view, service, build),
      replicas: service.kind === 'static' ? 1 : service.replicas,
      routes: service.routes,
      overlap: service.overlap,
      ...(service.release === undefined
        ? {}
        : {
            releaseCommand: {
              ...service.release,
              inputsHash: contentHash({ run: service.release.run, trees: pick(facts.trees, service.release.inputs) }),
            },
          }),
      build,
    };
  });
}

function recipeOf(service: ServiceSpec, facts: FreezeFacts): BuildRecipe {
  const inputs = facts.inputs[service.name] ?? ['.'];
  const command = service.build === undefined ? {} : { command: service.build };
  const key = buildKey({
    path: service.path,
    trees: pick(facts.trees, inputs),
    env: service.buildEnv,
    toolchain: Object.fromEntries(service.toolchain.map((program) => [program, facts.toolchains[program] ?? 'unknown'])),
    ...command,
  });
  return { key, path: service.path, inputs, env: service.buildEnv, ...command };
}

/**
 * Every field of the workload is part of its id: a changed health check or limit then reaches the instances by an ordinary rollout.
 * Replicas and routes are no fields of it.
 */
function workloadOf(view: EnvironmentView, service: ServiceSpec, build: BuildRecipe): Workload {
  const content: Omit<Workload, 'id'> = {
    app: view.app,
    environment: view.environment,
    service: service.name,
    kind: service.kind,
    artifact: { app: view.app, service: service.name, key: build.key, path: service.path },
    ...(service.run === undefined ? {} : { run: service.run }),
    ...(service.static === undefined ? {} : { static: service.static }),
    env: service.env,
    health: service.health,
    persist: service.persist,
    resources: service.resources,
    drain: service.drain,
    grace: service.grace,
    requestTimeout: service.requestTimeout,
  };
  const id = `${view.app}-${view.environment}-${service.name}-${contentHash(content).slice(0, 12)}` as WorkloadId;
  return { id, ...content };
}

const pick = (trees: Readonly<Record<string, string | null>>, paths: readonly string[]): Record<string, string | null> =>
  Object.fromEntries(paths.map((path) => [path, trees[path] ?? null]));
