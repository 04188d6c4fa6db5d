import type { FileFacts } from './files.ts';

type Headers = ReadonlyMap<string, string>;

/** True when the client's copy is good: the answer is a 304. */
export function notModified(headers: Headers, facts: Pick<FileFacts, 'etag' | 'modified'>): boolean {
  const noneMatch = headers.get('if-none-match');
  if (noneMatch !== undefined) {
    return noneMatch === '*' || noneMatch.split(',').some((tag) => tag.trim().replace(/^W\//, '') === facts.etag);
  }
  const since = Date.parse(headers.get('if-modified-since') ?? '');
  return !Number.isNaN(since) && Math.floor(facts.modified.getTime() / 1_000) * 1_000 <= since;
}

export type Range = { readonly from: number; readonly to: number } | 'all' | 'unsatisfiable';

/** The one range asked for, inclusive. Several ranges, other units and nonsense give the whole. */
export function rangeOf(headers: Headers, facts: Pick<FileFacts, 'etag' | 'modified' | 'size'>): Range {
  const match = /^bytes=(\d*)-(\d*)$/.exec(headers.get('range') ?? '');
  if (!match || (match[1] === '' && match[2] === '')) return 'all';
  const condition = headers.get('if-range');
  if (
    condition !== undefined &&
    condition !== facts.etag &&
    Date.parse(condition) !== Math.floor(facts.modified.getTime() / 1_000) * 1_000
  ) {
    return 'all';
  }
  const { size } = facts;
  if (match[1] === '') {
    const length = Math.min(Number(match[2]), size);
    return length === 0 ? 'unsatisfiable' : { from: size - length, to: size - 1 };
  }
  const from = Number(match[1]);
  const to = match[2] === '' ? size - 1 : Math.min(Number(match[2]), size - 1);
  if (match[2] !== '' && Number(match[2]) < from) return 'all';
  return from >= size ? 'unsatisfiable' : { from, to };
}
