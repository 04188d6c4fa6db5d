import type { KeyPath } from '../document.ts';

/** Compose allows several shapes for nearly every key. These read them; anything else reads as nothing. */

export type Values = Readonly<Record<string, unknown>>;

export const isValues = (value: unknown): value is Values => typeof value === 'object' && value !== null && !Array.isArray(value);
export const valuesOf = (value: unknown): Values => (isValues(value) ? value : {});
export const textOf = (value: unknown): string | undefined =>
  typeof value === 'string' ? value : typeof value === 'number' || typeof value === 'boolean' ? String(value) : undefined;
export const listOf = (value: unknown): readonly unknown[] =>
  Array.isArray(value) ? (value as readonly unknown[]) : value === undefined || value === null ? [] : [value];

export interface Pairs {
  /** Null: named without a value. */
  readonly value: string | null;
  readonly path: KeyPath;
}

/** `NAME: value` and `- NAME=value`, with the place of each. */
export function pairsOf(value: unknown, path: KeyPath): Map<string, Pairs> {
  const pairs = new Map<string, Pairs>();
  if (isValues(value))
    for (const [name, one] of Object.entries(value)) pairs.set(name, { value: textOf(one) ?? null, path: [...path, name] });
  if (Array.isArray(value))
    for (const [index, one] of (value as readonly unknown[]).entries()) {
      const text = textOf(one) ?? '';
      const cut = text.indexOf('=');
      const name = cut === -1 ? text : text.slice(0, cut);
      if (name !== '') pairs.set(name, { value: cut === -1 ? null : text.slice(cut + 1), path: [...path, index] });
    }
  return pairs;
}

/** A command as text for the shell: a list is quoted word by word. */
export function commandOf(value: unknown): string | undefined {
  if (Array.isArray(value)) {
    const words = (value as readonly unknown[]).map((one) => textOf(one) ?? '');
    if (words.length === 3 && /^(?:\/bin\/)?(?:ba)?sh$/.test(words[0] ?? '') && /^-[el]*c$/.test(words[1] ?? '')) return words[2];
    return words.length === 0 ? undefined : words.map(shellWord).join(' ');
  }
  const text = textOf(value)?.trim();
  return text === '' ? undefined : text;
}

const shellWord = (word: string): string => (/^[\w./:@%+,=-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`);

export interface Port {
  /** Inside of the container. */
  readonly target: number;
  readonly published: boolean;
}

/** `"8080:80"`, `80`, `"127.0.0.1:8080:80/tcp"`, `"[::1]:80:80"`, `{ target, published }`; the first of a range; UDP is none. */
export function portOf(value: unknown): Port | undefined {
  if (isValues(value)) {
    const target = Number(textOf(value['target']));
    return value['protocol'] === 'udp' || !isPort(target) ? undefined : { target, published: value['published'] !== undefined };
  }
  const text = textOf(value);
  if (text === undefined || text.endsWith('/udp')) return undefined;
  const parts = text
    .replace(/\/tcp$/, '')
    .replace(/^\[[^\]]*\]:/, '')
    .split(':');
  const target = Number((parts.at(-1) ?? '').split('-')[0]);
  return isPort(target) ? { target, published: true } : undefined;
}

const isPort = (port: number): boolean => Number.isInteger(port) && port > 0 && port <= 65_535;

export interface Mount {
  /** Undefined: an anonymous volume. */
  readonly source: string | undefined;
  readonly target: string;
  readonly type: 'volume' | 'bind' | 'other';
}

/** `name:/path:ro`, `./folder:/path`, `/path`, `{ type, source, target }`. */
export function mountOf(value: unknown): Mount | undefined {
  if (isValues(value)) {
    const target = textOf(value['target']);
    const type = textOf(value['type']);
    return target === undefined
      ? undefined
      : { source: textOf(value['source']), target, type: type === 'bind' || type === 'volume' ? type : 'other' };
  }
  const text = textOf(value);
  if (text === undefined) return undefined;
  const parts = text.replace(/^([A-Za-z]):[\\/]/, '$1/').split(':');
  if (parts.length === 1) return { source: undefined, target: text, type: 'volume' };
  const [source = '', target = ''] = parts;
  return { source, target, type: /^[./~$\\]|^[A-Za-z]\//.test(source) ? 'bind' : 'volume' };
}
