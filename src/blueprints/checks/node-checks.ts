import type { Folder } from '../../config/detect/folder.ts';
import type { RepositoryReader } from '../../config/reader.ts';
import { packageOf } from '../../domain/package-managers.ts';
import { splitBuild } from '../image/installing.ts';
import { type NodeManifest, nodeManifest } from '../image/node-manifest.ts';
import { nodeMajor } from '../image/versions.ts';
import type { CheckCommand, CheckFacts } from './facts.ts';

type Manager = 'npm' | 'pnpm' | 'yarn' | 'bun';

const locks: readonly (readonly [string, Manager])[] = [
  ['pnpm-lock.yaml', 'pnpm'],
  ['yarn.lock', 'yarn'],
  ['package-lock.json', 'npm'],
  ['npm-shrinkwrap.json', 'npm'],
  ['bun.lock', 'bun'],
  ['bun.lockb', 'bun'],
];

/** Names that scripts usually have, best first. */
const scriptNames = {
  lint: ['lint'],
  format: ['format:check', 'check:format', 'prettier:check', 'fmt:check'],
  types: ['typecheck', 'type-check', 'check:types', 'check-types', 'tsc'],
  test: ['test:ci', 'test'],
} as const;

/** What `npm init` writes where there is no test. */
const noTest = /no test specified/;

/** Undefined without a package.json. */
export async function nodeChecks(
  reader: RepositoryReader,
  given: { readonly folder: Folder; readonly top: Folder; readonly build: string | undefined },
): Promise<Omit<CheckFacts, 'testVariables'> | undefined> {
  const { folder, top } = given;
  const manifest = await nodeManifest(reader, folder.fromRoot('package.json'));
  if (manifest === undefined) return undefined;
  const above = folder.path === top.path ? manifest : await nodeManifest(reader, top.fromRoot('package.json'));
  const [place, lock] = lockOf(folder) ?? lockOf(top) ?? [folder, undefined];
  const manager = lock?.[1] ?? declaredManager(manifest) ?? declaredManager(above) ?? 'npm';
  const split = splitBuild(given.build);
  const installs = manifest.runtime.length + manifest.development.length > 0 || lock !== undefined || manifest.workspaces;
  const lockText = lock === undefined ? undefined : ((await place.read(lock[0])) ?? undefined);
  const own = split.install !== undefined && !split.productionOnly && place.path === folder.path ? split.install : undefined;
  const run = (name: string | undefined): CheckCommand | undefined =>
    name === undefined
      ? undefined
      : { command: name === 'test' ? `${manager} test` : `${manager} run ${name}`, folder: folder.path };
  const named = (names: readonly string[]): string | undefined =>
    names.find((name) => manifest.scripts[name] !== undefined && !noTest.test(manifest.scripts[name]));
  const lockPath = lock === undefined ? undefined : place.fromRoot(lock[0]);
  const bunTest = manager === 'bun' && manifest.scripts['test'] !== undefined;
  return {
    language: 'node',
    version: nodeMajor({ pinned: await pinned(folder, top), engines: manifest.engines ?? above?.engines }),
    ...(lockPath === undefined || manager === 'bun' ? {} : { cache: { manager, files: [lockPath] } }),
    tools:
      manager === 'npm'
        ? []
        : [
            `npm install --global --no-fund ${packageOf(manager, { declared: manifest.packageManager ?? above?.packageManager, lock: lockText })}`,
          ],
    ...(installs ? { install: { command: own ?? installOf(manager, lockText), folder: place.path } } : {}),
    ...optional('lint', run(named(scriptNames.lint))),
    ...optional('format', run(named(scriptNames.format))),
    ...optional('types', run(named(scriptNames.types))),
    build: split.rest.map((command) => ({ command, folder: folder.path })),
    ...optional('test', bunTest ? { command: 'bun run test', folder: folder.path } : run(named(scriptNames.test))),
    elsewhere: place.path === folder.path || lockPath === undefined ? [] : [lockPath, place.fromRoot('package.json')],
  };
}

const optional = <K extends string>(key: K, value: CheckCommand | undefined): Partial<Record<K, CheckCommand>> =>
  value === undefined ? {} : ({ [key]: value } as Record<K, CheckCommand>);

function lockOf(folder: Folder): readonly [Folder, readonly [string, Manager]] | undefined {
  const found = locks.find(([file]) => folder.has(file));
  return found === undefined ? undefined : [folder, found];
}

const declaredManager = (manifest: NodeManifest | undefined): Manager | undefined =>
  /^(npm|pnpm|yarn|bun)@/.exec(manifest?.packageManager ?? '')?.[1] as Manager | undefined;

/** Installs what the lock file says, development packages too; refuses one that does not fit. */
function installOf(manager: Manager, lock: string | undefined): string {
  if (lock === undefined) return `${manager} install`;
  if (manager === 'npm') return 'npm ci';
  return manager === 'yarn' && /^__metadata:/m.test(lock) ? 'yarn install --immutable' : `${manager} install --frozen-lockfile`;
}

async function pinned(folder: Folder, top: Folder): Promise<string | undefined> {
  for (const one of [folder, top])
    for (const file of ['.nvmrc', '.node-version']) {
      const text = await one.read(file);
      if (text !== null) return text;
    }
  return undefined;
}
