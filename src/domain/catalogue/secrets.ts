import type { CatalogueEntry } from './entry.ts';

/** Errors of secrets. */
export const secretErrors = {} as const satisfies Record<string, CatalogueEntry>;
