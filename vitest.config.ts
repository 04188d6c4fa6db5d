import { defineConfig } from 'vitest/config';
import { LongestFirst } from './test/setup/longest-first.ts';

const shared = { testTimeout: 30_000, hookTimeout: 60_000, globalSetup: ['test/setup/compile.ts'] };
const installations = { ...shared, testTimeout: 180_000, hookTimeout: 180_000 };
/** What these assert is a time in which the processors work: the examples' cold builds, a part or a release that is back within seconds. */
const timed = ['test/e2e/examples-docker.test.ts', 'test/e2e/engine-hangs.test.ts', 'test/chaos/parts.test.ts'];

/**
 * `rules` and `programs` are small programs, as many files side by side as the smallest machine has processors. `whole` drives complete
 * installations under load, which mostly wait for a bake, a drain or a deadline: a quarter to a half of two processors is busy meanwhile,
 * so three files at a time; what they assert are outcomes and losses. `timed` comes last, one file at a time, with nothing beside it.
 */
export default defineConfig({
  test: {
    reporters: ['default', './test/setup/reporter.ts'],
    pool: 'forks',
    maxWorkers: 2,
    sequence: { sequencer: LongestFirst },
    projects: [
      {
        test: {
          ...shared,
          name: 'rules',
          include: [
            'test/domain/**/*.test.ts',
            'test/config/**/*.test.ts',
            'test/*.test.ts',
            'test/docs/**/*.test.ts',
            'test/blueprints/**/*.test.ts',
          ],
        },
      },
      {
        test: {
          ...shared,
          name: 'programs',
          include: [
            'test/{dev,mail-catcher,proxy,keeper,engine,pipeline,control-plane,monitor,api,cli,adapters,conformance,load}/**/*.test.ts',
          ],
        },
      },
      {
        test: {
          ...installations,
          name: 'whole',
          include: ['test/{e2e,chaos}/**/*.test.ts'],
          exclude: timed,
          maxWorkers: 3,
          sequence: { groupOrder: 1 },
        },
      },
      { test: { ...installations, name: 'timed', include: timed, fileParallelism: false, sequence: { groupOrder: 2 } } },
    ],
  },
});
