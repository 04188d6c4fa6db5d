/** Reads of a payload that anybody may have written: what is not of the expected form is null, never an error. */

/** Characters kept of a name or title. */
const longestText = 200;
const longestUrl = 1000;

/** What stands at the keys, own properties only; undefined where there is nothing. */
export function at(payload: unknown, ...keys: readonly string[]): unknown {
  let value = payload;
  for (const key of keys) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return undefined;
    value = (value as Readonly<Record<string, unknown>>)[key];
  }
  return value;
}

/** Bounded, without control characters and those that turn text round; null when empty. */
export function text(value: unknown): string | null {
  if (typeof value !== 'string') return null;
  const clean = value
    .slice(0, 4 * longestText)
    .replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu, ' ')
    .replaceAll(/ {2,}/g, ' ')
    .trim();
  return clean === '' ? null : Array.from(clean).slice(0, longestText).join('');
}

/** Of http or https, without a user or password. */
export function link(value: unknown): string | null {
  if (typeof value !== 'string' || value.length > longestUrl || !/^https?:\/\/[^\s"'<>`\\\p{Cc}]+$/u.test(value)) return null;
  return /^https?:\/\/[^/?#]*@/.test(value) ? null : value;
}

export const count = (value: unknown): number | null =>
  typeof value === 'number' && Number.isSafeInteger(value) && value > 0 ? value : null;

/** By which forges say "no commit". */
export const none = '0'.repeat(40);

/** A commit's full name, `none` included. */
export const commit = (value: unknown): string | null =>
  typeof value === 'string' && /^[0-9a-f]{40}$/.test(value) ? value : null;

/**
 * A branch's or tag's full name in which no option, range, path or revision syntax hides. Names with other characters exist, and are
 * left alone.
 */
export function ref(value: unknown): string | null {
  if (typeof value !== 'string') return null;
  const plain =
    /^refs\/(?:heads|tags)\/[A-Za-z0-9_][A-Za-z0-9._/+@#-]{0,230}$/.test(value) &&
    !/\.\.|\/\/|@\{|\/[.-]|\.lock(?:\/|$)|[./]$/.test(value);
  return plain ? value : null;
}

export const branch = (value: unknown): string | null => {
  const full = typeof value === 'string' ? ref(`refs/heads/${value}`) : null;
  return full === null ? null : full.slice('refs/heads/'.length);
};
