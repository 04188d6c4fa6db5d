import { posix } from 'node:path';
import type { ServiceSpec } from '../domain/spec.ts';
import type { CommitReader } from './commit-reader.ts';
import { leadsOutside } from './outside.ts';
import { readWorkspace } from './workspace.ts';

/** What belongs to a service's build. */
export interface BuildInputs {
  readonly paths: readonly string[];
  /** Why it is the whole repository although the service has a folder of its own, as half a sentence. */
  readonly whole?: string;
}

const wholeRepository: readonly string[] = ['.'];
/** Commands that work on more than the folder they run in. */
const beyondFolder =
  /\.\.|\b(?:turbo|nx|lerna|rush|moon|bazel|make)\b|(?:^|\s)(?:-w|--workspaces?|--filter|--prefix|-C)(?:[\s=]|$)/;
const runsTests = /\b(?:tests?|vitest|jest|mocha|ava|pytest)\b/;

/**
 * Paths of the repository that belong to a service's build. As declared; else its folder alone when nothing in it points outside; in
 * a workspace its folder, the workspace packages it depends on and the files at the root; the whole repository when unsure.
 */
export async function buildInputs(service: ServiceSpec, commit: CommitReader): Promise<BuildInputs> {
  if (service.inputs !== undefined) return { paths: normalInputs([service.path, ...service.inputs]) };
  if (service.path === '.') return { paths: wholeRepository };
  const whole = (why: string): BuildInputs => ({ paths: wholeRepository, whole: why });
  for (const command of [service.build, service.run, service.release?.run]) {
    const beyond = beyondFolder.exec(command ?? '')?.[0].trim();
    if (beyond !== undefined) return whole(`its command "${shortened(command ?? '')}" works beyond its folder (${beyond})`);
  }
  const workspace = await readWorkspace(commit);
  const closure = workspace?.closureOf(service.path);
  const folders = closure ?? [service.path];
  const built = { commit, allowed: folders, runsTests: await testsAreBuilt(service, commit) };
  for (const folder of folders) {
    const why = await leadsOutside(folder, built);
    if (why !== undefined) return whole(why);
  }
  if (closure === undefined) return { paths: normalInputs(folders) };
  const atRoot = (await commit.list('.', 100_000)).filter((path) => !path.includes('/'));
  return { paths: normalInputs([...folders, ...atRoot, ...(workspace?.manifests ?? [])]) };
}

/** Whether the build runs the tests, by itself or by the script that it names. */
async function testsAreBuilt({ path, build = '' }: ServiceSpec, commit: CommitReader): Promise<boolean> {
  const manifest = (await commit.read(posix.join(path, 'package.json'))) ?? '';
  const script = /"build"\s*:\s*"((?:[^"\\]|\\.)*)"/.exec(manifest)?.[1] ?? '';
  return runsTests.test(`${build}\n${script}`);
}

const shortened = (command: string): string => (command.length > 60 ? `${command.slice(0, 59)}…` : command);

/** Sorted, without doubles and without what lies below another entry. */
export function normalInputs(paths: readonly string[]): readonly string[] {
  const clean = [...new Set(paths.map((path) => posix.normalize(path).replace(/\/$/, '')))].sort();
  if (clean.includes('.')) return wholeRepository;
  return clean.filter((path) => !clean.some((other) => other !== path && path.startsWith(`${other}/`)));
}
