import { posix } from 'node:path';
import { resolveEnvironment } from '../domain/environment.ts';
import { SignalboxError } from '../domain/errors.ts';
import type { ReleasedService } from '../domain/release.ts';
import { refuseMissingVariables } from '../domain/required.ts';
import type { AppSpec, ContainerSpec, ServiceSpec } from '../domain/spec.ts';
import type { BuildKey } from '../domain/values.ts';
import type { Builder } from '../ports/builder.ts';
import type { Secrets } from '../ports/secrets.ts';
import type { Freezer, FreezeRequest } from '../ports/freezer.ts';
import type { Source } from '../ports/source.ts';
import { freezeRelease, gatherFacts } from './freeze.ts';
import type { ImageFreezing } from './freeze-images.ts';
import type { CommitReader } from './commit-reader.ts';

export interface FreezerOptions {
  readonly source: Source;
  readonly builder: Pick<Builder, 'has'>;
  /** Reads the configuration of a commit (or detects it). @throws CONFIG_INVALID, NOTHING_DETECTED */
  readonly loadSpec: (
    reader: CommitReader & { readonly folderName: string },
  ) => Promise<{ readonly spec: AppSpec; readonly notes: readonly string[]; readonly detected?: boolean }>;
  /** Versions of programs on the machine that builds. @throws TOOL_MISSING */
  readonly versions: (programs: readonly string[]) => Promise<Readonly<Record<string, string>>>;
  /** Undefined: nothing may name a secret. */
  readonly secrets?: Pick<Secrets, 'list'>;
  /** Services run in containers of these images; undefined: as processes. */
  readonly images?: ImageFreezing;
}

/** Freezes what a commit declares for one environment. */
export function createFreezer({ source, builder, loadSpec, versions, secrets, images }: FreezerOptions): Freezer {
  return {
    freeze: async (request) => {
      const version = await source.version(request.app, request.sha);
      const { spec, notes, detected = false } = await loadSpec(readerOf(source, request));
      if (spec.app !== request.app) {
        throw new SignalboxError('CONFIG_INVALID', `The commit names the app ${spec.app}, the request ${request.app}.`);
      }
      const whole = below(spec, request.folder);
      const view = resolveEnvironment(whole, request.environment);
      refuseMissingVariables(view);
      const kept = request.images === undefined ? {} : { kept: request.images };
      const containers = images === undefined ? {} : { images: { freezing: images, detected, spec: whole, ...kept } };
      const from = { source, versions, ...containers };
      const facts = await gatherFacts(view, request.sha, from);
      const known = (await secrets?.list(request)) ?? [];
      const services = freezeRelease(view, { ...facts, secrets: known });
      const cached = new Set<BuildKey>();
      for (const s of services) if (await builder.has(request.app, s.build)) cached.add(s.build.key);
      return {
        services,
        ...(view.accessories.length === 0 ? {} : { accessories: view.accessories }),
        smoke: view.smoke,
        strategy: view.strategy,
        ...(view.branch === undefined ? {} : { branch: view.branch }),
        ...(view.schedule === undefined ? {} : { schedule: view.schedule }),
        subject: version.subject,
        cached,
        notes: [...notes, ...(facts.notes ?? []), ...overlaps(services)],
      };
    },
  };
}

/** The commit as seen from the app's folder. */
export function readerOf(
  source: Pick<Source, 'readFile' | 'list'>,
  request: Pick<FreezeRequest, 'app' | 'sha' | 'folder' | 'folderName'>,
): CommitReader & { readonly folderName: string } {
  const { app, sha, folder } = request;
  const inside = (path: string): string => posix.join(folder, path);
  const outside = (path: string): string => (folder === '.' ? path : posix.relative(folder, path));
  return {
    folderName: request.folderName,
    read: (path) => source.readFile(app, sha, inside(path)),
    list: async (start, limit) => (await source.list(app, sha, inside(start), limit)).map(outside),
  };
}

/** The same app with every path seen from the repository's root. */
export function below(spec: AppSpec, folder: string): AppSpec {
  if (folder === '.') return spec;
  const from = (path: string): string => posix.join(folder, path);
  const moved = (service: ServiceSpec): ServiceSpec => ({
    ...service,
    path: from(service.path),
    ...(service.inputs === undefined ? {} : { inputs: service.inputs.map(from) }),
    ...(service.container === undefined ? {} : { container: movedContainer(service.container, from) }),
    ...(service.release === undefined ? {} : { release: { ...service.release, inputs: service.release.inputs.map(from) } }),
  });
  return {
    ...spec,
    services: Object.fromEntries(Object.entries(spec.services).map(([name, service]) => [name, moved(service)])),
  };
}

const movedContainer = (container: ContainerSpec, from: (path: string) => string): ContainerSpec => ({
  ...container,
  ...(container.dockerfile === undefined ? {} : { dockerfile: from(container.dockerfile) }),
  ...(container.context === undefined ? {} : { context: from(container.context) }),
});

/** A path rule of one service that takes requests away from another on the same host. */
function overlaps(services: readonly ReleasedService[]): readonly string[] {
  const routes = services.flatMap((s) => s.routes.map((route) => ({ service: s.service, ...route })));
  return routes.flatMap((narrow) =>
    routes
      .filter(
        (wide) =>
          wide.service !== narrow.service &&
          wide.host === narrow.host &&
          narrow.path !== wide.path &&
          isBelow(narrow.path, wide.path),
      )
      .map(
        (wide) =>
          `${narrow.host}${narrow.path} goes to ${narrow.service}; anything ${wide.service} serves below ${narrow.path} is not reachable`,
      ),
  );
}

const isBelow = (path: string, prefix: string): boolean => prefix === '/' || path.startsWith(`${prefix}/`);
