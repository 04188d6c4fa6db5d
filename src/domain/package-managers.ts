/** Package managers that npm can bring where they are not installed. */
export const broughtByNpm = ['pnpm', 'yarn', 'bun'] as const;
export type Brought = (typeof broughtByNpm)[number];

/** What a repository says about the version of a package manager it was made with; undefined: nothing. */
export interface ManagerFacts {
  /** `packageManager` of package.json. */
  readonly declared?: string | undefined;
  /** Text of the program's lock file. */
  readonly lock?: string | undefined;
  /** Top-level keys of pnpm-workspace.yaml; undefined: there is none. */
  readonly workspaceKeys?: readonly string[] | undefined;
}

/**
 * The npm package, with a version or range, that brings a package manager: as declared, else the one that reads the lock file as it
 * is. A newer one would refuse or rewrite it.
 */
export function packageOf(program: Brought, facts: ManagerFacts): string {
  const declared = new RegExp(`^${program}@(\\d[\\w.-]*)`).exec(facts.declared ?? '')?.[1];
  if (program === 'yarn') return yarnPackage(declared, facts.lock);
  if (declared !== undefined) return `${program}@${declared}`;
  return program === 'pnpm' ? `pnpm@${pnpmVersion(facts)}` : `${program}@1`;
}

/** Yarn 2 and later is another package than Yarn 1. Yarn 1 hands over to the one that a repository brings itself (`yarnPath`). */
function yarnPackage(declared: string | undefined, lock: string | undefined): string {
  if (declared !== undefined) return Number.parseInt(declared, 10) >= 2 ? `@yarnpkg/cli-dist@${declared}` : `yarn@${declared}`;
  const format = Number(/^__metadata:\s+version: "?(\d+)/m.exec(lock ?? '')?.[1] ?? 0);
  if (format === 0) return 'yarn@1.22';
  return `@yarnpkg/cli-dist@${format >= 8 ? 4 : format >= 6 ? 3 : 2}`;
}

function pnpmVersion({ lock, workspaceKeys }: ManagerFacts): string {
  const format = Number(/^lockfileVersion:\s*['"]?([\d.]+)/m.exec(lock ?? '')?.[1] ?? Number.NaN);
  if (format < 5.4) return '6';
  if (format < 6) return '7';
  if (format < 9) return '8';
  // 9 and 10 write the same format. Only 10 reads settings from the workspace file, and only 9 runs install scripts without being told.
  return hasSettings(workspaceKeys) ? '10' : '9';
}

const hasSettings = (keys: readonly string[] | undefined): boolean =>
  keys !== undefined && (!keys.includes('packages') || keys.some((key) => !/^(?:packages|catalogs?)$/.test(key)));
