import { codeOf, type Folder, folderOf, type SourceText } from '../../config/detect/folder.ts';
import { requirements } from '../../config/detect/python.ts';
import type { RepositoryReader } from '../../config/reader.ts';
import type { ImageFacts } from './facts.ts';
import { relative, type ServiceToPack } from './node-image.ts';
import { joinedByAnd, startCommand } from './start-command.ts';
import { pythonMinor } from './versions.ts';

/** Where the packages lie, in the build and when the app runs: a virtual environment cannot be moved. */
const environment = '/opt/venv';

export type PythonFacts = Pick<
  ImageFacts,
  | 'base'
  | 'notes'
  | 'tools'
  | 'manifests'
  | 'install'
  | 'cache'
  | 'logins'
  | 'build'
  | 'carried'
  | 'programs'
  | 'runtimeEnv'
  | 'command'
> & { readonly framework: string | undefined; readonly sources: readonly SourceText[] };

/** How the Python app of a folder becomes an image. */
export async function pythonImage(reader: RepositoryReader, service: ServiceToPack): Promise<PythonFacts> {
  const here = folderOf(service.path, service.files, reader);
  const sources = (await codeOf(here)).filter(({ file }) => file.endsWith('.py'));
  const run = service.run === undefined ? undefined : plainRun(service.run);
  const project = (await here.read('pyproject.toml')) ?? '';
  const installing = await installOf(
    here,
    relative(service.context, service.path),
    missingServers(run, await wanted(here, project)),
  );
  const pinned = (await here.read('.python-version')) ?? (await here.read('runtime.txt')) ?? undefined;
  const requires = /^requires-python\s*=\s*["']([^"']+)/m.exec(project)?.[1] ?? /^python\s*=\s*["']([^"']+)/m.exec(project)?.[1];
  return {
    base: `python:${pythonMinor({ pinned, requires })}-slim-bookworm`,
    framework: undefined,
    sources,
    notes: [
      'The slim base has no compiler. Where a package has no ready-made wheel, build with `--build-arg BUILD_BASE=` and the same base without "-slim".',
    ],
    tools: [`python3 -m venv ${environment}`, ...installing.tools],
    manifests: installing.manifests,
    install: { command: installing.command, folder: relative(service.context, service.path) },
    cache: { folder: '/var/cache/python', settings: cacheSettings },
    logins: [],
    build: buildSteps(service.build),
    carried: [environment],
    programs: [`${environment}/bin`],
    runtimeEnv: { PYTHONUNBUFFERED: '1', PYTHONDONTWRITEBYTECODE: '1', HOST: '0.0.0.0' },
    ...(run === undefined ? {} : { command: startCommand(run) }),
  };
}

const cacheSettings = ['PIP_CACHE_DIR', 'UV_CACHE_DIR', 'POETRY_CACHE_DIR', 'PIPENV_CACHE_DIR'];

interface Installing {
  readonly tools: readonly string[];
  readonly manifests: readonly string[];
  readonly command: string;
}

/** By the lock file that is there; it installs into the environment whose `bin` is on PATH. */
async function installOf(here: Folder, folder: string, extra: readonly string[]): Promise<Installing> {
  const at = (...files: string[]): string[] =>
    files.filter((file) => here.has(file)).map((file) => (folder === '.' ? file : `${folder}/${file}`));
  const more = extra.length === 0 ? '' : ` && pip install ${extra.join(' ')}`;
  if (here.has('uv.lock'))
    return {
      tools: [`python3 -m venv /opt/uv && /opt/uv/bin/pip install uv`],
      manifests: at('pyproject.toml', 'uv.lock', '.python-version'),
      command: `UV_PROJECT_ENVIRONMENT=${environment} /opt/uv/bin/uv sync --frozen --no-dev --no-install-project --inexact${more}`,
    };
  if (here.has('poetry.lock'))
    return {
      tools: [`python3 -m venv /opt/poetry && /opt/poetry/bin/pip install 'poetry>=2,<3'`],
      manifests: at('pyproject.toml', 'poetry.lock'),
      command: `VIRTUAL_ENV=${environment} /opt/poetry/bin/poetry install --only main --no-root --no-interaction${more}`,
    };
  if (here.has('Pipfile.lock'))
    return {
      tools: [`python3 -m venv /opt/pipenv && /opt/pipenv/bin/pip install pipenv`],
      manifests: at('Pipfile', 'Pipfile.lock'),
      command: `VIRTUAL_ENV=${environment} PIPENV_IGNORE_VIRTUALENVS=0 /opt/pipenv/bin/pipenv sync${more}`,
    };
  const listed = await requirements(here);
  const words = [listed.arguments, ...extra].filter((word) => word !== undefined).join(' ');
  // Other files and folders that requirements.txt names, and a project that is installed whole, need their source.
  const alone =
    listed.arguments?.startsWith('-r ') === true &&
    !/^\s*(?:-[rcef][\s=.]|--(?:requirement|constraint|editable|find-links)\b|\.|.*(?:@|=)\s*(?:file:|\.{1,2}\/))/m.test(
      listed.text,
    );
  const list = listed.arguments !== undefined && listed.arguments !== '.' && !listed.arguments.startsWith('-r ');
  return {
    tools: [],
    manifests: alone || list || listed.arguments === undefined ? at(listed.file ?? '') : [],
    command: words === '' ? 'true' : `pip install ${words}`,
  };
}

async function wanted(here: Folder, project: string): Promise<string> {
  const locks = await Promise.all(['uv.lock', 'poetry.lock', 'Pipfile.lock', 'requirements.txt'].map((file) => here.read(file)));
  return [project, ...locks].join('\n');
}

/** Servers that the start command names and the repository does not ask for. */
function missingServers(run: string | undefined, packages: string): string[] {
  const named = ['gunicorn', 'uvicorn', 'hypercorn', 'waitress'].filter((name) => new RegExp(`\\b${name}\\b`).test(run ?? ''));
  return named.filter(
    (name) =>
      !new RegExp(`\\b${name}\\b`, 'i').test(packages) && !(name === 'uvicorn' && /fastapi\[(?:standard|all)\]/i.test(packages)),
  );
}

/** The start command as it is where the right programs come first on PATH and gunicorn is installed. */
export function plainRun(run: string): string {
  const chosen = /^(.*?)if python3 -c 'import gunicorn' 2>\/dev\/null; then ([\s\S]*?); else [\s\S]*; fi$/.exec(run.trim());
  const text = chosen === null ? run.trim() : `${chosen[1] ?? ''}${chosen[2] ?? ''}`;
  return text
    .replace(/^PATH="\$PWD\/\.venv\/bin:\$PATH"(?:\s*&&\s*export PATH\s*&&)?\s*/, '')
    .replace(/^(?:\.|source)\s+\.?\/?(?:\.venv|venv)\/bin\/activate\s*&&\s*/, '')
    .replace(/(^|\s)(?:\.\/)?(?:\.venv|venv)\/bin\//g, '$1')
    .replace(/^(?:poetry|uv|pipenv) run (?!-)/, '');
}

const installs =
  /^(?:(?:\.venv\/bin\/)?(?:python3? -m )?pip3? install\b|python3? -m venv\b|poetry install\b|uv (?:sync|venv|pip)\b|pipenv (?:install|sync)\b|(?:\.|source) \S*activate$)/;

/** What a build does besides installing packages. */
function buildSteps(build: string | undefined): string[] {
  if (build === undefined || /-m venv [\s\S]*\|\|/.test(build) || /^python3 -c 'import [^']*' \|\|/.test(build)) return [];
  return joinedByAnd(build).filter((part) => !installs.test(part));
}
