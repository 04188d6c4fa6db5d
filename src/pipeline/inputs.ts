import { posix } from 'node:path';
import type { ServiceSpec } from '../domain/spec.ts';
import type { CommitReader } from './commit-reader.ts';
import { reachesOutside } from './outside.ts';
import { readWorkspace } from './workspace.ts';

const wholeRepository: readonly string[] = ['.'];
/** Commands that work on more than the folder they run in. */
const beyondFolder =
  /\.\.|\b(?:turbo|nx|lerna|rush|moon|bazel|make)\b|(?:^|\s)(?:-w|--workspaces?|--filter|--prefix|-C)(?:[\s=]|$)/;

/**
 * Paths of the repository that belong to a service's build. As declared; else its folder alone when nothing in it points outside; in
 * a workspace its folder, the workspace packages it depends on and the files at the root; the whole repository when unsure.
 */
export async function buildInputs(service: ServiceSpec, commit: CommitReader): Promise<readonly string[]> {
  if (service.inputs !== undefined) return normalInputs([service.path, ...service.inputs]);
  if (service.path === '.') return wholeRepository;
  if (beyondFolder.test(`${service.build ?? ''}\n${service.run ?? ''}\n${service.release?.run ?? ''}`)) return wholeRepository;
  const workspace = await readWorkspace(commit);
  const closure = workspace?.closureOf(service.path);
  const folders = closure ?? [service.path];
  for (const folder of folders) if (await reachesOutside(folder, { commit, allowed: folders })) return wholeRepository;
  if (closure === undefined) return normalInputs(folders);
  const atRoot = (await commit.list('.', 100_000)).filter((path) => !path.includes('/'));
  return normalInputs([...folders, ...atRoot, ...(workspace?.manifests ?? [])]);
}

/** Sorted, without doubles and without what lies below another entry. */
export function normalInputs(paths: readonly string[]): readonly string[] {
  const clean = [...new Set(paths.map((path) => posix.normalize(path).replace(/\/$/, '')))].sort();
  if (clean.includes('.')) return wholeRepository;
  return clean.filter((path) => !clean.some((other) => other !== path && path.startsWith(`${other}/`)));
}
