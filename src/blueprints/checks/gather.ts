import { type Folder, folderOf } from '../../config/detect/folder.ts';
import type { RepositoryReader } from '../../config/reader.ts';
import { isWithin, joinPath } from '../../config/repository-path.ts';
import type { ServiceSpec } from '../../domain/spec.ts';
import type { CheckFacts } from './facts.ts';
import { nodeChecks } from './node-checks.ts';
import { pythonChecks } from './python-checks.ts';

/** Looked through for the names of variables. */
const mostTests = 200;
const test = /(?:^|\/)(?:tests?|__tests__|specs?|e2e)\/|\.(?:test|spec)\.\w+$|(?:^|\/)(?:test_\w+|\w+_test|conftest)\.py$/;

/** What checks there are for a service: in its folder, else in the nearest one above that has any. */
export async function gatherChecks(
  reader: RepositoryReader,
  service: Pick<ServiceSpec, 'path' | 'build'>,
  files: readonly string[],
): Promise<CheckFacts> {
  const nothing = { language: undefined, version: '', tools: [], build: [], elsewhere: [], testVariables: [] };
  for (const path of upward(service.path)) {
    const folder = folderOf(path, files, reader);
    const own = path === service.path;
    const facts =
      (await nodeChecks(reader, { folder, top: folderOf('.', files, reader), build: own ? service.build : undefined })) ??
      (await pythonChecks(folder));
    // A folder above counts only for what it tests.
    if (facts === undefined || (!own && facts.test === undefined)) continue;
    const tests = folder.files.filter((file) => test.test(file));
    const elsewhere = own
      ? []
      : [...['package.json', ...topFolders(tests)].map((file) => joinPath(path, file)), ...(facts.cache?.files ?? [])];
    return {
      ...facts,
      elsewhere: [...new Set([...facts.elsewhere, ...elsewhere])].filter((file) => !isWithin(file, service.path)),
      testVariables: await testVariables(folder, tests),
    };
  }
  return nothing;
}

function upward(path: string): string[] {
  const parts = path === '.' ? [] : path.split('/');
  return [...parts.map((_, index) => parts.slice(0, parts.length - index).join('/')), '.'];
}

/** Folders of tests beside those of services: what lies inside of another folder belongs to that one. */
const topFolders = (files: readonly string[]): string[] => [
  ...new Set(files.map((file) => file.split('/')[0] ?? file).filter((top) => test.test(`${top}/`))),
];

async function testVariables(folder: Folder, tests: readonly string[]): Promise<string[]> {
  const names = new Set<string>();
  for (const file of tests.slice(0, mostTests))
    for (const [name] of ((await folder.read(file)) ?? '').matchAll(/\b(?:[A-Z][A-Z0-9_]*_TEST|TEST_[A-Z][A-Z0-9_]*)\b/g))
      names.add(name);
  return [...names].sort();
}
