import type { Finding } from './finding.ts';
import { codeOf, type Folder, lineAt, type SourceText } from './folder.ts';
import type { Found } from './node.ts';
import { findFixedPort, findHealth, findPersist } from './probe.ts';

interface PythonEntry {
  readonly kind: string;
  readonly run: string;
  readonly file: string;
  readonly line: number;
  /** Module that has to be there when packages cannot be fetched. */
  readonly module: string;
  /** Servers to install besides what the repository asks for. */
  readonly extra: readonly string[];
}

/** Programs of the environment that the build makes come first; without it those of the machine. */
export const inVenv = 'PATH="$PWD/.venv/bin:$PATH"';

const standardLibrary = 'http.server';

/** gunicorn opens its port before it loads the app, so a release that cannot be loaded would look healthy; it is loaded once before. */
export const gunicorn = (words: string, program = 'python3 -m gunicorn'): string =>
  `${program} --check-config ${words} && exec ${program} ${words}`;

/** The Python app of a folder; undefined when no server is found in it. */
export async function detectPython(folder: Folder): Promise<Found | undefined> {
  if (!folder.files.some((file) => file.endsWith('.py'))) return undefined;
  const sources = (await codeOf(folder)).filter(({ file }) => file.endsWith('.py'));
  const wanted = await requirements(folder);
  const entry = findEntry(sources, wanted.text);
  if (entry === undefined) return undefined;
  const build = pythonBuild(wanted.arguments, entry);
  const health = findHealth(folder, sources);
  const kept = findPersist(folder, sources);
  const port = entry.kind === 'Python app' ? findFixedPort(folder, sources) : undefined;
  const findings: Finding[] = [
    { kind: 'choice', text: `${entry.kind} in ${entry.file}`, file: folder.fromRoot(entry.file), line: entry.line },
    ...(wanted.file === undefined
      ? []
      : [
          {
            kind: 'choice' as const,
            text: 'dependencies into .venv, those of the machine count too',
            file: folder.fromRoot(wanted.file),
          },
        ]),
    health?.finding ?? { kind: 'note', text: 'no health route was found; healthy means that the port answers' },
    ...(port === undefined ? [] : [port]),
    ...kept.findings,
  ];
  return {
    kind: entry.kind,
    listens: true,
    singlePage: false,
    findings,
    service: {
      path: folder.path,
      ...(build === undefined ? {} : { build }),
      run: entry.run,
      persist: kept.persist,
      ...(health === undefined ? {} : { health: health.path }),
    },
  };
}

/** What pip is asked to install; undefined arguments: nothing. */
export async function requirements(folder: Folder): Promise<{ file?: string; text: string; arguments?: string }> {
  const listed = await folder.read('requirements.txt');
  if (listed !== null) return { file: 'requirements.txt', text: listed, arguments: '-r requirements.txt' };
  const project = await folder.read('pyproject.toml');
  if (project === null) return { text: '' };
  const names = /^\[project\][\s\S]*?^dependencies\s*=\s*\[([\s\S]*?)\]\s*$/m.exec(project)?.[1];
  if (names === undefined)
    return { file: 'pyproject.toml', text: project, ...(/\[tool\.poetry\]/.test(project) ? { arguments: '.' } : {}) };
  const packages = [...names.matchAll(/"([^"]+)"|'([^']+)'/g)].map(
    (match) => `'${(match[1] ?? match[2] ?? '').replaceAll("'", '"')}'`,
  );
  return { file: 'pyproject.toml', text: names, ...(packages.length === 0 ? {} : { arguments: packages.join(' ') }) };
}

/**
 * Without a network the packages of the machine have to do: the build then succeeds only when the framework is among them. The first
 * Python on the search path need not be the one that the system's packages belong to.
 */
export function pythonBuild(
  wanted: string | undefined,
  entry?: { module: string; extra: readonly string[] },
): string | undefined {
  const install =
    wanted === undefined
      ? undefined
      : `python3 -m venv --system-site-packages .venv && .venv/bin/pip install --quiet ${[wanted, ...(entry?.extra ?? [])].join(' ')}`;
  if (entry === undefined || entry.module === standardLibrary) return install;
  const there = (python: string): string => `${python} -c 'import ${entry.module}'`;
  const machine = `${there('python3')} || { ${there('/usr/bin/python3')} && /usr/bin/python3 -m venv --clear --without-pip --system-site-packages .venv; }`;
  return install === undefined ? machine : `{ ${install}; } || ${machine}`;
}

function findEntry(sources: readonly SourceText[], wanted: string): PythonEntry | undefined {
  const manage = sources.find(({ file, text }) => file === 'manage.py' && /DJANGO_SETTINGS_MODULE/.test(text));
  const wsgi = sources.find(({ file }) => /(?:^|\/)wsgi\.py$/.test(file));
  if (manage !== undefined && wsgi !== undefined) {
    const run = `${inVenv} && export PATH && if python3 -c 'import gunicorn' 2>/dev/null; then ${gunicorn(`--bind "$HOST:$PORT" ${moduleOf(wsgi.file)}:application`)}; else exec python3 manage.py runserver --noreload "$HOST:$PORT"; fi`;
    return { kind: 'Django', run, file: manage.file, line: 1, module: 'django', extra: [] };
  }
  for (const { file, text } of sources) {
    const asgi =
      /^(\w+)(?:\s*:\s*\w+)?\s*=\s*(?:\w+\.)?(FastAPI|Starlette|Litestar|Quart)\s*\(/m.exec(text) ?? madeByFunction(text);
    if (asgi !== null) {
      const run = `${inVenv} exec python3 -m uvicorn ${moduleOf(file)}:${asgi[1]} --host "$HOST" --port "$PORT"`;
      const brings = /uvicorn|fastapi\[(?:standard|all)\]/i.test(wanted);
      return {
        kind: asgi[2] ?? '',
        run,
        file,
        line: lineAt(text, asgi.index),
        module: `${(asgi[2] ?? '').toLowerCase()}, uvicorn`,
        extra: brings ? [] : ['uvicorn'],
      };
    }
    const flask = /^(\w+)\s*=\s*(?:\w+\.)?Flask\s*\(/m.exec(text);
    const factory = flask === null ? /^def (create_app|make_app)\s*\(/m.exec(text) : null;
    const found = flask ?? factory;
    if (found !== null && (flask !== null || /flask/i.test(text))) {
      const target = flask === null ? `${moduleOf(file)}:${found[1]}()` : `${moduleOf(file)}:${found[1]}`;
      const run = `${inVenv} && export PATH && if python3 -c 'import gunicorn' 2>/dev/null; then ${gunicorn(`--bind "$HOST:$PORT" '${target}'`)}; else exec python3 -m flask --app '${target}' run --host "$HOST" --port "$PORT"; fi`;
      return { kind: 'Flask', run, file, line: lineAt(text, found.index), module: 'flask', extra: [] };
    }
  }
  const plain = sources.find(
    ({ file, text }) =>
      !file.includes('/') &&
      /HTTPServer|socketserver|web\.run_app|uvicorn\.run|\.serve_forever\(/.test(text) &&
      /__main__|serve_forever|run_app/.test(text),
  );
  if (plain === undefined) return undefined;
  return {
    kind: 'Python app',
    run: `${inVenv} exec python3 ${plain.file}`,
    file: plain.file,
    line: 1,
    module: standardLibrary,
    extra: [],
  };
}

/** `app = get_app()` in the file whose function makes the application. */
function madeByFunction(text: string): RegExpExecArray | null {
  const kind = /^\s+.*\b(FastAPI|Starlette|Litestar|Quart)\s*\(/m.exec(text)?.[1];
  const call = /^(\w+)\s*=\s*(\w+)\(/m.exec(text);
  if (kind === undefined || call === null || !new RegExp(`^def ${call[2]}\\(`, 'm').test(text)) return null;
  call[2] = kind;
  return call;
}

const moduleOf = (file: string): string => file.replace(/(?:\/__init__)?\.py$/, '').replaceAll('/', '.');
