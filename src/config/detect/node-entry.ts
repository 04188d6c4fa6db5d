import type { Folder, SourceText } from './folder.ts';
import type { PackageJson } from './package-json.ts';
import { startCommand } from './start-script.ts';

export interface NodeEntry {
  readonly kind: string;
  readonly run: string;
  /** File that shows it. */
  readonly evidence: string;
  /** Certain to want requests, whatever its source says. */
  readonly listens: boolean;
  /** What a person should know about it. */
  readonly notes: readonly string[];
}

const frameworks: readonly (readonly [string, string])[] = [
  ['@nestjs/core', 'NestJS'],
  ['next', 'Next.js'],
  ['nuxt', 'Nuxt'],
  ['@sveltejs/kit', 'SvelteKit'],
  ['@remix-run/serve', 'Remix'],
  ['@react-router/serve', 'React Router'],
  ['astro', 'Astro'],
  ['fastify', 'Fastify'],
  ['hono', 'Hono'],
  ['koa', 'Koa'],
  ['express', 'Express'],
  ['socket.io', 'Socket.IO'],
];
/** Start scripts that run a development server or watch files. */
const development =
  /\b(?:vite|react-scripts|vue-cli-service|ng)\s*(?:start|serve|dev)?\s*(?:$|-|&)|\b(?:next|nuxt|astro|remix|gatsby|parcel|webpack(?:-dev-server)?)\s+(?:dev|serve|develop)|webpack-dev-server|^parcel\b|\bnodemon\b|--watch\b|concurrently|npm-run-all|\bdocker\b/;

const preview = 'npx vite preview --host "$HOST" --port "$PORT" --strictPort';
const previewNote =
  'its adapter makes no server of its own, so vite preview serves what is built; @sveltejs/adapter-node is meant for this';

/** How the app of a package starts for good; undefined when it is a library or only a site. */
export function nodeEntry(folder: Folder, manifest: PackageJson, sources: readonly SourceText[]): NodeEntry | undefined {
  const { scripts, dependencies } = manifest;
  const kind = frameworks.find(([name]) => dependencies.has(name))?.[1] ?? 'Node app';
  const found = (run: string, evidence = 'package.json'): NodeEntry => ({ kind, run, evidence, listens: false, notes: [] });
  const server = (run: string, ...notes: string[]): NodeEntry => ({ ...found(run), listens: true, notes });
  const script = (name: string): NodeEntry => {
    const { run, fixedPort } = startCommand(name, manifest);
    const note = `the ${name} script has the port ${fixedPort} in it; PORT takes its place, so that two releases can run side by side`;
    return fixedPort === undefined ? found(run) : server(run, note);
  };
  const production = ['start:prod', 'start:production', 'serve:prod'].find((name) => scripts[name] !== undefined);
  if (production !== undefined) return script(production);
  if (dependencies.has('@nestjs/core') && scripts.build !== undefined) return found('node dist/main.js');
  if (dependencies.has('nuxt')) return server('node .output/server/index.mjs');
  if (dependencies.has('@astrojs/node')) return server('node dist/server/entry.mjs');
  if (dependencies.has('@sveltejs/adapter-node')) return server('node build');
  if (dependencies.has('@sveltejs/kit') && !dependencies.has('@sveltejs/adapter-static')) return server(preview, previewNote);
  const { start } = scripts;
  if (start !== undefined && !development.test(start)) return script('start');
  if (dependencies.has('next')) return found('npx next start');
  const watched = /\bnodemon\s+(?:-\S+\s+)*([\w./-]+\.[cm]?js)\b/.exec(start ?? '')?.[1];
  if (watched !== undefined && folder.has(watched.replace(/^\.\//, ''))) return found(`node ${watched}`);
  return entryFile(folder, manifest, sources, found);
}

const names = ['server', 'index', 'app', 'main'].flatMap((name) =>
  ['.js', '.mjs', '.cjs', '.ts'].map((ending) => `${name}${ending}`),
);
const candidates = [...names, ...names.map((name) => `src/${name}`)];

function entryFile(
  folder: Folder,
  manifest: PackageJson,
  sources: readonly SourceText[],
  found: (run: string, evidence: string) => NodeEntry,
): NodeEntry | undefined {
  const listens = (file: string): boolean =>
    sources.some((source) => source.file === file && /\.listen\s*\(|\bserve\s*\(/.test(source.text));
  const file = [...(manifest.main === undefined ? [] : [manifest.main]), ...candidates].find(
    (name) => folder.has(name) && listens(name),
  );
  if (file === undefined) return undefined;
  if (!file.endsWith('.ts')) return found(`node ${file}`, file);
  const compiled = manifest.scripts.build === undefined ? undefined : manifest.main;
  if (compiled !== undefined && !compiled.endsWith('.ts')) return found(`node ${compiled}`, file);
  const runner = ['tsx', 'ts-node'].find((name) => manifest.dependencies.has(name));
  return runner === undefined
    ? manifest.scripts.build === undefined
      ? undefined
      : found(`node dist/${file.replace(/^src\//, '').replace(/\.ts$/, '.js')}`, file)
    : found(`npx ${runner} ${file}`, file);
}

const commandLines = ['@clack/prompts', '@inquirer/prompts', '@oclif/core', 'commander', 'inquirer', 'oclif', 'prompts', 'yargs'];

/** Whether a package that opens no port is a program for the command line, which ends by itself, rather than a worker. */
export const isCommandLine = (manifest: PackageJson): boolean =>
  manifest.bin || commandLines.some((name) => manifest.runtime.has(name));
