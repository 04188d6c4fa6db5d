import { posix } from 'node:path';
import { parse } from 'yaml';
import type { CommitReader } from './commit-reader.ts';

export interface Workspace {
  /** The package at `path` and all workspace packages it depends on, by folder; undefined when `path` is no package of it. */
  closureOf(path: string): readonly string[] | undefined;
  /** package.json of every member: installing from the lock file needs them all. */
  readonly manifests: readonly string[];
}

interface Member {
  readonly folder: string;
  readonly name: string;
  readonly wants: readonly string[];
}

/** The npm, yarn or pnpm workspace at the root; undefined when there is none. */
export async function readWorkspace(commit: CommitReader): Promise<Workspace | undefined> {
  const patterns = await memberPatterns(commit);
  if (patterns.length === 0) return undefined;
  const manifests = (await commit.list('.', 100_000)).filter(
    (path) => path.endsWith('/package.json') && matches(posix.dirname(path), patterns),
  );
  const members: Member[] = [];
  for (const manifest of manifests) {
    const text = asRecord(parseJson(await commit.read(manifest)));
    const wants = ['dependencies', 'devDependencies', 'peerDependencies', 'optionalDependencies'].flatMap((kind) =>
      Object.keys(asRecord(text[kind])),
    );
    members.push({ folder: posix.dirname(manifest), name: typeof text.name === 'string' ? text.name : '', wants });
  }
  return { manifests, closureOf: (path) => closure(path, members) };
}

function closure(path: string, members: readonly Member[]): string[] | undefined {
  const start = members.find((member) => member.folder === path);
  if (start === undefined) return undefined;
  const found = new Set([start]);
  for (const member of found)
    for (const other of members) if (other.name !== '' && member.wants.includes(other.name)) found.add(other);
  return [...found].map((member) => member.folder);
}

async function memberPatterns(commit: CommitReader): Promise<string[]> {
  const declared = asRecord(parseJson(await commit.read('package.json'))).workspaces;
  const fromNpm = Array.isArray(declared) ? declared : asRecord(declared).packages;
  const fromPnpm = asRecord(parseYaml(await commit.read('pnpm-workspace.yaml'))).packages;
  return [fromNpm, fromPnpm].flatMap((list) =>
    Array.isArray(list) ? list.filter((item): item is string => typeof item === 'string') : [],
  );
}

/** `packages/*`, `apps/**`, exact folders; a leading `!` takes away. */
function matches(folder: string, patterns: readonly string[]): boolean {
  const test = (pattern: string): boolean => {
    const clean = pattern.replace(/^!?(?:\.\/)?/, '').replace(/\/$/, '');
    const source = clean
      .split('/')
      .map((part) => (part === '**' ? '.+' : part.replace(/[.+^${}()|[\]\\]/g, '\\$&').replaceAll('*', '[^/]*')))
      .join('/');
    return new RegExp(`^${source}$`).test(folder);
  };
  return (
    patterns.some((pattern) => !pattern.startsWith('!') && test(pattern)) &&
    !patterns.some((pattern) => pattern.startsWith('!') && test(pattern))
  );
}

function parseJson(text: string | null): unknown {
  try {
    return text === null ? undefined : JSON.parse(text);
  } catch {
    return undefined;
  }
}

function parseYaml(text: string | null): unknown {
  try {
    return text === null ? undefined : parse(text);
  } catch {
    return undefined;
  }
}

const asRecord = (value: unknown): Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : {};
