import type { Folder } from '../../config/detect/folder.ts';
import { pythonMinor } from '../image/versions.ts';
import type { CheckCommand, CheckFacts } from './facts.ts';

const listed = /^(?:requirements(?:[-_.](?:dev|test|tests|ci))?|(?:dev|test)[-_]requirements|requirements\/(?:dev|test))\.txt$/;

/** Undefined where nothing says that it is a Python project. */
export async function pythonChecks(folder: Folder): Promise<Omit<CheckFacts, 'testVariables'> | undefined> {
  const lists = folder.files.filter((file) => listed.test(file)).sort((a, b) => a.length - b.length || (a < b ? -1 : 1));
  const project = await folder.read('pyproject.toml');
  const pipfile = await folder.read('Pipfile');
  if (lists.length === 0 && project === null && pipfile === null && !folder.has('manage.py')) return undefined;
  const texts = await Promise.all(lists.map(async (file) => (await folder.read(file)) ?? ''));
  const wanted = [project ?? '', pipfile ?? '', ...texts].join('\n');
  const wants = (name: string): boolean => new RegExp(`(?:^|["'\\s])${name}(?![\\w-])`, 'm').test(wanted);
  const tests = folder.files.some((file) => /(?:^|\/)(?:test_\w+|\w+_test)\.py$/.test(file));
  const django = folder.has('manage.py') && !wants('pytest');
  const way = installing(folder, { lists, project, addPytest: tests && !django && !wants('pytest') });
  const at = (command: string): CheckCommand => ({ command: `${way.prefix}${command}`, folder: folder.path });
  const requires = /^requires-python\s*=\s*["']([^"']+)/m.exec(project ?? '')?.[1];
  return {
    language: 'python',
    version: pythonMinor({
      pinned: (await folder.read('.python-version')) ?? (await folder.read('runtime.txt')) ?? undefined,
      requires,
    }),
    ...(way.cached.length === 0
      ? {}
      : { cache: { manager: 'pip' as const, files: way.cached.map((file) => folder.fromRoot(file)) } }),
    tools: way.tools,
    ...(way.install === undefined ? {} : { install: { command: way.install, folder: folder.path } }),
    ...(wants('ruff') ? { lint: at('python -m ruff check .') } : wants('flake8') ? { lint: at('python -m flake8') } : {}),
    ...(wants('black') ? { format: at('python -m black --check .') } : {}),
    ...(wants('mypy') ? { types: at('python -m mypy .') } : {}),
    build: [],
    ...(django && tests
      ? { test: at('python manage.py test') }
      : tests || wants('pytest')
        ? { test: at('python -m pytest') }
        : {}),
    elsewhere: [],
  };
}

interface Installing {
  readonly tools: readonly string[];
  readonly install?: string;
  /** In front of a program of the environment that was installed into. */
  readonly prefix: string;
  /** What pip's downloads are known by; empty: pip does not install. */
  readonly cached: readonly string[];
}

function installing(
  folder: Folder,
  given: { readonly lists: readonly string[]; readonly project: string | null; readonly addPytest: boolean },
): Installing {
  const { lists, project } = given;
  const more = (way: string): string => (given.addPytest ? ` && ${way} pytest` : '');
  if (folder.has('uv.lock'))
    return {
      tools: ['python -m pip install uv'],
      install: `uv sync --frozen${more('uv pip install')}`,
      // Not to take away again what was added.
      prefix: 'uv run --no-sync ',
      cached: [],
    };
  if (folder.has('poetry.lock'))
    return {
      tools: ["python -m pip install 'poetry>=2,<3'"],
      install: `poetry install --no-interaction${more('poetry run pip install')}`,
      prefix: 'poetry run ',
      cached: [],
    };
  if (folder.has('Pipfile.lock'))
    return {
      tools: ['python -m pip install pipenv'],
      install: `pipenv sync --dev${more('pipenv run pip install')}`,
      prefix: 'pipenv run ',
      cached: [],
    };
  const extras = /^\[project\.optional-dependencies\]([\s\S]*?)(?:^\[|(?![\s\S]))/m.exec(project ?? '')?.[1] ?? '';
  const extra = ['dev', 'test', 'tests'].find((name) => new RegExp(`^${name}\\s*=`, 'm').test(extras));
  const words = [
    ...lists.map((file) => `-r ${file}`),
    ...(lists.length > 0 || project === null ? [] : [extra === undefined ? '.' : `'.[${extra}]'`]),
    ...(given.addPytest ? ['pytest'] : []),
  ];
  return {
    tools: [],
    ...(words.length === 0 ? {} : { install: `python -m pip install ${words.join(' ')}` }),
    prefix: '',
    cached: lists.length > 0 ? lists : project === null ? [] : ['pyproject.toml'],
  };
}
