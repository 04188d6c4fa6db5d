import type { CatalogueEntry } from './entry.ts';

/** Errors of pipelines, their runs and steps. */
export const pipelineErrors = {} as const satisfies Record<string, CatalogueEntry>;
