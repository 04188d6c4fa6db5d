import { parse } from 'yaml';
import { lockUnreadable } from './locked.ts';

export type Table = Readonly<Record<string, unknown>>;

/** Nothing where it is something else. */
export const tableOf = (value: unknown): Table =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Table) : {};

/** Versions like `1.0` are numbers to YAML. */
export const textOf = (value: unknown): string | undefined =>
  typeof value === 'string' && value !== '' ? value : typeof value === 'number' ? String(value) : undefined;

/** Lock files have no aliases; one that has some is refused. @throws LOCK_UNREADABLE */
export function readYaml(file: string, content: string): Table {
  try {
    // Everything is read as text: a version is never a number that lost its zero.
    return tableOf(parse(content, { schema: 'failsafe', maxAliasCount: 0, logLevel: 'silent' }));
  } catch (cause) {
    throw lockUnreadable(file, `it is no YAML of a lock file (${(cause as Error).message.split('\n')[0]?.slice(0, 120) ?? ''})`);
  }
}
