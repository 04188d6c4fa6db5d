import { posix } from 'node:path';
import { appFolder, appUser, type ImageFacts } from './image/facts.ts';
import { comment, copyLine, envLines, hasLineBreak, runLine } from './image/lines.ts';
import { probeCommand } from './image/probe-command.ts';
import { siteConfig } from './image/site-config.ts';

export interface DockerfileOptions {
  /** Image of the last stage, and of the build where that has none of its own. Default: by stack. */
  readonly base?: string;
  /** Keep downloads between builds by cache mounts. The classic builder refuses them. Default: false. */
  readonly cacheMounts?: boolean;
}

/**
 * The Dockerfile of a service: dependencies in a layer of their own, only what runs in the last stage, a user who is not root, a health
 * check by what is in the image, and a start command that gets the signals. Build it with the folder `facts.context`.
 */
export function dockerfile(facts: ImageFacts, options: DockerfileOptions = {}): string {
  const base = options.base ?? facts.base;
  const builds = facts.install !== undefined || facts.build.length > 0 || facts.tools.length > 0;
  const buildBase = facts.buildBase ?? '${BASE}';
  return [
    ...comment('Another base, say the same one by its digest: docker build --build-arg BASE=name@sha256:…'),
    `ARG BASE=${base}`,
    ...(builds ? [...facts.notes.flatMap(comment), `ARG BUILD_BASE=${buildBase}`, '', ...buildStage(facts, options)] : []),
    '',
    ...(facts.site === undefined ? appStage(facts, builds) : siteStage(facts, builds)),
    '',
  ].join('\n');
}

function buildStage(facts: ImageFacts, { cacheMounts = false }: DockerfileOptions): string[] {
  const cache = cacheMounts ? facts.cache : undefined;
  const settings = Object.fromEntries((cache?.settings ?? []).map((name) => [name, cache?.folder ?? '']));
  const inFolder = (folder: string): string => posix.join(appFolder, folder);
  let at = appFolder;
  const goTo = (folder: string): string[] => {
    if (at === inFolder(folder)) return [];
    at = inFolder(folder);
    return [`WORKDIR ${at}`];
  };
  const first = facts.manifests.length > 0;
  const install = facts.install === undefined ? [] : [...goTo(facts.install.folder), runLine(facts.install.command, cache)];
  const single = Object.entries(facts.buildEnv).filter(([, value]) => !hasLineBreak(value));
  const early = first ? single.filter(([name]) => !inlined.test(name)) : single;
  const late = single.filter((entry) => !early.includes(entry));
  const long = Object.entries(facts.buildEnv).filter(([, value]) => hasLineBreak(value));
  const exported = long.map(([name, value]) => `export ${name}='${value.replaceAll("'", `'\\''`)}'\n`).join('');
  return [
    'FROM ${BUILD_BASE} AS build',
    asRoot,
    ...envLines(settings),
    ...facts.tools.map((tool) => runLine(tool, cache)),
    ...(facts.language === 'python' ? pathLine(facts.programs) : []),
    `WORKDIR ${appFolder}`,
    ...envLines(Object.fromEntries(early)),
    ...(first
      ? ['# Dependencies change less often than the source: a layer of their own.', ...copyManifests(facts.manifests), ...install]
      : []),
    ...(first ? goTo('.') : []),
    'COPY . .',
    ...(first ? [] : install),
    ...envLines(Object.fromEntries(late)),
    ...(facts.build.length > 0 ? goTo(facts.path) : []),
    ...facts.build.map((command) => runLine(exported + command, cache)),
    ...(facts.prune === undefined
      ? []
      : ['# What only the build needed stays here.', ...goTo(facts.prune.folder), runLine(facts.prune.command, cache)]),
    ...(facts.logins.length === 0
      ? []
      : [
          '# Its logins are for installing alone.',
          runLine(`rm -f ${facts.logins.map((file) => shellWord(posix.join(appFolder, file))).join(' ')}`),
        ]),
  ];
}

/** Variables that bundlers write into pages, and no install reads: their changes should install nothing anew. */
const inlined = /^(?:NEXT_PUBLIC|NUXT_PUBLIC|EXPO_PUBLIC|PUBLIC|VITE|REACT_APP|VUE_APP|GATSBY|NG_APP)_/;

/** One instruction for each folder, so that every file keeps its place. */
function copyManifests(files: readonly string[]): string[] {
  const folders = new Map<string, string[]>();
  for (const file of files) {
    const plain = /\.(?:json|ya?ml|lock|lockb|toml|cjs|txt|npmrc|yarnrc|python-version)$|Pipfile$/.test(file);
    const folder = plain ? posix.dirname(file) : file;
    folders.set(folder, [...(folders.get(folder) ?? []), file]);
  }
  return [...folders].map(([folder, inside]) => copyLine(inside, `./${folder === '.' ? '' : `${folder}/`}`));
}

function appStage(facts: ImageFacts, builds: boolean): string[] {
  const work = posix.join(appFolder, facts.path);
  const made = [work, ...facts.persist.map((folder) => posix.join(work, folder))];
  const port = facts.port === undefined ? {} : { PORT: String(facts.port) };
  const probe = probeCommand(facts);
  const files = [
    ...facts.carried.map((folder) => copyLine([folder], folder, '--from=build')),
    builds
      ? copyLine([`${appFolder}/`], `${appFolder}/`, `--from=build --chown=${appUser}:${appUser}`)
      : copyLine(['.'], `${appFolder}/`, `--chown=${appUser}:${appUser}`),
  ];
  const own = [
    ...envLines({ ...port, ...facts.command?.env }),
    ...(facts.port === undefined ? [] : [`EXPOSE ${facts.port}`]),
    ...(probe === undefined ? ['HEALTHCHECK NONE'] : healthLine(facts, probe)),
    ...(facts.language === 'node'
      ? comment('As the first process of a container Node hears no signal that it has no handler for: docker run --init.')
      : []),
    `CMD ${commandWords(facts)}`,
  ];
  return [
    'FROM ${BASE}',
    asRoot,
    ...facts.runtimeTools.map((tool) => runLine(tool)),
    ...envLines({ ...facts.runtimeEnv, HOME: '/tmp' }),
    ...pathLine(facts.programs),
    ...(facts.persist.length === 0 ? [] : ['# These folders last: mount a volume on each.']),
    `RUN mkdir -p ${made.map(shellWord).join(' ')} && chown -R ${appUser}:${appUser} ${appFolder}`,
    `WORKDIR ${work}`,
    `USER ${appUser}:${appUser}`,
    'STOPSIGNAL SIGTERM',
    ...(facts.sharesFolder
      ? [...files, ...own]
      : [...own, '# The files come last: what stands behind a changed file is made anew by every build.', ...files]),
  ];
}

function siteStage(facts: ImageFacts, builds: boolean): string[] {
  const from = facts.site?.folder ?? '.';
  const port = facts.port ?? 8080;
  const config = siteConfig({ port, root: '/srv', spaFallback: facts.site?.spaFallback ?? false });
  const probe = probeCommand(facts);
  return [
    'FROM ${BASE}',
    builds ? copyLine([posix.join(appFolder, from, '/')], '/srv/', '--from=build') : copyLine([from], '/srv/'),
    `RUN mkdir -p /etc/caddy && printf '%s\\n' \\\n    ${config.map(shellWord).join(' \\\n    ')} \\\n    > /etc/caddy/Caddyfile`,
    'ENV XDG_CONFIG_HOME=/tmp XDG_DATA_HOME=/tmp',
    `USER ${appUser}:${appUser}`,
    `EXPOSE ${port}`,
    'STOPSIGNAL SIGTERM',
    ...(probe === undefined ? [] : healthLine(facts, probe)),
    'CMD ["caddy", "run", "--config", "/etc/caddy/Caddyfile", "--adapter", "caddyfile"]',
  ];
}

/** `wget` starts a program each time, so the looks are further apart than those of the data plane. */
function healthLine({ health }: ImageFacts, probe: readonly string[]): string[] {
  const { timeoutSeconds = 2, graceSeconds = 60 } = health.type === 'up' ? {} : health;
  const times = `--interval=5s --timeout=${timeoutSeconds}s --start-period=${graceSeconds}s --retries=3`;
  return [`HEALTHCHECK ${times} \\`, `    CMD ${JSON.stringify(probe)}`];
}

/** As JSON, so that no shell stands between the engine's signals and the program. */
function commandWords({ command }: ImageFacts): string {
  if (command === undefined) return '[]';
  const { start } = command;
  return JSON.stringify('words' in start ? start.words : ['/bin/sh', '-c', start.shell]).replaceAll('","', '", "');
}

/** Whoever the base would be. */
const asRoot = 'USER 0:0';

const pathLine = (folders: readonly string[]): string[] => (folders.length === 0 ? [] : [`ENV PATH=${folders.join(':')}:$PATH`]);

const shellWord = (word: string): string => (/^[\w./:@%+,-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`);
