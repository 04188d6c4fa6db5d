import type { CatalogueEntry } from './entry.ts';

/** Errors of pushes and webhooks. */
export const gitErrors = {} as const satisfies Record<string, CatalogueEntry>;
