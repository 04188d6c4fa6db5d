import { posix } from 'node:path';
import type { EnvironmentView } from '../domain/environment.ts';
import { SignalboxError } from '../domain/errors.ts';
import type { ImageRecipe } from '../domain/release.ts';
import type { AppSpec, ServiceSpec } from '../domain/spec.ts';
import type { CommitReader } from './commit-reader.ts';
import { normalInputs } from './inputs.ts';

/** What freezing for containers needs from elsewhere; without it services are processes. */
export interface ImageFreezing {
  /** A Dockerfile for a service that brings none. @throws NO_DOCKERFILE_FOR_STACK */
  dockerfileFor(
    service: ServiceSpec,
    from: { readonly spec: AppSpec; readonly commit: CommitReader },
  ): Promise<{ readonly text: string; readonly context: string }>;
  /** The same image by a name that can never mean another one. @throws IMAGE_MISSING, RUNTIME_UNAVAILABLE, REGISTRY_REFUSED */
  pin(image: string): Promise<string>;
}

/** Where the image of a service comes from. */
export type FrozenImage =
  | { readonly given: string; readonly port?: number }
  | {
      readonly recipe: ImageRecipe;
      readonly inputs: readonly string[];
      readonly port?: number;
      /** The image's own command starts an instance, whatever was detected. */
      readonly ownCommand: boolean;
    };

export interface ImageQuestion {
  readonly view: EnvironmentView;
  readonly commit: CommitReader;
  readonly freezing: ImageFreezing;
  /** The whole app, its paths seen from the repository's root. */
  readonly spec: AppSpec;
  /** Nobody wrote the services down, so that a Dockerfile knows better than detection how one starts. */
  readonly detected: boolean;
  /** Service -> paths that belong to its build, as far as its own Dockerfile does not say so. */
  readonly inputs: Readonly<Record<string, readonly string[]>>;
  /** Images made elsewhere that a service keeps, see `FreezeRequest.images`. */
  readonly kept?: Readonly<Record<string, string>>;
}

/** The image of each service that runs in a container. @throws CONFIG_INVALID, NO_DOCKERFILE_FOR_STACK, IMAGE_MISSING */
export async function freezeImages(question: ImageQuestion): Promise<Readonly<Record<string, FrozenImage>>> {
  const images: Record<string, FrozenImage> = {};
  for (const service of question.view.services)
    if (service.kind !== 'static') images[service.name] = await freezeImage(service, question);
  return images;
}

async function freezeImage(service: ServiceSpec, question: ImageQuestion): Promise<FrozenImage> {
  const { commit, freezing } = question;
  const said = service.container ?? {};
  const port = said.port === undefined ? {} : { port: said.port };
  if (said.image !== undefined) return { given: question.kept?.[service.name] ?? (await freezing.pin(said.image)), ...port };
  const target = said.target === undefined ? {} : { target: said.target };
  const own = said.dockerfile ?? posix.join(service.path, 'Dockerfile');
  if ((await commit.read(own)) !== null) {
    const context = said.context ?? service.path;
    return {
      recipe: { dockerfile: { path: own }, context, ...target },
      inputs: contextInputs(service, { context, dockerfile: own }),
      ownCommand: service.run === undefined || (question.detected && said.dockerfile === undefined),
      ...port,
    };
  }
  if (said.dockerfile !== undefined)
    throw new SignalboxError('CONFIG_INVALID', `The Dockerfile of ${service.name}, ${own}, is not in the commit.`);
  const { text, context } = await freezing.dockerfileFor(service, { spec: question.spec, commit });
  const inputs = question.inputs[service.name] ?? ['.'];
  return {
    recipe: { dockerfile: { text }, context: said.context ?? context, ...target },
    inputs,
    // Made from `run`, without a package manager that the image need not have.
    ownCommand: true,
    ...port,
  };
}

/** All of the context; only what the file declares, where it does. */
function contextInputs(service: ServiceSpec, given: { context: string; dockerfile: string }): readonly string[] {
  const { context, dockerfile } = given;
  const ignore = posix.join(context, '.dockerignore');
  const own = [dockerfile, `${dockerfile}.dockerignore`, ignore];
  return normalInputs([...(service.inputs === undefined ? [context] : [service.path, ...service.inputs]), ...own]);
}

/** Without containers each service has to say how it starts. @throws NEEDS_DOCKER */
export function refuseContainersOnly(view: EnvironmentView): void {
  for (const { name, kind, run, container } of view.services) {
    if (kind === 'static') continue;
    const why = container?.image !== undefined ? 'is an image' : run === undefined ? 'starts by its Dockerfile alone' : undefined;
    if (why === undefined) continue;
    throw new SignalboxError(
      'NEEDS_DOCKER',
      `The service ${name} ${why}, and this installation runs services as processes (SIGNALBOX_RUNTIME=process).`,
    );
  }
}
