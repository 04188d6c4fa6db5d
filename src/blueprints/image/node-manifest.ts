import type { RepositoryReader } from '../../config/reader.ts';

/** What a package.json says that an image depends on. */
export interface NodeManifest {
  readonly scripts: Readonly<Record<string, string>>;
  readonly runtime: readonly string[];
  readonly development: readonly string[];
  readonly engines: string | undefined;
  readonly packageManager: string | undefined;
  readonly workspaces: boolean;
  /** Its files are ES modules. */
  readonly modules: boolean;
}

/** Undefined when there is none, or it is no JSON object. */
export async function nodeManifest(reader: RepositoryReader, path: string): Promise<NodeManifest | undefined> {
  const text = await reader.read(path);
  const parsed = text === null ? undefined : parse(text);
  if (parsed === undefined) return undefined;
  const { packageManager } = parsed;
  const node = record(parsed.engines).node;
  return {
    scripts: texts(parsed.scripts),
    runtime: [...Object.keys(record(parsed.dependencies)), ...Object.keys(record(parsed.optionalDependencies))],
    development: Object.keys(record(parsed.devDependencies)),
    engines: typeof node === 'string' ? node : undefined,
    packageManager: typeof packageManager === 'string' ? packageManager : undefined,
    workspaces: parsed.workspaces !== undefined,
    modules: parsed.type === 'module',
  };
}

function parse(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

const record = (value: unknown): Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : {};

const texts = (value: unknown): Record<string, string> =>
  Object.fromEntries(Object.entries(record(value)).filter((entry): entry is [string, string] => typeof entry[1] === 'string'));
