import { posix } from 'node:path';
import { codeOf, type Folder, folderOf, type SourceText } from '../../config/detect/folder.ts';
import type { RepositoryReader } from '../../config/reader.ts';
import { type Brought, packageOf } from '../../domain/package-managers.ts';
import { developmentNeeded } from './development.ts';
import { appFolder, type ImageFacts } from './facts.ts';
import { neededByScripts, splitBuild } from './installing.ts';
import { type NodeManifest, nodeManifest } from './node-manifest.ts';
import { startCommand, withoutManager } from './start-command.ts';
import { nodeMajor } from './versions.ts';

export type Manager = 'npm' | Brought;

/** The service as far as an image depends on it; `files`: all of the repository. */
export interface ServiceToPack {
  readonly path: string;
  readonly context: string;
  readonly build: string | undefined;
  readonly run: string | undefined;
  readonly release: string | undefined;
  readonly files: readonly string[];
}

export type NodeFacts = Pick<
  ImageFacts,
  | 'base'
  | 'notes'
  | 'tools'
  | 'manifests'
  | 'install'
  | 'cache'
  | 'logins'
  | 'build'
  | 'prune'
  | 'programs'
  | 'runtimeTools'
  | 'runtimeEnv'
  | 'command'
> & { readonly framework: string | undefined; readonly sources: readonly SourceText[] };

const lockFiles: Readonly<Record<Manager, readonly string[]>> = {
  npm: ['package-lock.json', 'npm-shrinkwrap.json'],
  pnpm: ['pnpm-lock.yaml'],
  yarn: ['yarn.lock'],
  bun: ['bun.lock', 'bun.lockb'],
};
const settingsFiles = ['.npmrc', '.yarnrc.yml', '.yarnrc', '.pnpmfile.cjs', 'pnpm-workspace.yaml', 'bunfig.toml'];
/** Settings by which each keeps its downloads elsewhere. pnpm and Yarn have changed the names of theirs. */
const cacheSettings: Readonly<Record<Manager, readonly string[]>> = {
  npm: ['npm_config_cache'],
  pnpm: ['npm_config_store_dir', 'pnpm_config_store_dir'],
  yarn: ['YARN_CACHE_FOLDER', 'YARN_GLOBAL_FOLDER'],
  bun: ['BUN_INSTALL_CACHE_DIR'],
};
/** Packages that are compiled where no ready-made binary is found for the platform. */
const compiled = /^(?:bcrypt|better-sqlite3|sqlite3|canvas|argon2|node-sass|node-gyp|libpq|re2|zeromq|usb|serialport)$/;

/** How the Node app of a folder becomes an image. */
export async function nodeImage(reader: RepositoryReader, service: ServiceToPack): Promise<NodeFacts> {
  const here = folderOf(service.path, service.files, reader);
  const top = folderOf(service.context, service.files, reader);
  const manifest = await nodeManifest(reader, here.fromRoot('package.json'));
  const rootManifest = service.path === service.context ? manifest : await nodeManifest(reader, top.fromRoot('package.json'));
  const sources = await codeOf(here);
  const own = lockOf(here) !== undefined || service.path === service.context;
  const place = own ? here : top;
  const manager = lockOf(place) ?? managerOf(manifest) ?? managerOf(rootManifest) ?? 'npm';
  const workspace = !own || (manifest?.workspaces ?? false) || place.has('pnpm-workspace.yaml');
  const split = splitBuild(service.build);
  const scripts = manifest?.scripts ?? {};
  const folder = relative(service.context, place.path);
  const wanted = split.install === undefined ? undefined : neededByScripts({ ...rootManifest?.scripts, ...scripts });
  const needed =
    manifest === undefined || split.install === undefined || split.productionOnly
      ? undefined
      : developmentNeeded({
          manifest,
          commands: [service.run ?? '', service.release ?? ''],
          sources,
          files: new Set(here.files),
        });
  const prune =
    manifest === undefined || split.install === undefined || split.productionOnly || manifest.development.length === 0
      ? undefined
      : needed === undefined
        ? pruneOf({ manager, workspace, modern: isModernYarn(place, manifest), prisma: usesPrisma(manifest) })
        : undefined;
  const plugAndPlay = manager === 'yarn' && (await isPlugAndPlay(place, manifest ?? rootManifest));
  const resolved = service.run === undefined ? undefined : withoutNpx(withoutManager(service.run, scripts));
  // Only Yarn finds programs of packages that lie in no folder, and ES modules of theirs.
  const byYarn =
    plugAndPlay &&
    resolved !== undefined &&
    !/^(?:\w+=\S*\s+)*yarn\s/.test(resolved) &&
    (manifest?.modules === true || !/^(?:\w+=\S*\s+)*node\s/.test(resolved));
  const run = byYarn ? resolved.replace(/^(?:\w+=\S*\s+)*/, (variables) => `${variables}yarn `) : resolved;
  const command = run === undefined ? undefined : startCommand(run);
  const brought = await bringing(manager, place, manifest ?? rootManifest);
  const framework = frameworkOf(manifest);
  const starts =
    command === undefined ? '' : 'words' in command.start ? (command.start.words[0] ?? '') : ` ${command.start.shell} `;
  const needsManager = brought !== undefined && new RegExp(`(?:^|\\s)${manager}(?:\\s|$)`).test(starts);
  return {
    base: `node:${nodeMajor({ pinned: await pinnedVersion(here, top), engines: manifest?.engines ?? rootManifest?.engines })}-bookworm-slim`,
    framework,
    sources,
    notes: [
      ...(needed === undefined ? [] : [`All packages stay: ${needed}.`]),
      ...(manifest?.runtime.some((name) => compiled.test(name)) === true
        ? [
            'The slim base has no compiler. Where a package has no ready-made binary, build with `--build-arg BUILD_BASE=` and the same base without "-slim".',
          ]
        : []),
    ],
    tools: brought === undefined || service.build === undefined ? [] : [`npm install --global --no-fund ${brought}`],
    manifests:
      split.install === undefined || wanted === undefined ? [] : manifestFiles({ here, place, top, workspace, extra: wanted }),
    ...(split.install === undefined
      ? {}
      : { install: { command: plugAndPlay ? `YARN_ENABLE_GLOBAL_CACHE=false ${split.install}` : split.install, folder } }),
    ...(plugAndPlay ? {} : { cache: { folder: `/var/cache/${manager}`, settings: cacheSettings[manager] } }),
    logins: [...new Set([here, place])]
      .filter((one) => one.has('.npmrc'))
      .map((one) => posix.join(relative(service.context, one.path), '.npmrc')),
    build: split.rest,
    ...(prune === undefined ? {} : { prune: { command: prune, folder } }),
    programs:
      split.install === undefined || starts === 'node' || plugAndPlay
        ? []
        : [...new Set([service.path, place.path])].map((path) =>
            posix.join(appFolder, relative(service.context, path), 'node_modules/.bin'),
          ),
    runtimeTools: needsManager ? [`npm install --global --no-fund ${brought}`] : [],
    runtimeEnv: {
      NODE_ENV: 'production',
      HOST: '0.0.0.0',
      ...(framework === 'next' ? { HOSTNAME: '0.0.0.0' } : {}),
      ...(plugAndPlay && command !== undefined && !needsManager
        ? { NODE_OPTIONS: plugAndPlayOptions(posix.join(appFolder, folder)) }
        : {}),
    },
    ...(command === undefined ? {} : { command }),
  };
}

function manifestFiles(given: {
  here: Folder;
  place: Folder;
  top: Folder;
  workspace: boolean;
  extra: readonly string[];
}): string[] {
  const { here, place, top, workspace, extra } = given;
  const from = (folder: Folder, file: string): string => posix.join(relative(top.path, folder.path), file);
  const files = new Set(
    ['package.json', ...Object.values(lockFiles).flat(), ...settingsFiles]
      .filter((file) => place.has(file))
      .map((file) => from(place, file)),
  );
  if (workspace)
    for (const file of place.files)
      if (/(?:^|\/)package\.json$/.test(file) && !/(?:^|\/)node_modules\//.test(file)) files.add(from(place, file));
  if (place.files.some((file) => file.startsWith('.yarn/releases/'))) files.add(from(place, '.yarn/releases'));
  for (const name of extra)
    for (const folder of new Set([here, place]))
      if (folder.files.some((file) => file.startsWith(`${name}/`))) files.add(from(folder, name));
  const depth = (file: string): number => file.split('/').length;
  return [...files].sort((a, b) => depth(a) - depth(b) || (a < b ? -1 : 1));
}

const lockOf = (folder: Folder): Manager | undefined =>
  (['pnpm', 'yarn', 'npm', 'bun'] as const).find((manager) => lockFiles[manager].some((file) => folder.has(file)));

const managerOf = (manifest: NodeManifest | undefined): Manager | undefined =>
  /^(npm|pnpm|yarn|bun)@/.exec(manifest?.packageManager ?? '')?.[1] as Manager | undefined;

async function bringing(manager: Manager, place: Folder, manifest: NodeManifest | undefined): Promise<string | undefined> {
  if (manager === 'npm') return undefined;
  const lock = lockFiles[manager][0] ?? '';
  const workspace = await place.read('pnpm-workspace.yaml');
  return packageOf(manager, {
    declared: manifest?.packageManager,
    lock: (await place.read(lock)) ?? undefined,
    ...(workspace === null ? {} : { workspaceKeys: [...workspace.matchAll(/^([\w-]+):/gm)].map((match) => match[1] ?? '') }),
  });
}

/** What takes development packages away without running anything of theirs; undefined: nothing does so safely. */
function pruneOf(given: { manager: Manager; workspace: boolean; modern: boolean; prisma: boolean }): string | undefined {
  if (given.manager === 'npm') return 'npm prune --omit=dev --no-audit --no-fund';
  if (given.workspace) return undefined;
  if (given.manager === 'pnpm') return 'CI=true pnpm prune --prod --ignore-scripts';
  // Yarn 1 would also take away what Prisma has generated.
  if (given.manager === 'yarn' && !given.modern && !given.prisma)
    return 'yarn install --production --frozen-lockfile --ignore-scripts --prefer-offline';
  return undefined;
}

const isModernYarn = (place: Folder, manifest: NodeManifest): boolean =>
  place.has('.yarnrc.yml') || /^yarn@[2-9]/.test(manifest.packageManager ?? '');

/** Packages stay packed, and a loader finds them: what Yarn does unless it is told otherwise. Its cache then belongs to the app. */
async function isPlugAndPlay(place: Folder, manifest: NodeManifest | undefined): Promise<boolean> {
  const settings = await place.read('.yarnrc.yml');
  const linker = /^nodeLinker:\s*["']?([\w-]+)/m.exec(settings ?? '')?.[1];
  if (linker !== undefined) return linker === 'pnp';
  const modern = settings !== null || /^yarn@[2-9]/.test(manifest?.packageManager ?? '');
  return modern && /^__metadata:/m.test((await place.read('yarn.lock')) ?? '');
}

/** What `yarn node` would tell Node. */
const plugAndPlayOptions = (folder: string): string => `--require ${posix.join(folder, '.pnp.cjs')}`;

const usesPrisma = (manifest: NodeManifest): boolean =>
  [...manifest.runtime, ...manifest.development].some((name) => /^(?:@prisma\/|prisma$)/.test(name));

async function pinnedVersion(here: Folder, top: Folder): Promise<string | undefined> {
  for (const folder of [here, top]) {
    const plain = (await folder.read('.nvmrc')) ?? (await folder.read('.node-version'));
    if (plain !== null) return plain;
    const tools = /^nodejs\s+(\S+)/m.exec((await folder.read('.tool-versions')) ?? '')?.[1];
    if (tools !== undefined) return tools;
  }
  return undefined;
}

const frameworks: readonly (readonly [string, string])[] = [
  ['next', 'next'],
  ['nuxt', 'nuxt'],
  ['@nestjs/core', 'nest'],
  ['@sveltejs/kit', 'sveltekit'],
  ['astro', 'astro'],
  ['vite', 'vite'],
];

const frameworkOf = (manifest: NodeManifest | undefined): string | undefined =>
  frameworks.find(([name]) => manifest?.runtime.includes(name) === true || manifest?.development.includes(name) === true)?.[1];

const withoutNpx = (run: string): string => run.replace(/^npx (?!-)/, '');

/** `path` seen from `folder`, both from the repository's root. */
export const relative = (folder: string, path: string): string => posix.relative(folder, path) || '.';
