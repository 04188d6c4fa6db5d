import { defineConfig } from 'vitest/config';

const shared = { testTimeout: 30_000, hookTimeout: 60_000, globalSetup: ['test/setup/compile.ts'] };

/** `rules` and `programs` run files side by side; `whole` drives complete installations under load, one file at a time. */
export default defineConfig({
  test: {
    reporters: ['default', './test/setup/reporter.ts'],
    pool: 'forks',
    maxWorkers: 2,
    projects: [
      { test: { ...shared, name: 'rules', include: ['test/domain/**/*.test.ts', 'test/config/**/*.test.ts', 'test/*.test.ts', 'test/docs/**/*.test.ts', 'test/blueprints/**/*.test.ts'] } },
      { test: { ...shared, name: 'programs', include: ['test/{dev,mail-catcher,proxy,keeper,engine,pipeline,control-plane,monitor,api,cli,adapters,conformance,load}/**/*.test.ts'] } },
      {
        test: {
          ...shared,
          name: 'whole',
          include: ['test/{e2e,chaos}/**/*.test.ts'],
          fileParallelism: false,
          testTimeout: 180_000,
          hookTimeout: 180_000,
        },
      },
    ],
  },
});
