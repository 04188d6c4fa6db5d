import { joinPath } from '../config/repository-path.ts';
import type { AppSpec, ServiceSpec } from '../domain/spec.ts';
import { dockerfile } from './dockerfile.ts';
import type { GeneratedFile } from './generated.ts';
import { dockerignore } from './image/dockerignore.ts';
import type { ImageFacts } from './image/facts.ts';

/** A service's image: built from a Dockerfile that is made, or from one of the repository, or made elsewhere; or a folder of files as it is. */
export type PackedService =
  | { readonly service: ServiceSpec; readonly facts: ImageFacts; readonly dockerfile: string }
  | {
      readonly service: ServiceSpec;
      readonly own: { readonly context: string; readonly dockerfile: string; readonly target?: string };
    }
  | { readonly service: ServiceSpec; readonly image: string }
  | { readonly service: ServiceSpec; readonly folder: string };

/** Where the Dockerfile of a service lies: `Dockerfile` in its folder, with its name where the folder has several services. */
export function dockerfilePath(spec: AppSpec, service: ServiceSpec): string {
  const first = Object.values(spec.services).find((other) => other.path === service.path && !isGiven(other));
  return joinPath(service.path, first === undefined || first.name === service.name ? 'Dockerfile' : `Dockerfile.${service.name}`);
}

/** Its image is none that is made from detection. */
export const isGiven = ({ container }: ServiceSpec): boolean =>
  container?.image !== undefined || container?.dockerfile !== undefined;

/** Dockerfiles, and one .dockerignore for each folder that is sent to a builder. */
export function imageFiles(packed: readonly PackedService[]): GeneratedFile[] {
  const made = packed.filter((one) => 'facts' in one);
  const contexts = new Map<string, Set<string>>();
  for (const { facts } of made) {
    const kept = contexts.get(facts.context) ?? new Set();
    for (const folder of facts.ignored) kept.add(folder);
    contexts.set(facts.context, kept);
  }
  return [
    ...made.map(({ facts, dockerfile: path }): GeneratedFile => ({ path, text: dockerfile(facts) })),
    ...[...contexts].map(
      ([context, kept]): GeneratedFile => ({
        path: joinPath(context, '.dockerignore'),
        text: dockerignore([...kept].sort()),
        replaceable: true,
      }),
    ),
  ];
}
