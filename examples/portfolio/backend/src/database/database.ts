export type Value = string | number | null;
export type Row = Record<string, Value>;

/** A row with the same unique value exists already. */
export class DuplicateError extends Error {}

/** What both databases can do. Statements number their parameters: $1, $2, … */
export abstract class Database {
  abstract readonly kind: 'postgres' | 'sqlite';
  /** Runs one statement. Throws DuplicateError when a unique value is taken. */
  abstract query(sql: string, values?: Value[]): Promise<Row[]>;
}
