import type { CatalogueEntry } from './entry.ts';

/** Errors of environments: promotion, locks, windows, previews. */
export const environmentErrors = {
  DATA_COPY_UNAVAILABLE: {
    title: 'Data is not copied between environments yet',
    hint: 'Run `signalbox env sync` without --data; copy the data yourself (pg_dump), and leave out what is personal.',
    retryable: false,
  },
  DEPLOY_WINDOW_CLOSED: {
    title: 'The environment takes no deploys now',
    hint: 'Wait for the next window, or go through it with --force-window and a reason, which goes on record. A rollback always passes.',
    retryable: false,
  },
  ENVIRONMENT_LOCKED: {
    title: 'Somebody has locked the environment',
    hint: 'Ask its owner, or take the lock away with `signalbox env unlock NAME --force`. Rollback and abort work all the same.',
    retryable: false,
  },
  PROMOTION_CHANGED: {
    title: 'What would run is not what was tested',
    hint: 'Deploy to the source environment again, test that, and promote it; or deploy the commit to the target without --from.',
    retryable: false,
  },
  PROMOTION_UNPROVEN: {
    title: 'The release to promote has not proven itself',
    hint: 'Wait until its bake is over, name a proven one with --release, or promote it all the same with --force.',
    retryable: false,
  },
} as const satisfies Record<string, CatalogueEntry>;
