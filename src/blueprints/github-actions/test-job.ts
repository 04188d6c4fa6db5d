import type { CheckCommand, CheckFacts } from '../checks/facts.ts';
import type { BlueprintInput } from '../input.ts';
import { action, runner } from './actions.ts';
import type { ServiceGroup } from './groups.ts';
import { testServices } from './test-services.ts';
import { type Job, literal, type Step } from './yaml.ts';

/** The job that tests the services of a folder. What fails in it fails the job: nothing is shipped after it. */
export function testJob(group: ServiceGroup, input: BlueprintInput): { readonly job: Job; readonly notes: readonly string[] } {
  const { checks } = group;
  const { services, env, missing } = testServices(group, input);
  const buildEnv = Object.assign({}, ...group.packed.map(({ service }) => service.buildEnv)) as Record<string, string>;
  const all = { ...escaped(buildEnv), ...env };
  return {
    notes: missing.map((name) => `The tests do not find ${name}: jobs can start images alone, without a command of their own.`),
    job: {
      'runs-on': runner,
      'timeout-minutes': 20,
      ...(Object.keys(services).length === 0 ? {} : { services }),
      ...(Object.keys(all).length === 0 ? {} : { env: all }),
      steps: [
        { uses: action('actions/checkout'), with: { 'persist-credentials': false } },
        ...toolchain(checks),
        ...named('Install', checks.install),
        ...named('Lint', checks.lint),
        ...named('Format', checks.format),
        ...named('Types', checks.types),
        ...checks.build.flatMap((command) => named('Build', command)),
        ...(checks.test === undefined ? [noTests(group.name)] : named('Test', checks.test)),
      ],
    },
  };
}

const escaped = (env: Readonly<Record<string, string>>): Record<string, string> =>
  Object.fromEntries(Object.entries(env).map(([name, value]) => [name, literal(value)]));

function toolchain({ language, version, cache, tools }: CheckFacts): Step[] {
  const kept = cache === undefined ? {} : { cache: cache.manager, 'cache-dependency-path': cache.files.map(literal).join('\n') };
  const bringing = tools.map((run): Step => ({ name: 'Package manager', run }));
  // To keep downloads the package manager has to be there already; of Python it comes with the version.
  if (language === 'node')
    return [...bringing, { uses: action('actions/setup-node'), with: { 'node-version': version, ...kept } }];
  if (language === 'python')
    return [{ uses: action('actions/setup-python'), with: { 'python-version': version, ...kept } }, ...bringing];
  return [];
}

const named = (name: string, command: CheckCommand | undefined): Step[] =>
  command === undefined
    ? []
    : [
        {
          name,
          ...(command.folder === '.' ? {} : { 'working-directory': literal(command.folder) }),
          run: literal(command.command),
        },
      ];

/** Green without a test is said where everybody looks. */
const noTests = (name: string): Step => ({
  name: 'Test',
  run: `echo "::warning::No test command was found for ${name}: put yours here."`,
});
