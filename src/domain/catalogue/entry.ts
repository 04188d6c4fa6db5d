/** `hint` is what the reader does next; `retryable` tells scripts whether the same call may succeed later. */
export interface CatalogueEntry {
  readonly title: string;
  readonly hint: string;
  readonly retryable: boolean;
}
