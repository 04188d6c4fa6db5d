import type { EnvironmentView } from '../domain/environment.ts';
import type { BuildRecipe, ReleasedService, Workload } from '../domain/release.ts';
import { freezeSecrets, type SecretSummary } from '../domain/secrets.ts';
import type { AppSpec, ServiceSpec } from '../domain/spec.ts';
import type { AppName, WorkloadId } from '../domain/values.ts';
import type { Source } from '../ports/source.ts';
import { buildKey, givenKey, imageKey } from './build-key.ts';
import { contentHash } from './canonical-json.ts';
import type { CommitReader } from './commit-reader.ts';
import { type FrozenImage, freezeImages, type ImageFreezing, refuseContainersOnly } from './freeze-images.ts';
import { buildInputs } from './inputs.ts';

/** What a commit and a machine say about an app; with it a release follows from the configuration alone. */
export interface FreezeFacts {
  /** Service -> paths that belong to its build. */
  readonly inputs: Readonly<Record<string, readonly string[]>>;
  /** Why services with a folder of their own are built from the whole repository, in sentences for people. */
  readonly notes?: readonly string[];
  /** Path -> hash of its tree or blob in the commit; null: not there. */
  readonly trees: Readonly<Record<string, string | null>>;
  /** Program -> version on the machine that builds. */
  readonly toolchains: Readonly<Record<string, string>>;
  /** Secrets of the environment. Undefined: none. */
  readonly secrets?: readonly SecretSummary[];
  /** Service -> where its image comes from; undefined: nothing runs in containers. */
  readonly images?: Readonly<Record<string, FrozenImage>>;
}

export interface FreezeSources {
  readonly source: Pick<Source, 'trees' | 'readFile' | 'list'>;
  /** Versions of programs. @throws TOOL_MISSING */
  readonly versions: (programs: readonly string[]) => Promise<Readonly<Record<string, string>>>;
  /** Undefined: services run as processes. `detected`: nobody wrote the services down. */
  readonly images?: {
    readonly freezing: ImageFreezing;
    readonly detected: boolean;
    readonly spec: AppSpec;
    readonly kept?: Readonly<Record<string, string>>;
  };
}

/** Reads what `freezeRelease` needs. @throws UNKNOWN_SOURCE, TOOL_MISSING, NEEDS_DOCKER, NO_DOCKERFILE_FOR_STACK, IMAGE_MISSING */
export async function gatherFacts(view: EnvironmentView, sha: string, from: FreezeSources): Promise<FreezeFacts> {
  const commit = commitReader(view.app, sha, from.source);
  const inputs: Record<string, readonly string[]> = {};
  const wholes = new Map<string, string>();
  for (const service of view.services) {
    const { paths, whole } = await buildInputs(service, commit);
    inputs[service.name] = paths;
    if (whole !== undefined) wholes.set(service.name, whole);
  }
  if (from.images === undefined) refuseContainersOnly(view);
  const images = from.images && (await freezeImages({ view, commit, inputs, ...from.images }));
  for (const [name, image] of Object.entries(images ?? {})) inputs[name] = 'given' in image ? [] : image.inputs;
  const paths = [...Object.values(inputs).flat(), ...view.services.flatMap((service) => service.release?.inputs ?? [])];
  const trees = await from.source.trees(view.app, sha, [...new Set(paths)].sort());
  // What is built inside a container asks nothing of this machine.
  const here = view.services.filter((service) => service.build !== undefined && images?.[service.name] === undefined);
  const programs = [...new Set(here.flatMap((service) => service.toolchain))].sort();
  const notes = [...wholes]
    .filter(([name]) => inputs[name]?.includes('.') === true)
    .map(
      ([name, why]) =>
        `every change of the repository builds ${name} anew: ${why}. \`inputs\` of ${name} say what belongs to it beside its folder`,
    );
  return { inputs, notes, trees, toolchains: await from.versions(programs), ...(images === undefined ? {} : { images }) };
}

export const commitReader = (app: AppName, sha: string, source: Pick<Source, 'readFile' | 'list'>): CommitReader => ({
  read: (path) => source.readFile(app, sha, path),
  list: (folder, limit) => source.list(app, sha, folder, limit),
});

/** The services of a release, each with its build and its workload. Pure: the same configuration and facts give the same ids. */
export function freezeRelease(view: EnvironmentView, facts: FreezeFacts): ReleasedService[] {
  return view.services.map((service) => {
    const image = facts.images?.[service.name];
    const build = image === undefined ? recipeOf(service, facts) : imageRecipeOf({ service, facts, image });
    return {
      service: service.name,
      workload: workloadOf({ view, service, build, image, secrets: facts.secrets ?? [] }),
      replicas: service.kind === 'static' ? 1 : service.replicas,
      routes: service.routes,
      overlap: service.overlap,
      ...(service.single === undefined ? {} : { single: service.single }),
      ...(service.edge === undefined || service.routes.length === 0 ? {} : { edge: service.edge }),
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

function imageRecipeOf(of: { service: ServiceSpec; facts: FreezeFacts; image: FrozenImage }): BuildRecipe {
  const { service, facts, image } = of;
  if ('given' in image)
    return { key: givenKey(image.given), path: service.path, inputs: [], env: {}, given: { image: image.given } };
  const { recipe, inputs } = image;
  const key = imageKey({ recipe, trees: pick(facts.trees, inputs), env: service.buildEnv });
  return { key, path: service.path, inputs, env: service.buildEnv, image: recipe };
}

/**
 * Every field of the workload is part of its id: a changed health check or limit then reaches the instances by an ordinary rollout.
 * Replicas and routes are no fields of it.
 */
function workloadOf(of: {
  view: EnvironmentView;
  service: ServiceSpec;
  build: BuildRecipe;
  image: FrozenImage | undefined;
  secrets: readonly SecretSummary[];
}): Workload {
  const { view, service, build, image, secrets } = of;
  const ownCommand = image !== undefined && 'ownCommand' in image && image.ownCommand;
  const content: Omit<Workload, 'id'> = {
    app: view.app,
    environment: view.environment,
    service: service.name,
    kind: service.kind,
    artifact: {
      app: view.app,
      service: service.name,
      key: build.key,
      path: service.path,
      ...(build.given === undefined ? {} : { given: build.given }),
    },
    ...(service.run === undefined || ownCommand ? {} : { run: service.run }),
    ...(image?.port === undefined ? {} : { port: image.port }),
    ...(service.static === undefined ? {} : { static: service.static }),
    env: service.env,
    ...(service.secrets === undefined
      ? {}
      : {
          secrets: freezeSecrets(service.secrets, secrets, {
            app: view.app,
            environment: view.environment,
            service: service.name,
          }),
        }),
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
