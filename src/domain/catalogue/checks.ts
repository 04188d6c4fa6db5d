import type { CatalogueEntry } from './entry.ts';

/** Errors of scans, reports and checks. */
export const checkErrors = {} as const satisfies Record<string, CatalogueEntry>;
