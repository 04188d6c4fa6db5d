import { codeOf, folderOf } from '../config/detect/folder.ts';
import type { RepositoryReader } from '../config/reader.ts';
import { joinPath } from '../config/repository-path.ts';
import type { AppSpec, ServiceSpec } from '../domain/spec.ts';
import type { CheckFacts } from './checks/facts.ts';
import { gatherChecks } from './checks/gather.ts';
import { type ReadVariable, variablesRead } from './environment/scan.ts';
import { gatherImageFacts, sourceFiles } from './image/gather.ts';
import { dockerfilePath, type PackedService } from './image-files.ts';

/** What is known of a repository before anything is written for it. */
export interface BlueprintInput {
  readonly spec: AppSpec;
  readonly packed: readonly PackedService[];
  /** Variables that the code reads, by service. */
  readonly read: Readonly<Record<string, readonly ReadVariable[]>>;
  /** By what the source of each service can be checked. */
  readonly checks: Readonly<Record<string, CheckFacts>>;
}

/** @throws NO_DOCKERFILE_FOR_STACK */
export async function gatherInput(reader: RepositoryReader, spec: AppSpec): Promise<BlueprintInput> {
  const packed: PackedService[] = [];
  const read: Record<string, readonly ReadVariable[]> = {};
  const checks: Record<string, CheckFacts> = {};
  const files = await sourceFiles(reader);
  for (const service of Object.values(spec.services)) {
    packed.push(await pack(reader, spec, service));
    checks[service.name] = await gatherChecks(reader, service, files);
    const others = Object.values(spec.services)
      .map(({ path }) => path)
      .filter((path) => path !== service.path && path !== '.' && (service.path === '.' || path.startsWith(`${service.path}/`)));
    const own = files.filter((file) => !others.some((path) => file.startsWith(`${path}/`)));
    const folder = folderOf(service.path, own, reader);
    read[service.name] =
      service.container?.image === undefined ? variablesRead(await codeOf(folder), (file) => joinPath(service.path, file)) : [];
  }
  return { spec, packed, read, checks };
}

async function pack(reader: RepositoryReader, spec: AppSpec, service: ServiceSpec): Promise<PackedService> {
  const { container } = service;
  if (container?.image !== undefined) return { service, image: container.image };
  // A Dockerfile in a folder that is served as it is would be served too.
  if (service.kind === 'static' && service.build === undefined)
    return { service, folder: joinPath(service.path, service.static?.folder ?? '.') };
  if (container?.dockerfile !== undefined) {
    const { dockerfile, context = service.path, target } = container;
    return { service, own: { context, dockerfile, ...(target === undefined ? {} : { target }) } };
  }
  const facts = await gatherImageFacts(reader, spec, service.name);
  return { service, facts, dockerfile: joinPath('.', dockerfilePath(spec, service)) };
}
