import { type PackageJson } from '../config/detect/package-json.ts';
import { startCommand } from '../config/detect/start-script.ts';
import type { ServiceSpec } from '../domain/spec.ts';
import { devTools, type DevTool, isPlainRun, toolOfScript } from './framework.ts';
import { developmentPython } from './python-command.ts';

/** What a service's folder says. */
export interface FolderFacts {
  readonly manifest: PackageJson | null;
  readonly manager: 'npm' | 'pnpm' | 'yarn' | 'bun';
  readonly has: (file: string) => boolean;
  /** Lines of Procfile.dev by name. */
  readonly procfile: Readonly<Record<string, string>>;
}

/** How a service runs under `signalbox dev`. */
export type DevPlan = CommandPlan | FilesPlan;

interface Reason {
  /** For a person: what was chosen. */
  readonly says: string;
  /** For a person: the evidence. */
  readonly because: string;
}

export interface CommandPlan extends Reason {
  readonly kind: 'command';
  /** Empty: what the service's image starts by itself. */
  readonly run: string;
  /** Run before each start: what compiles. */
  readonly prepare?: string;
  /** It takes changes over by itself; else it is restarted. */
  readonly reloads: boolean;
  /** Paths below the service folder whose changes restart it; undefined: the folder. */
  readonly watch?: readonly string[];
  /** Where it listens whatever PORT says. */
  readonly port?: number;
  readonly env: Readonly<Record<string, string>>;
}

export interface FilesPlan extends Reason {
  readonly kind: 'files';
  /** Relative to the service's path. */
  readonly folder: string;
  readonly spaFallback: boolean;
  /** Makes the files; run at the start and after each change. */
  readonly prepare?: string;
}

/** Pure: the first rule that fits decides. */
export function planDevelopment(service: ServiceSpec, facts: FolderFacts): DevPlan {
  return (
    declared(service) ??
    ofProcfile(service, facts) ??
    (service.kind === 'static' ? files(service, facts) : program(service, facts))
  );
}

function declared({ dev, run }: ServiceSpec): CommandPlan | undefined {
  if (dev === undefined) return undefined;
  const chosen = dev.run ?? run;
  if (chosen === undefined) return undefined;
  const watch = dev.watch ?? dev.run === undefined;
  return command(chosen, {
    says: chosen,
    because: dev.run === undefined ? 'run in signalbox.yaml' : 'dev in signalbox.yaml',
    reloads: watch === false,
    ...(Array.isArray(watch) ? { watch: watch as readonly string[] } : {}),
    ...(dev.port === undefined ? {} : { port: dev.port }),
  });
}

function ofProcfile({ name, path }: ServiceSpec, { procfile }: FolderFacts): CommandPlan | undefined {
  const line = Object.hasOwn(procfile, name) ? procfile[name] : undefined;
  if (line === undefined) return undefined;
  const because = `${path === '.' ? '' : `${path}/`}Procfile.dev`;
  return command(line, { says: line, because, reloads: !isPlainRun(line) });
}

function program(service: ServiceSpec, facts: FolderFacts): CommandPlan {
  const { manifest } = facts;
  return (
    (manifest === null ? undefined : (ofScripts(manifest, facts) ?? ofDependencies(service, manifest, facts))) ??
    ofPython(service) ??
    asItIs(service)
  );
}

/** Scripts that people give their development server. */
const scriptNames = ['dev', 'start:dev', 'develop', 'dev:server', 'watch:dev'];

function ofScripts(manifest: PackageJson, facts: FolderFacts): CommandPlan | undefined {
  const name = scriptNames.find((one) => manifest.scripts[one] !== undefined && !isForeign(manifest.scripts[one] ?? ''));
  return name === undefined ? undefined : ofScript(name, manifest, facts);
}

/** A script that starts everything in containers, or starts us, is no program of this service. */
const isForeign = (script: string): boolean => /\bdocker(?:-compose)?\b|\bsignalbox\b/.test(script);

function ofScript(name: string, manifest: PackageJson, { manager }: FolderFacts): CommandPlan {
  const script = manifest.scripts[name] ?? '';
  const tool = toolOfScript(script);
  const because = `the ${name} script of package.json`;
  const { run, fixedPort } = startCommand(name, manifest);
  if (fixedPort !== undefined) {
    const host = tool?.options !== undefined && !/\s(?:-H|--host(?:name)?)\b/.test(script) ? hostOption(tool) : '';
    return command(`${run}${host}`, {
      says: script,
      because,
      reloads: !isPlainRun(script),
      ...(tool === undefined ? {} : { tool }),
    });
  }
  const through = manager === 'npm' ? `npm run ${name}` : `${manager} run ${name}`;
  const given = tool?.options === undefined ? '' : `${manager === 'npm' ? ' --' : ''} ${tool.options}`;
  return command(`${through}${given}`, {
    says: script,
    because,
    reloads: !isPlainRun(script),
    ...(tool === undefined ? {} : { tool }),
  });
}

const hostOption = (tool: DevTool): string =>
  tool.options?.includes('-H') === true ? ' -H "$HOST"' : tool.options?.includes('--host') === true ? ' --host "$HOST"' : '';

function ofDependencies(service: ServiceSpec, manifest: PackageJson, facts: FolderFacts): CommandPlan | undefined {
  const script = scriptOf(service.run ?? '', manifest);
  const words = script ?? service.run ?? '';
  const file = /^(?:[A-Z_]+=\S+\s+)*node\s+(?:--?\S+\s+)*(\.?[\w./-]+)/.exec(words)?.[1]?.replace(/^\.\//, '');
  // Its own server of files that are there: that is what production runs, too.
  if (file !== undefined && exists(file, facts)) return plainNode(service, file);
  const serving = script === undefined ? undefined : toolOfScript(script);
  if (serving !== undefined) return ofScript(nameOf(service.run ?? ''), manifest, facts);
  if (manifest.dependencies.has('@nestjs/core')) return nest(service, manifest);
  const source = file === undefined ? undefined : sourceOf(file, facts);
  if (source !== undefined && manifest.dependencies.has('tsx'))
    return command(`tsx ${source}`, {
      says: `tsx ${source}`,
      because: `${source} is what ${file} is compiled from`,
      reloads: false,
    });
  const tool = devTools.find((one) => manifest.dependencies.has(one.package));
  if (tool !== undefined && file?.startsWith('server') !== true)
    return command([tool.run, tool.options ?? ''].join(' ').trim(), {
      says: tool.run,
      because: `${tool.name} in package.json`,
      reloads: true,
      tool,
    });
  return undefined;
}

const exists = (file: string, { has }: FolderFacts): boolean =>
  !/^(?:dist|build|out|lib|\.next|\.output)\//.test(file) && (has(file) || has(`${file}.js`) || has(`${file}/index.js`));

function plainNode(service: ServiceSpec, file: string): CommandPlan {
  const run = service.run ?? `node ${file}`;
  return command(run, { says: run, because: `restarted when a file changes`, reloads: false });
}

function nest(service: ServiceSpec, manifest: PackageJson): CommandPlan | undefined {
  if (manifest.dependencies.has('@nestjs/cli'))
    return command('nest start --watch --preserveWatchOutput', {
      says: 'nest start --watch',
      because: 'NestJS in package.json',
      reloads: true,
    });
  return compiled(service, 'NestJS without its command line: compiled and restarted when a file changes');
}

/** `src/x.ts` for `dist/x.js`. */
function sourceOf(file: string, { has }: FolderFacts): string | undefined {
  const name = /^(?:dist|build|out|lib)\/(.+)\.[cm]?js$/.exec(file)?.[1];
  if (name === undefined) return undefined;
  return [`src/${name}.ts`, `${name}.ts`, `src/${name.replace(/^src\//, '')}.ts`].find((candidate) => has(candidate));
}

/** The text of the script that a command runs; undefined when it runs none. */
const scriptOf = (run: string, manifest: PackageJson): string | undefined => manifest.scripts[nameOf(run)];
const nameOf = (run: string): string =>
  /^(?:npm|yarn|pnpm|bun)\s+(?:run\s+|run-script\s+)?([\w:.-]+)\s*$/.exec(run.trim())?.[1] ?? '';

function ofPython({ run = '' }: ServiceSpec): CommandPlan | undefined {
  const found = developmentPython(run);
  return found === undefined
    ? undefined
    : command(found.run, { says: found.says, because: found.because, reloads: found.reloads });
}

function asItIs(service: ServiceSpec): CommandPlan {
  const { run, container = {} } = service;
  if (run === undefined && (container.image ?? container.dockerfile) !== undefined)
    return command('', {
      says: 'its own program',
      because: container.image ?? container.dockerfile ?? '',
      reloads: container.image !== undefined,
      ...(container.port === undefined ? {} : { port: container.port }),
    });
  return compiled(service, 'restarted when a file changes');
}

function compiled(service: ServiceSpec, because: string): CommandPlan {
  const run = service.run ?? 'true';
  const prepare = withoutInstall(service.build);
  return command(run, { says: run, because, reloads: false, ...(prepare === undefined ? {} : { prepare }) });
}

function files(service: ServiceSpec, facts: FolderFacts): DevPlan {
  const { manifest } = facts;
  const folder = service.static?.folder ?? '.';
  const scripted = manifest === null || service.build === undefined ? undefined : ofSiteScripts(manifest, facts);
  if (scripted !== undefined) return scripted;
  const prepare = withoutInstall(service.build);
  const because = prepare === undefined ? 'files served as they are' : 'built again when a file changes';
  const says = prepare ?? (folder === '.' ? 'files' : `files of ${folder}`);
  const spaFallback = service.static?.spaFallback ?? false;
  return { kind: 'files', folder, spaFallback, says, because, ...(prepare === undefined ? {} : { prepare }) };
}

/** The development server of a site that is built; plain files need none. */
function ofSiteScripts(manifest: PackageJson, facts: FolderFacts): CommandPlan | undefined {
  const named = ofScripts(manifest, facts);
  if (named !== undefined) return named;
  const start = ['start', 'serve'].find((name) => toolOfScript(manifest.scripts[name] ?? '') !== undefined);
  if (start !== undefined) return ofScript(start, manifest, facts);
  const tool = devTools.find((one) => manifest.dependencies.has(one.package));
  return (
    tool &&
    command([tool.run, tool.options ?? ''].join(' ').trim(), {
      says: tool.run,
      because: `${tool.name} in package.json`,
      reloads: true,
      tool,
    })
  );
}

const installs =
  /^(?:(?:npm|pnpm|bun)\s+(?:ci|install|i)\b|yarn(?:\s+install\b|\s*$|\s+--)|corepack\b|pip3?\s+install|(?:\.venv\/bin\/|python3?\s+-m\s+)pip\b|python3?\s+-m\s+venv|bundle\s+install|composer\s+install|poetry\s+install|uv\s+sync|go\s+mod\s+download)/;

/** The part of a build that installs dependencies; undefined: none. */
export function installOf(build: string | undefined): string | undefined {
  if (build === undefined) return undefined;
  if (/\bvenv\b/.test(build)) return build;
  const steps = build.split('&&').map((step) => step.trim());
  const wanted = steps.filter((step) => installs.test(step));
  return wanted.length === 0 ? undefined : wanted.join(' && ');
}

/** The part of a build that makes something of the source; undefined: none. */
export function withoutInstall(build: string | undefined): string | undefined {
  if (build === undefined || /\bvenv\b/.test(build)) return undefined;
  const steps = build.split('&&').map((step) => step.trim());
  const rest = steps.filter((step) => !installs.test(step));
  return rest.length === 0 ? undefined : rest.join(' && ');
}

interface Given extends Reason {
  readonly reloads: boolean;
  readonly prepare?: string;
  readonly watch?: readonly string[];
  readonly port?: number;
  readonly tool?: DevTool;
}

/** Development servers open a browser and ask questions; nobody sits at theirs. */
const quiet = { BROWSER: 'none', NEXT_TELEMETRY_DISABLED: '1', NG_CLI_ANALYTICS: 'false', ASTRO_TELEMETRY_DISABLED: '1' };

const command = (run: string, { tool, ...given }: Given): CommandPlan => ({
  kind: 'command',
  run,
  env: tool === undefined ? {} : quiet,
  ...given,
});
