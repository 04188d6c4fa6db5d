import { canStart } from './container-keys.ts';
import type { ConfigDocument } from './document.ts';
import type { Mistake } from './mistakes.ts';
import type { RepositoryReader } from './reader.ts';
import { joinPath, repositoryPath } from './repository-path.ts';
import type { AppFile } from './schema.ts';
import { dotted } from './validate.ts';

/** Where a service's own Dockerfile is, unless the file says otherwise. */
export const dockerfileIn = (path: string): string => joinPath(path, 'Dockerfile');

/** The file with `dockerfile` filled in where nothing else says how a service starts and its folder has one. */
export async function withFoundDockerfiles(file: AppFile, reader: RepositoryReader): Promise<AppFile> {
  const services: [string, NonNullable<AppFile['services']>[string]][] = [];
  for (const [name, service] of Object.entries(file.services ?? {})) {
    const path = dockerfileIn(repositoryPath(service.path) ?? '.');
    const found = !canStart(service) && (await reader.read(path)) !== null;
    services.push([name, found ? { ...service, dockerfile: path } : service]);
  }
  return { ...file, services: Object.fromEntries(services) };
}

/** Dockerfiles that the file names and the repository (at this commit) does not have. */
export async function missingDockerfiles(file: AppFile, document: ConfigDocument, reader: RepositoryReader): Promise<Mistake[]> {
  const mistakes: Mistake[] = [];
  for (const [name, service] of Object.entries(file.services ?? {})) {
    const given = repositoryPath(service.dockerfile ?? '');
    if (given === undefined || (await reader.read(given)) !== null) continue;
    const inside = joinPath(repositoryPath(service.path) ?? '.', given);
    const meant = inside !== given && (await reader.read(inside)) !== null ? inside : undefined;
    const path = ['services', name, 'dockerfile'];
    mistakes.push({
      ...document.place(path),
      at: dotted(path),
      text: `the repository has no file ${given} (paths are relative to the repository; only committed files count)`,
      ...(meant === undefined ? {} : { nearest: meant }),
    });
  }
  return mistakes;
}
