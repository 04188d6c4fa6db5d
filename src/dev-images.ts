import { basename, join, posix } from 'node:path';
import { contextIn } from './adapters/builder/docker/context.ts';
import { imagesInUse, inspectImage, removeImage } from './adapters/builder/docker/engine-images.ts';
import { imagesWith } from './engine/images.ts';
import { registryLogins } from './adapters/builder/docker/logins.ts';
import { readBuild } from './adapters/builder/docker/output.ts';
import { registryTransfers } from './adapters/builder/docker/registry.ts';
import { gatherImageFacts } from './blueprints/image/gather.ts';
import { folderReader } from './config/folder-reader.ts';
import type { DockerSettings } from './config/settings-docker.ts';
import { developmentStage, stagesOf } from './dev/containers/dockerfile.ts';
import { labelOf } from './dev/containers/left-over.ts';
import type { ChooseImage, ChosenImage } from './dev/containers/workplaces.ts';
import type { DevPlace } from './dev/place.ts';
import { SignalboxError } from './domain/errors.ts';
import type { AppSpec, ServiceSpec } from './domain/spec.ts';
import { type Engine, openEngine } from './engine/client.ts';

export interface DevImagesOptions {
  /** Absolute. */
  readonly root: string;
  readonly spec: AppSpec;
  readonly place: DevPlace;
  readonly docker: DockerSettings;
}

/** Bytes that a build of a stage for development may send. */
const maxBytes = 1024 ** 3;
const buildMs = 1_800_000;
/** Made for this machine, or nothing that a build looks at. */
const notSent = ['**/node_modules', '**/.venv', '**/.git', '**/.next', '**/__pycache__'];

/**
 * Which image a service is developed in: the stage `dev` or `development` of its Dockerfile; else what that Dockerfile builds with,
 * which is what its first stage starts from; else the base for its stack. A service that is an image made elsewhere is just that.
 */
export function devImages(options: DevImagesOptions): ChooseImage {
  const { root, spec, docker } = options;
  const reader = folderReader(root);
  return async (service) => {
    const { container = {}, path } = service;
    if (container.image !== undefined) return { ...pulled(container.image, options), whole: true };
    const dockerfile = container.dockerfile ?? posix.join(path, 'Dockerfile');
    const text = await reader.read(dockerfile);
    const stages = text === null ? [] : stagesOf(text);
    const target = developmentStage(stages);
    if (target !== undefined) return built(service, { dockerfile, context: container.context ?? path, target }, options);
    const from = stages[0]?.from;
    const facts = await gatherImageFacts(reader, spec, service.name).catch((cause: unknown) => {
      if (cause instanceof SignalboxError && cause.code === 'NO_DOCKERFILE_FOR_STACK') return null;
      throw cause;
    });
    const language = facts?.language === 'static' ? 'node' : facts?.language;
    const base = language === undefined ? undefined : docker.baseImages[language];
    const image = from ?? base ?? facts?.buildBase ?? facts?.base;
    if (image !== undefined) return pulled(image, options);
    throw new SignalboxError(
      'DEV_UNSUPPORTED',
      `--runtime docker: nothing says which image ${service.name} is developed in: it is neither a Node nor a Python app, and ${text === null ? `there is no ${dockerfile}` : `the stages of ${dockerfile} start from what only a build knows`}.`,
      { hint: `Add a stage to ${dockerfile}: FROM <image with its tools> AS dev` },
    );
  };
}

async function within<Result>(docker: DockerSettings, work: (engine: Engine) => Promise<Result>): Promise<Result> {
  const engine = openEngine(docker.socket);
  try {
    return await work(engine);
  } finally {
    await engine.close();
  }
}

const loginsOf = ({ configFile, registry }: DockerSettings) =>
  registryLogins({ configFile, own: registry?.login == null ? null : { host: registry.host, ...registry.login } });

function pulled(name: string, { docker }: DevImagesOptions): ChosenImage {
  const image = /[:@][^/]*$/.test(name) ? name : `${name}:latest`;
  return {
    says: image,
    here: () => within(docker, async (engine) => (await inspectImage(engine, image)) !== null),
    bring: ({ onLine, signal }) =>
      within(docker, async (engine) => {
        const there = await inspectImage(engine, image);
        if (there !== null) return there.Id;
        await registryTransfers(engine, loginsOf(docker)).pull(image, { onLine, signal });
        const found = await inspectImage(engine, image);
        if (found !== null) return found.Id;
        throw new SignalboxError('IMAGE_MISSING', `The image ${image} is neither here nor at its registry.`);
      }),
  };
}

interface Target {
  readonly dockerfile: string;
  readonly context: string;
  readonly target: string;
}

function built(service: ServiceSpec, { dockerfile, context, target }: Target, options: DevImagesOptions): ChosenImage {
  const { root, place, docker, spec } = options;
  const labels = { [labelOf.place]: place.id, [labelOf.app]: spec.app, [labelOf.service]: service.name };
  return {
    says: `the stage ${target} of ${dockerfile}`,
    here: () => Promise.resolve(true),
    bring: ({ onLine, signal }) =>
      within(docker, async (engine) => {
        const recipe = { context, dockerfile: { path: dockerfile }, target };
        const sent = await contextIn(root, recipe, { maxBytes, ignored: notSent });
        const stream = await engine.stream('POST', '/build', {
          query: { dockerfile: sent.dockerfile, target, rm: true, forcerm: true, labels, buildargs: service.buildEnv },
          body: sent.open(),
          headers: { 'X-Registry-Config': await loginsOf(docker).headerForBuild() },
          timeoutMs: buildMs,
          signal,
        });
        let said = '';
        const end = await readBuild(stream, {
          write: (text) => {
            const lines = (said + text).split('\n');
            said = lines.pop() ?? '';
            lines.forEach(onLine);
          },
          onContainer: () => {},
          onLayer: () => {},
        });
        if (!end.ok)
          throw new SignalboxError(
            'BUILD_FAILED',
            `The stage ${target} of ${dockerfile} for ${service.name} cannot be built: ${end.message}`,
            {
              hint: `Build it by hand: docker build --target ${target} -f ${dockerfile} ${join(basename(root), context)}`,
            },
          );
        await removeOthers(engine, { labels, image: end.image });
        return end.image;
      }),
  };
}

/** Of earlier builds of the same stage one is enough. */
async function removeOthers(engine: Engine, of: { readonly labels: Readonly<Record<string, string>>; readonly image: string }) {
  const ours = await imagesWith(
    engine,
    Object.entries(of.labels).map(([name, value]) => `${name}=${value}`),
  );
  const used = await imagesInUse(engine);
  for (const { Id } of ours)
    if (Id !== of.image && !Id.startsWith(of.image) && !used.has(Id)) await removeImage(engine, Id).catch(() => false);
}
