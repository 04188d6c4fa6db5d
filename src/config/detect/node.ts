import type { DetectedService, Finding } from './finding.ts';
import { codeOf, type Folder, type SourceText } from './folder.ts';
import { nodeBuild, partsOfBuild } from './node-build.ts';
import { isCommandLine, nodeEntry } from './node-entry.ts';
import { packagesOf, readPackageJson } from './package-json.ts';
import { findFixedPort, findHealth, findPersist } from './probe.ts';
import { missingVariableFiles } from './start-script.ts';
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
  const emptyFiles = entry === undefined ? [] : missingVariableFiles(entry.run, manifest, (file) => folder.has(file));
  const { manager, install } = packages;
  const parts = await partsOfBuild(folder, manifest);
  const made = nodeBuild(manifest, { manager, install, optional: entry !== undefined, emptyFiles, parts });
  const build = made.command;
  const findings: Finding[] = [];
  if (packages.install !== undefined)
    findings.push({ kind: 'choice', text: `dependencies by ${packages.install}`, file: packages.evidence });
  if (packages.manager !== 'npm')
    findings.push({
      kind: 'note',
      text: `${packages.manager} is brought by npm where it is not installed`,
      file: packages.evidence,
    });
  if (made.legacyHashes)
    findings.push({
      kind: 'note',
      text: 'the bundler is so old that the build has to allow OpenSSL its former hashes',
      file: folder.fromRoot('package.json'),
    });
  for (const file of emptyFiles)
    findings.push({
      kind: 'note',
      text: `the start script reads ${file}, which is not in the repository; the build makes an empty one, give its variables under env`,
      file: folder.fromRoot('package.json'),
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
  const listens =
    entry.listens || servers.some((name) => dependencies.has(name)) || sources.some(({ text }) => listensInCode.test(text));
  if (!listens && isCommandLine(manifest)) return undefined;
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
      ...entry.notes.map((text): Finding => ({ kind: 'note', text, file: folder.fromRoot('package.json') })),
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
