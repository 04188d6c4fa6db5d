import type { CatalogueEntry } from './entry.ts';

/** Errors of environments: promotion, locks, windows, previews. */
export const environmentErrors = {} as const satisfies Record<string, CatalogueEntry>;
