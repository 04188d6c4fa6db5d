/** Databases, caches and the like of a stack, started before its services and kept with their data. */
export interface AccessoryHost {
  /** Changes when the data is another one. */
  readonly dataId: string;
  /** One line each for people: name, what it is, where it answers. */
  readonly summary: readonly { readonly name: string; readonly what: string; readonly at: string }[];
  /** Puts values in place of `${accessories.NAME.FIELD}`. */
  resolve(value: string): string;
  /** Variables that every service gets, resolved. */
  readonly variables: Readonly<Record<string, string>>;
  end(): Promise<void>;
}
