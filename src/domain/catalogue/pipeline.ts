import type { CatalogueEntry } from './entry.ts';

/** Errors of pipelines, their runs and steps. */
export const pipelineErrors = {
  DEPLOY_FAILED: {
    title: 'The rollout of a run did not succeed',
    hint: 'See `signalbox rollouts show <id>` for its reason.',
    retryable: false,
  },
  NO_ACTIVE_RUN: {
    title: 'That run is unknown or has ended',
    hint: 'See `signalbox runs` for the runs of the app.',
    retryable: false,
  },
  RUN_CANCELLED: { title: 'A person cancelled the run', hint: 'Push or run again when it is time.', retryable: false },
  RUN_TIMED_OUT: {
    title: 'A run took longer than it may',
    hint: 'Its steps say which one took so long; raise `timeout` under `pipeline:` if that is right.',
    retryable: false,
  },
  STEP_FAILED: {
    title: 'A step of the pipeline failed',
    hint: 'Nothing was shipped. `signalbox runs logs <id> <step>` shows its whole output.',
    retryable: false,
  },
  TOO_MANY_RUNS: {
    title: 'Too many runs of the app are waiting',
    hint: 'Wait for some to end, or cancel them: `signalbox runs cancel <id>`.',
    retryable: true,
  },
} as const satisfies Record<string, CatalogueEntry>;
