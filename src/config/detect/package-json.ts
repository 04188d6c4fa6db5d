import type { Folder } from './folder.ts';

export interface PackageJson {
  readonly name: string;
  readonly main: string | undefined;
  readonly scripts: Readonly<Record<string, string>>;
  /** Names of all dependencies, development ones included. */
  readonly dependencies: ReadonlySet<string>;
  /** Of them, those needed at run time. */
  readonly runtime: ReadonlySet<string>;
  /** Major version asked for, by package; without those that name none. */
  readonly majors: ReadonlyMap<string, number>;
  readonly packageManager: string | undefined;
  readonly workspaces: boolean;
  /** It installs a command. */
  readonly bin: boolean;
}

/** Null when there is none or it is no JSON object. */
export async function readPackageJson(folder: Folder): Promise<PackageJson | null> {
  const text = await folder.read('package.json');
  if (text === null) return null;
  const parsed = record(parse(text));
  const runtime = new Set(Object.keys(record(parsed.dependencies)));
  return {
    name: typeof parsed.name === 'string' ? parsed.name : '',
    main: typeof parsed.main === 'string' ? parsed.main.replace(/^\.\//, '') : undefined,
    scripts: Object.fromEntries(
      Object.entries(record(parsed.scripts)).filter((entry): entry is [string, string] => typeof entry[1] === 'string'),
    ),
    dependencies: new Set([...runtime, ...Object.keys(record(parsed.devDependencies))]),
    runtime,
    majors: majorsOf({ ...record(parsed.devDependencies), ...record(parsed.dependencies) }),
    packageManager: typeof parsed.packageManager === 'string' ? parsed.packageManager : undefined,
    workspaces: parsed.workspaces !== undefined,
    bin: parsed.bin !== undefined,
  };
}

function majorsOf(wanted: Readonly<Record<string, unknown>>): ReadonlyMap<string, number> {
  const found = new Map<string, number>();
  for (const [name, range] of Object.entries(wanted)) {
    const major = typeof range === 'string' ? /^[\^~>=v\s]*(\d+)(?:\.|$)/.exec(range)?.[1] : undefined;
    if (major !== undefined) found.set(name, Number(major));
  }
  return found;
}

export interface Packages {
  readonly manager: 'npm' | 'pnpm' | 'yarn' | 'bun';
  /** Undefined: nothing to install. */
  readonly install: string | undefined;
  readonly evidence: string;
}

/** How dependencies are installed, by lock file; `above` is the root of the workspace that the folder belongs to. */
export function packagesOf(folder: Folder, manifest: PackageJson, above?: Folder): Packages {
  const nothing = manifest.dependencies.size === 0;
  for (const place of above === undefined ? [folder] : [folder, above]) {
    const at = (file: string): string | undefined => (place.has(file) ? place.fromRoot(file) : undefined);
    const pnpm = at('pnpm-lock.yaml');
    if (pnpm !== undefined)
      return { manager: 'pnpm', install: nothing ? undefined : 'pnpm install --frozen-lockfile', evidence: pnpm };
    const yarn = at('yarn.lock');
    const modern = place.has('.yarnrc.yml') || /^yarn@[2-9]/.test(manifest.packageManager ?? '');
    if (yarn !== undefined)
      return {
        manager: 'yarn',
        install: nothing ? undefined : `yarn install ${modern ? '--immutable' : '--frozen-lockfile'}`,
        evidence: yarn,
      };
    const npm = at('package-lock.json') ?? at('npm-shrinkwrap.json');
    if (npm !== undefined) return { manager: 'npm', install: nothing ? undefined : 'npm ci', evidence: npm };
    const bun = at('bun.lock') ?? at('bun.lockb');
    if (bun !== undefined)
      return { manager: 'bun', install: nothing ? undefined : 'bun install --frozen-lockfile', evidence: bun };
  }
  const named = /^(pnpm|yarn|bun)@/.exec(manifest.packageManager ?? '')?.[1] as Packages['manager'] | undefined;
  const manager = named ?? 'npm';
  return {
    manager,
    install: nothing ? undefined : `${manager} install`,
    evidence: folder.fromRoot('package.json'),
  };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

const record = (value: unknown): Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : {};
