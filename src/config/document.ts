import {
  type Document,
  isAlias,
  isMap,
  isNode,
  isPair,
  isScalar,
  LineCounter,
  type Node,
  parseDocument,
  type Scalar,
  visit,
} from 'yaml';
import type { Mistake } from './mistakes.ts';

export type KeyPath = readonly PropertyKey[];

/** A YAML text as plain values, with the place of each. */
export interface ConfigDocument {
  readonly value: unknown;
  /** Line and column of the value at the path, or of its key; of the nearest parent that exists when it is missing. */
  place(path: KeyPath, part?: 'key' | 'value'): { readonly line: number; readonly column: number };
}

/** Longest file accepted, in characters. */
const maxLength = 256 * 1024;
/** Keys under which numbers keep the spelling of the file: `VERSION: 1.10` is "1.10". */
const spelledAsWritten = new Set(['env', 'buildEnv', 'environment', 'args']);

/** Parses YAML 1.2 (merge keys allowed). Syntax faults, duplicate keys, aliases without anchor and alias bombs come back as mistakes. */
export function parseConfigDocument(text: string): { document: ConfigDocument } | { mistakes: readonly Mistake[] } {
  if (text.length > maxLength)
    return { mistakes: [{ line: 1, column: 1, at: '', text: `the file is longer than ${maxLength / 1024} KiB` }] };
  const lines = new LineCounter();
  const at = (offset: number): { line: number; column: number } => {
    const { line, col } = lines.linePos(Math.min(offset, text.length));
    return { line: Math.max(line, 1), column: Math.max(col, 1) };
  };
  let parsed: Document.Parsed;
  try {
    parsed = parseDocument(text, { lineCounter: lines, merge: true, prettyErrors: false, uniqueKeys: true });
  } catch (error) {
    return { mistakes: [{ line: 1, column: 1, at: '', text: `the file cannot be read as YAML: ${nested(error)}` }] };
  }
  const faults = parsed.errors.map(
    (error): Mistake => ({ ...at(error.pos[0]), at: '', text: sentence(error.code, error.message) }),
  );
  if (faults.length === 0) faults.push(...treeFaults(parsed, at));
  if (faults.length > 0) return { mistakes: faults };
  try {
    const value: unknown = parsed.toJS({ maxAliasCount: 50 }) ?? {};
    return { document: { value, place: (path, part = 'value') => at(offsetOf(parsed, path, part)) } };
  } catch (error) {
    return { mistakes: [{ ...firstAlias(parsed, at), at: '', text: `aliases expand to too much: ${nested(error)}` }] };
  }
}

function treeFaults(document: Document.Parsed, at: (offset: number) => { line: number; column: number }): Mistake[] {
  const faults: Mistake[] = [];
  visit(document, {
    Alias(_, alias, path) {
      const meant = alias.resolve(document);
      const text =
        meant === undefined
          ? `there is no anchor &${alias.source} for the alias *${alias.source}`
          : path.includes(meant)
            ? `the alias *${alias.source} stands inside of what it stands for`
            : undefined;
      if (text !== undefined) faults.push({ ...at(alias.range?.[0] ?? 0), at: '', text });
    },
    Pair(_, pair, path) {
      const key = pair.key;
      const offset = isNode(key) ? (key.range?.[0] ?? 0) : 0;
      if (isScalar(key) && key.value === '__proto__') faults.push({ ...at(offset), at: '', text: 'unknown key __proto__' });
      else if (!isScalar(key) && !isAlias(key)) faults.push({ ...at(offset), at: '', text: 'a key has to be text' });
      const parent = path.findLast((step) => isPair(step));
      const above = isPair(parent) && isScalar(parent.key) ? parent.key.value : undefined;
      if (typeof above === 'string' && spelledAsWritten.has(above) && isScalar(pair.value)) keepSpelling(pair.value);
    },
  });
  return faults;
}

function keepSpelling(scalar: Scalar): void {
  if (typeof scalar.value === 'number' && scalar.source !== undefined) scalar.value = scalar.source;
}

function firstAlias(
  document: Document.Parsed,
  at: (offset: number) => { line: number; column: number },
): { line: number; column: number } {
  let offset = 0;
  visit(document, {
    Alias(_, alias) {
      offset = alias.range?.[0] ?? 0;
      return visit.BREAK;
    },
  });
  return at(offset);
}

function offsetOf(document: Document.Parsed, path: KeyPath, part: 'key' | 'value'): number {
  let node: unknown = document.contents;
  let offset = isNode(node) ? (node.range?.[0] ?? 0) : 0;
  for (const [index, segment] of path.entries()) {
    if (isAlias(node)) node = node.resolve(document);
    const next = child(node, segment);
    if (next === undefined) return offset;
    const wanted = index === path.length - 1 && part === 'key' ? next.key : (next.value ?? next.key);
    offset = wanted?.range?.[0] ?? next.key?.range?.[0] ?? offset;
    node = next.value;
  }
  return offset;
}

function child(node: unknown, segment: PropertyKey): { key: Node | null; value: Node | null } | undefined {
  if (isMap(node)) {
    const pair = node.items.find((item) => isScalar(item.key) && String(item.key.value) === String(segment));
    if (pair === undefined) return undefined;
    return { key: isNode(pair.key) ? pair.key : null, value: isNode(pair.value) ? pair.value : null };
  }
  if (typeof segment === 'symbol' || typeof node !== 'object' || node === null || !('items' in node)) return undefined;
  const item: unknown = (node as { items: readonly unknown[] }).items[Number(segment)];
  return isNode(item) ? { key: item, value: item } : undefined;
}

const sentence = (code: string, message: string): string =>
  code === 'DUPLICATE_KEY' ? 'this key is there twice' : (message.split('\n')[0] ?? message).replace(/\.$/, '');

const nested = (error: unknown): string =>
  error instanceof RangeError ? 'it is nested too deeply' : error instanceof Error ? error.message : 'unknown';
