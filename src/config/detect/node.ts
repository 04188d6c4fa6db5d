import type { DetectedService, Finding } from './finding.ts';
import { codeOf, type Folder, type SourceText } from './folder.ts';
import { nodeEntry } from './node-entry.ts';
import { type PackageJson, packagesOf, readPackageJson } from './package-json.ts';
import { findFixedPort, findHealth, findPersist } from './probe.ts';
import { siteOf } from './static-sites.ts';

export interface Found {
  /** Without name and route, which depend on what else is there; `listens`: it wants requests. */
  readonly service: Omit<DetectedService, 'name' | 'route'>;
  readonly listens: boolean;
  readonly singlePage: boolean;
  readonly findings: readonly Finding[];
  /** What it is, in a word or two. */
  readonly kind: string;
}

const servers = [
  'express',
  'fastify',
  'hono',
  '@hono/node-server',
  'koa',
  '@hapi/hapi',
  'restify',
  'polka',
  'h3',
  'socket.io',
  'ws',
  '@nestjs/core',
  'next',
  'nuxt',
  '@remix-run/serve',
  '@react-router/serve',
  '@adonisjs/core',
  'sails',
  '@feathersjs/express',
  'micro',
  'apollo-server',
  '@apollo/server',
  'json-server',
  'http-server',
  'serve',
];
const listensInCode = /\.listen\s*\(|createServer|\bserve\s*\(|Bun\.serve|http2?\b/;

/** The Node app of a folder; undefined when there is nothing that could be started or served. */
export async function detectNode(folder: Folder, workspaceRoot?: Folder): Promise<Found | undefined> {
  const manifest = await readPackageJson(folder);
  const sources = await codeOf(folder);
  if (manifest === null) return bareNode(folder, sources);
  const packages = packagesOf(folder, manifest, workspaceRoot);
  const { dependencies } = manifest;
  const site = await siteOf(folder, manifest);
  const entry = site?.certain === true ? undefined : nodeEntry(folder, manifest, sources);
  const served = entry === undefined ? site : undefined;
  if (entry === undefined && served === undefined) return undefined;
  const build = buildCommand(manifest, { manager: packages.manager, install: packages.install, optional: entry !== undefined });
  const findings: Finding[] = [];
  if (packages.install !== undefined)
    findings.push({ kind: 'choice', text: `dependencies by ${packages.install}`, file: packages.evidence });
  if (packages.manager !== 'npm')
    findings.push({
      kind: 'note',
      text: `${packages.manager} is brought by npm where it is not installed`,
      file: packages.evidence,
    });
  if (served !== undefined) {
    const text = `${served.kind}: files of ${served.folder} are served by Signalbox`;
    return {
      kind: served.kind,
      listens: true,
      singlePage: served.singlePage,
      findings: [{ kind: 'choice', text, file: folder.fromRoot('package.json') }, ...findings],
      service: { path: folder.path, ...(build === undefined ? {} : { build }), static: served.folder, persist: [] },
    };
  }
  if (entry === undefined) return undefined;
  const listens = servers.some((name) => dependencies.has(name)) || sources.some(({ text }) => listensInCode.test(text));
  const health = listens ? findHealth(folder, sources) : undefined;
  const kept = findPersist(folder, sources);
  const port = listens ? findFixedPort(folder, sources) : undefined;
  return {
    kind: entry.kind,
    listens,
    singlePage: false,
    findings: [
      { kind: 'choice', text: `${entry.kind}, started by ${entry.run}`, file: folder.fromRoot(entry.evidence) },
      ...findings,
      ...(health === undefined
        ? listens
          ? [{ kind: 'note' as const, text: 'no health route was found; healthy means that the port answers' }]
          : []
        : [health.finding]),
      ...(port === undefined ? [] : [port]),
      ...kept.findings,
    ],
    service: {
      path: folder.path,
      ...(build === undefined ? {} : { build }),
      run: entry.run,
      persist: kept.persist,
      ...(health === undefined ? {} : { health: health.path }),
    },
  };
}

/** Install and build in one line. CRA takes warnings for errors where CI is set. */
function buildCommand(
  manifest: PackageJson,
  given: { manager: string; install: string | undefined; optional: boolean },
): string | undefined {
  const script = manifest.scripts.build;
  const usable = script !== undefined && !/\bdocker\b|^\s*echo\b/.test(script);
  const run = usable ? `${manifest.dependencies.has('react-scripts') ? 'CI=false ' : ''}${given.manager} run build` : undefined;
  const generate =
    manifest.dependencies.has('prisma') && !/prisma generate/.test(`${script ?? ''}${manifest.scripts.postinstall ?? ''}`)
      ? 'npx prisma generate'
      : undefined;
  const steps = [given.install, generate, run ?? (given.optional ? frameworkBuild(manifest) : undefined)].filter(
    (step) => step !== undefined,
  );
  return steps.length === 0 ? undefined : steps.join(' && ');
}

const frameworkBuild = (manifest: PackageJson): string | undefined =>
  manifest.dependencies.has('next') ? 'npx next build' : undefined;

/** A server without package.json: nothing but Node's own modules. */
function bareNode(folder: Folder, sources: readonly SourceText[]): Found | undefined {
  const entry = ['server.js', 'index.js', 'app.js', 'main.js', 'server.mjs', 'index.mjs'].find((file) =>
    sources.some((source) => source.file === file && /\.listen\s*\(/.test(source.text)),
  );
  if (entry === undefined) return undefined;
  const health = findHealth(folder, sources);
  const port = findFixedPort(folder, sources);
  return {
    kind: 'Node server',
    listens: true,
    singlePage: false,
    findings: [
      { kind: 'choice', text: `Node server, started by node ${entry}`, file: folder.fromRoot(entry) },
      ...(health === undefined ? [] : [health.finding]),
      ...(port === undefined ? [] : [port]),
    ],
    service: { path: folder.path, run: `node ${entry}`, persist: [], ...(health === undefined ? {} : { health: health.path }) },
  };
}
