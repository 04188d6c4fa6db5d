import { posix } from 'node:path';
import { folderOf, type SourceText } from '../../config/detect/folder.ts';
import type { RepositoryReader } from '../../config/reader.ts';
import { isWithin } from '../../config/repository-path.ts';
import { SignalboxError } from '../../domain/errors.ts';
import type { AppSpec, HealthSpec, ServiceSpec } from '../../domain/spec.ts';
import type { ImageFacts, ImageHealth } from './facts.ts';
import { nodeImage, relative, type ServiceToPack } from './node-image.ts';
import { pythonImage } from './python-image.ts';

const mostFiles = 20_000;
/** What serves the files of a static service, and listens on. */
export const siteBase = 'caddy:2.10-alpine';
export const sitePort = 8080;

/**
 * What an image of a service has to have, from the service and from what lies in its folder.
 * @throws NO_DOCKERFILE_FOR_STACK when it is neither a Node nor a Python app nor a folder of files.
 */
export async function gatherImageFacts(reader: RepositoryReader, spec: AppSpec, name: string): Promise<ImageFacts> {
  const service = Object.hasOwn(spec.services, name) ? spec.services[name] : undefined;
  if (service === undefined) throw new SignalboxError('NO_DOCKERFILE_FOR_STACK', `There is no service ${name}.`);
  const files = await sourceFiles(reader);
  const context = contextOf(service, files, reader);
  const packed: ServiceToPack = {
    path: service.path,
    context,
    build: service.build,
    run: service.run,
    release: service.release?.run,
    files,
  };
  const path = relative(context, service.path);
  const shared = {
    service: name,
    context,
    path,
    sharesFolder: Object.entries(spec.services).some(
      ([other, { path: folder, kind }]) => other !== name && folder === service.path && kind !== 'static',
    ),
    buildEnv: service.buildEnv,
    persist: service.persist,
    health: healthOf(service.health),
    ignored: ignoredOf(spec, context),
  };
  const language = languageOf(service, folderOf(service.path, files, reader).files);
  if (language === 'static') {
    const built = service.build === undefined ? undefined : await nodeImage(reader, packed);
    const { static: site } = service;
    return {
      ...shared,
      language,
      base: siteBase,
      ...(built === undefined ? {} : { buildBase: built.base }),
      notes: built?.notes.filter((note) => !note.startsWith('All packages stay')) ?? [],
      tools: built?.tools ?? [],
      manifests: built?.manifests ?? [],
      ...(built?.install === undefined ? {} : { install: built.install }),
      ...(built?.cache === undefined ? {} : { cache: built.cache }),
      logins: [],
      build: built?.build ?? [],
      carried: [],
      programs: [],
      runtimeTools: [],
      runtimeEnv: {},
      site: { folder: posix.join(path, site?.folder ?? '.'), spaFallback: site?.spaFallback ?? false },
      port: sitePort,
    };
  }
  if (language === undefined)
    throw new SignalboxError(
      'NO_DOCKERFILE_FOR_STACK',
      `No Dockerfile can be made for ${name}: in ${service.path === '.' ? 'the repository' : service.path} is neither a Node nor a Python app.`,
      { details: { service: name } },
    );
  const { framework, sources, ...facts } =
    language === 'node'
      ? await nodeImage(reader, packed)
      : { ...(await pythonImage(reader, packed)), prune: undefined, runtimeTools: [] };
  const { prune, ...others } = facts;
  const port = service.kind === 'web' ? (declaredPort(service) ?? portOf(framework, language, sources)) : undefined;
  return {
    carried: [],
    ...shared,
    language,
    ...others,
    ...(prune === undefined ? {} : { prune }),
    ...(port === undefined ? {} : { port }),
  };
}

/** Files of a repository without what is installed or built: that is there on one machine and not on the next. */
export const sourceFiles = async (reader: RepositoryReader): Promise<readonly string[]> =>
  (await reader.list('.', mostFiles)).filter((file) => !/(?:^|\/)(?:node_modules|\.git|\.venv|dist|build|out)\//.test(file));

/** The folder of the service alone where nothing of the build lies outside of it, else the whole repository. */
function contextOf(service: ServiceSpec, files: readonly string[], reader: RepositoryReader): string {
  const { path, inputs } = service;
  if (path === '.' || inputs?.some((input) => !isWithin(input, path)) === true) return '.';
  const root = folderOf('.', files, reader);
  const here = folderOf(path, files, reader);
  const locks = ['package-lock.json', 'npm-shrinkwrap.json', 'pnpm-lock.yaml', 'yarn.lock', 'bun.lock', 'bun.lockb'];
  const lockedAbove = here.has('package.json') && !locks.some((file) => here.has(file)) && locks.some((file) => root.has(file));
  return lockedAbove ? '.' : path;
}

/** Port of its own that a service declares. */
const declaredPort = (service: ServiceSpec): number | undefined => service.container?.port;

function languageOf(service: ServiceSpec, files: readonly string[]): ImageFacts['language'] | undefined {
  const has = (file: string): boolean => files.includes(file);
  if (service.kind === 'static') return 'static';
  const text = `${service.run ?? ''} ${service.build ?? ''}`;
  const node = /(?:^|[\s;&|(])(?:node|npm|npx|pnpm|yarn|bun|next|nest|tsx|ts-node)(?=\s|$)/.test(text);
  const python = /(?:^|[\s;&|(/])(?:python3?|pip3?|gunicorn|uvicorn|hypercorn|flask|poetry|uv|pipenv|celery)(?=\s|$)/.test(text);
  if (node && !python) return 'node';
  if (python && !node) return 'python';
  if (has('package.json')) return 'node';
  if (['requirements.txt', 'pyproject.toml', 'Pipfile', 'manage.py'].some(has)) return 'python';
  return undefined;
}

/** The image asks itself less often than the data plane does: each look starts a program. */
function healthOf(health: HealthSpec): ImageHealth {
  const seconds = {
    timeoutSeconds: Math.max(1, Math.ceil(health.timeout / 1000)),
    graceSeconds: Math.ceil(health.deadline / 1000),
  };
  if (health.type === 'http') return { type: 'http', path: health.path ?? '/', ...seconds };
  return health.type === 'port' ? { type: 'port', ...seconds } : { type: 'up' };
}

/** The port that the source takes where PORT is not set, else the usual one. It is only what the image says; PORT decides. */
function portOf(framework: string | undefined, language: 'node' | 'python', sources: readonly SourceText[]): number {
  for (const { text } of sources) {
    const found =
      /\bPORT\b['"`\])]*\s*(?:\?\?|\|\||,|\bor\b)\s*['"]?(\d{4,5})\b/.exec(text)?.[1] ??
      /\bPORT\b[^\n]{0,120}?\b(?:fallback|default)\s*[:(]\s*['"]?(\d{4,5})\b/.exec(text)?.[1];
    if (found !== undefined && Number(found) <= 65_535) return Number(found);
  }
  if (language === 'python') return 8000;
  return framework === undefined ? 8080 : framework === 'astro' ? 4321 : 3000;
}

/** What is kept over releases, and never belongs into an image. */
function ignoredOf(spec: AppSpec, context: string): string[] {
  const folders = Object.values(spec.services).flatMap((service) =>
    isWithin(service.path, context) ? service.persist.map((folder) => posix.join(relative(context, service.path), folder)) : [],
  );
  return [...new Set(folders)].sort();
}
