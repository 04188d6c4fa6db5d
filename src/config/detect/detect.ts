import { posix } from 'node:path';
import { SignalboxError } from '../../domain/errors.ts';
import type { RepositoryReader } from '../reader.ts';
import type { DetectedService, Detection, Finding } from './finding.ts';
import { type Folder, folderOf } from './folder.ts';
import { detectNode, type Found } from './node.ts';
import { readPackageJson } from './package-json.ts';
import { detectProcfile, serviceName } from './procfile.ts';
import { detectPython } from './python.ts';
import { plainSite } from './static-sites.ts';

const mostFiles = 20_000;
const passedOver =
  /(?:^|\/)(?:node_modules|\.git|\.venv|venv|examples?|tests?|fixtures|docs|e2e|scripts|tools|\.github|vendor)(?:\/|$)/;
const apiNames = /^(?:api|backend|server|back|rest|graphql)$/;

/**
 * Looks at a repository without signalbox.yaml: a Procfile, an app at the root, or apps in folders (frontend and backend, a workspace).
 * @throws NOTHING_DETECTED saying what was looked for.
 */
export async function detect(reader: RepositoryReader): Promise<Detection> {
  const files = (await reader.list('.', mostFiles)).filter((file) => !/(?:^|\/)(?:node_modules|\.git|\.venv)\//.test(file));
  const root = folderOf('.', files, reader);
  const declared = await detectProcfile(root);
  if (declared !== undefined) return declared;
  const manifest = await readPackageJson(root);
  const joint =
    manifest?.workspaces === true ||
    root.has('pnpm-workspace.yaml') ||
    /concurrently|--prefix|\bturbo\b|\blerna\b|npm-run-all/.test(manifest?.scripts.start ?? '');
  const atRoot = joint ? undefined : await detectApp(root);
  if (atRoot !== undefined) return single(atRoot);
  const parts = await inFolders(files, reader, manifest === null ? undefined : root);
  if (parts.length > 0) return several(parts);
  const fallback = joint ? await detectApp(root) : undefined;
  if (fallback !== undefined) return single(fallback);
  const site = plainSite(root);
  if (site !== undefined) return plain(site);
  throw new SignalboxError(
    'NOTHING_DETECTED',
    `No app was recognised in ${reader.folderName}: looked for a Procfile, a package.json with a start script or a site build, a Python server (FastAPI, Flask, Django), and an index.html.${root.has('Dockerfile') ? ' Its Dockerfile was not used: containers are not built yet.' : ''}`,
    { details: { files: files.length, dockerfile: root.has('Dockerfile') } },
  );
}

const detectApp = async (folder: Folder, workspaceRoot?: Folder): Promise<Found | undefined> =>
  (await detectNode(folder, workspaceRoot)) ?? detectPython(folder);

async function inFolders(
  files: readonly string[],
  reader: RepositoryReader,
  workspaceRoot: Folder | undefined,
): Promise<Found[]> {
  const marks = files.filter(
    (file) =>
      /(?:^|\/)(?:package\.json|requirements\.txt|pyproject\.toml|index\.html)$/.test(file) &&
      file.split('/').length >= 2 &&
      file.split('/').length <= 3,
  );
  const folders = [...new Set(marks.map((file) => posix.dirname(file)))].filter((folder) => !passedOver.test(folder)).sort();
  const found: Found[] = [];
  for (const path of folders) {
    if (found.some((app) => path.startsWith(`${app.service.path}/`))) continue;
    const app = await detectApp(folderOf(path, files, reader), workspaceRoot);
    if (app !== undefined) found.push(app);
  }
  return found;
}

function single(found: Found): Detection {
  const name = found.listens ? 'web' : 'worker';
  const service: DetectedService = { ...found.service, name, ...(found.listens ? { route: '/' } : {}) };
  return { services: [service], findings: found.findings, singlePage: { [name]: found.singlePage } };
}

/** Folders called after an API get /api when something else takes /; the rest get / or a path of their own name. */
function several(parts: readonly Found[]): Detection {
  const services: DetectedService[] = [];
  const findings: Finding[] = [];
  const taken = new Set<string>();
  const names = new Set<string>();
  const rank = (found: Found): number => (apiNames.test(posix.basename(found.service.path)) ? 1 : 0);
  const inOrder = [...parts].sort((a, b) => rank(a) - rank(b));
  for (const found of inOrder) {
    const base = serviceName(posix.basename(found.service.path));
    const name = names.has(base) ? serviceName(found.service.path) : base;
    names.add(name);
    findings.push(...found.findings);
    if (!found.listens) {
      services.push({ ...found.service, name });
      continue;
    }
    const wanted = taken.size === 0 ? '/' : rank(found) === 1 ? '/api' : `/${name}`;
    const route = taken.has(wanted) ? `/${name}` : wanted;
    taken.add(route);
    services.push({ ...found.service, name, route });
    findings.push({ kind: 'choice', text: `${name} (${found.kind}) answers under ${route}`, file: found.service.path });
  }
  return {
    services,
    findings,
    singlePage: Object.fromEntries(
      services.map((service) => [service.name, parts.find((part) => part.service.path === service.path)?.singlePage ?? false]),
    ),
  };
}

function plain(site: string): Detection {
  return {
    services: [{ name: 'web', path: '.', static: site, route: '/', persist: [] }],
    findings: [
      {
        kind: 'choice',
        text: 'a folder of plain files, served by Signalbox',
        file: site === '.' ? 'index.html' : `${site}/index.html`,
      },
    ],
    singlePage: {},
  };
}
