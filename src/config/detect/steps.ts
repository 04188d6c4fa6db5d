import type { StepSpec } from '../../domain/pipeline/spec.ts';
import type { AppSpec, ServiceSpec } from '../../domain/spec.ts';
import { millis } from '../../domain/values.ts';
import type { RepositoryReader } from '../reader.ts';
import { folderOf } from './folder.ts';
import { packagesOf, readPackageJson } from './package-json.ts';
import { inVenv } from './python.ts';

const timeout = millis(15 * 60_000);
/** What npm writes into a new package.json. */
const placeholder = /no test specified/;
/** Scripts that never end by themselves. */
const endless = /--watch(?:All)?\b(?!=false)|\bnodemon\b|^vitest$|^(?:react-scripts|ng|vue-cli-service) test\b/;
const mostFiles = 20_000;

/**
 * The steps of an app that declares none: lint and test scripts of each service, in its build. Services of one folder share them.
 * A test runner that would watch files is told to run once.
 */
export async function detectSteps(reader: RepositoryReader, spec: AppSpec): Promise<readonly StepSpec[]> {
  const files = await reader.list('.', mostFiles);
  const steps: StepSpec[] = [];
  const folders = new Set<string>();
  const several = new Set(Object.values(spec.services).map(({ path }) => path)).size > 1;
  for (const service of Object.values(spec.services)) {
    if (folders.has(service.path) || service.container?.image !== undefined) continue;
    folders.add(service.path);
    const name = (kind: string): string => (several ? `${kind}-${service.name}` : kind);
    for (const [kind, run] of await commandsOf(service, files, reader))
      steps.push({ name: name(kind), run, service: service.name, needs: [], env: {}, timeout, retries: 0, optional: false });
  }
  return steps;
}

async function commandsOf(
  service: ServiceSpec,
  files: readonly string[],
  reader: RepositoryReader,
): Promise<readonly (readonly ['lint' | 'test', string])[]> {
  const folder = folderOf(service.path, files, reader);
  const manifest = await readPackageJson(folder);
  if (manifest === null)
    return pythonTests(await folder.read('requirements.txt'), await folder.read('pyproject.toml'), folder.files);
  // Installing is part of the build: without one, scripts of packages have nothing to run with.
  if (service.build === undefined && manifest.dependencies.size > 0) return [];
  const { manager } = packagesOf(folder, manifest, service.path === '.' ? undefined : folderOf('.', files, reader));
  const { lint, test } = manifest.scripts;
  return [
    ...(lint === undefined ? [] : [['lint', `${manager} run lint`] as const]),
    ...(test === undefined || placeholder.test(test) ? [] : [['test', testCommand(manager, test)] as const]),
  ];
}

function testCommand(manager: string, script: string): string {
  if (!endless.test(script.trim())) return `${manager} run test`;
  return /react-scripts|ng test|vue-cli/.test(script) ? `CI=true ${manager} run test` : `${manager} run test -- --run`;
}

const pythonTests = (
  requirements: string | null,
  project: string | null,
  files: readonly string[],
): readonly (readonly ['test', string])[] =>
  /\bpytest\b/.test(`${requirements ?? ''}\n${project ?? ''}`) &&
  files.some((file) => /(?:^|\/)(?:test_[^/]*|[^/]*_test)\.py$/.test(file))
    ? [['test', `${inVenv} exec python3 -m pytest -q`]]
    : [];
