import { formsOf, shortestMasked } from './secret-forms.ts';

/** Takes secret values out of texts, in every form that `formsOf` knows. */
export interface Masker {
  /** The text with each stretch that shows a value replaced by `***`. */
  mask(text: string): string;
  /** For a text that comes in parts: the same result, wherever it is cut. */
  stream(): MaskedStream;
}

export interface MaskedStream {
  /** What can be said for certain so far; holds back an end that may be the beginning of a value, no more. */
  push(part: string): string;
  /** The rest. The stream can be used again afterwards. */
  end(): string;
}

export const maskText = '***';

/** Nothing is secret. */
export const noMask: Masker = { mask: (text) => text, stream: () => ({ push: (part) => part, end: () => '' }) };

/**
 * Values shorter than four characters are not masked. Time grows with the text, not with the number of values: only where four
 * characters are the beginning of a form is a form compared.
 */
export function createMasker(values: Iterable<string | Uint8Array>): Masker {
  const forms = new Set<string>();
  for (const value of values) for (const form of formsOf(value)) forms.add(form);
  return maskerOf(forms);
}

/** @param forms what `formsOf` gave for every value. */
export function maskerOf(forms: ReadonlySet<string>): Masker {
  if (forms.size === 0) return noMask;
  const index = indexOf(forms);
  const whole = (text: string): string => advance(index, { rest: text, covered: 0, open: false }, true).out;
  return {
    mask: whole,
    stream: () => {
      let state: State = nothing;
      const step = (part: string, last: boolean): string => {
        const next = advance(index, { ...state, rest: state.rest + part }, last);
        state = last ? nothing : next.state;
        return next.out;
      };
      return { push: (part) => step(part, false), end: () => step('', true) };
    },
  };
}

interface Index {
  /** By the hash of their first four characters, then by their length, longest first. */
  readonly forms: ReadonlyMap<number, readonly OfOneLength[]>;
  /** Not zero where some form may begin: a cheap no for almost every position. */
  readonly marks: Uint8Array;
  /** First one, two and three characters of forms. */
  readonly beginnings: ReadonlySet<string>;
  readonly longest: number;
}

interface OfOneLength {
  readonly length: number;
  readonly forms: Set<string>;
}

interface State {
  readonly rest: string;
  /** Characters at the beginning of `rest` that belong to a stretch whose `***` is already out. */
  readonly covered: number;
  /** What came last was masked: a stretch that follows at once belongs to it. */
  readonly open: boolean;
}

const nothing: State = { rest: '', covered: 0, open: false };
const markBits = 18;

const hashAt = (text: string, at: number): number =>
  (((text.charCodeAt(at) * 31 + text.charCodeAt(at + 1)) * 31 + text.charCodeAt(at + 2)) * 31 + text.charCodeAt(at + 3)) | 0;
const markOf = (hash: number): number => (hash ^ (hash >>> 15)) & ((1 << markBits) - 1);

function indexOf(forms: ReadonlySet<string>): Index {
  const byHash = new Map<number, OfOneLength[]>();
  const marks = new Uint8Array(1 << markBits);
  const beginnings = new Set<string>();
  let longest = 0;
  for (const form of forms) {
    const hash = hashAt(form, 0);
    marks[markOf(hash)] = 1;
    const lengths = byHash.get(hash) ?? [];
    byHash.set(hash, lengths);
    const same = lengths.find(({ length }) => length === form.length);
    if (same) same.forms.add(form);
    else lengths.push({ length: form.length, forms: new Set([form]) });
    for (let length = 1; length < shortestMasked; length += 1) beginnings.add(form.slice(0, length));
    longest = Math.max(longest, form.length);
  }
  for (const lengths of byHash.values()) lengths.sort((a, b) => b.length - a.length);
  return { forms: byHash, marks, beginnings, longest };
}

/** Stretches that overlap or touch become one `***`: a form that begins inside another is covered to its end. */
function advance(index: Index, from: State, last: boolean): { readonly out: string; readonly state: State } {
  const text = from.rest;
  const limit = last ? text.length : certainUntil(text, index);
  let out = '';
  let plainFrom = from.covered;
  let maskedUntil = from.open ? from.covered : -1;
  for (let at = 0; at < limit; at += 1) {
    const length = longestAt(text, at, index);
    if (length === 0) continue;
    if (at > maskedUntil) out += text.slice(plainFrom, at) + maskText;
    maskedUntil = Math.max(maskedUntil, at + length);
    plainFrom = maskedUntil;
  }
  if (plainFrom < limit) return { out: out + text.slice(plainFrom, limit), state: { ...nothing, rest: text.slice(limit) } };
  return { out, state: { rest: text.slice(limit), covered: plainFrom - limit, open: maskedUntil === plainFrom } };
}

function longestAt(text: string, at: number, { forms, marks }: Index): number {
  if (at + shortestMasked > text.length) return 0;
  const hash = hashAt(text, at);
  if (marks[markOf(hash)] === 0) return 0;
  return forms.get(hash)?.find((one) => one.forms.has(text.slice(at, at + one.length)))?.length ?? 0;
}

/** Where the first end begins that more text could make a form. */
function certainUntil(text: string, { forms, marks, beginnings, longest }: Index): number {
  for (let at = Math.max(0, text.length - longest + 1); at < text.length; at += 1) {
    const left = text.length - at;
    if (left < shortestMasked) {
      if (beginnings.has(text.slice(at))) return at;
      continue;
    }
    const hash = hashAt(text, at);
    if (marks[markOf(hash)] === 0) continue;
    const end = text.slice(at);
    const beginsOne = ({ length, forms: same }: OfOneLength): boolean =>
      length > left && [...same].some((form) => form.startsWith(end));
    if (forms.get(hash)?.some(beginsOne) === true) return at;
  }
  return text.length;
}

/** Names and codes that programs go by: a secret that happens to be called like an app must not take them away. */
const neverMasked: ReadonlySet<string> = new Set([
  'accessory',
  'act',
  'app',
  'apps',
  'code',
  'document',
  'endsAs',
  'environment',
  'fallback',
  'from',
  'heldIn',
  'id',
  'instance',
  'kind',
  'name',
  'next',
  'phase',
  'release',
  'releases',
  'rollout',
  'rolloutId',
  'service',
  'services',
  'sha',
  'state',
  'status',
  'strategy',
  'supersededBy',
  'type',
  'usedBy',
  'version',
  'workload',
]);

/** Every text inside of a JSON value masked, except names and codes. */
export function maskTexts<Value>(value: Value, masker: Masker): Value {
  const walk = (inner: unknown): unknown => {
    if (typeof inner === 'string') return masker.mask(inner);
    if (Array.isArray(inner)) return inner.map(walk);
    if (typeof inner !== 'object' || inner === null) return inner;
    return Object.fromEntries(Object.entries(inner).map(([key, one]) => [key, isName(key, one) ? one : walk(one)]));
  };
  return walk(value) as Value;
}

const isName = (key: string, value: unknown): boolean =>
  neverMasked.has(key) && (typeof value === 'string' || (Array.isArray(value) && value.every((one) => typeof one === 'string')));
