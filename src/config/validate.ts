import type { z } from 'zod';
import type { ConfigDocument, KeyPath } from './document.ts';
import { knownKeys } from './json-schema.ts';
import { type Mistake, show } from './mistakes.ts';
import { nearest } from './nearest.ts';
import { type AppFile, appSchema } from './schema.ts';

type Issue = z.core.$ZodIssue;

/** The document as the schema completes it, or everything the schema has against it, each with its place. */
export function validate(document: ConfigDocument): { file: AppFile } | { mistakes: readonly Mistake[] } {
  const result = appSchema.safeParse(document.value);
  if (result.success) return { file: result.data };
  return { mistakes: result.error.issues.flatMap((issue) => mistakesOf(issue, [], document)) };
}

function mistakesOf(issue: Issue, base: KeyPath, document: ConfigDocument): Mistake[] {
  const path = [...base, ...issue.path];
  if (issue.code === 'unrecognized_keys') return issue.keys.map((key) => unknownKey([...path, key], document));
  if (issue.code === 'invalid_union') {
    const meant = issue.errors.find((branch) => branch.length > 0 && !branch.some(ofAnotherForm));
    if (meant !== undefined) return meant.flatMap((inner) => mistakesOf(inner, path, document));
  }
  if (issue.code === 'invalid_key') {
    const expected = issue.issues[0]?.message ?? issue.message;
    return [
      {
        ...document.place(path, 'key'),
        at: dotted(path.slice(0, -1)),
        text: `${show(String(path.at(-1)))} is no usable name: expected ${expected}`,
      },
    ];
  }
  const value = valueAt(document.value, path);
  const text = value === undefined ? `is missing; expected ${issue.message}` : `expected ${issue.message}, got ${show(value)}`;
  const meant = typeof value === 'string' ? nearest(value, wordsOf(issue)) : undefined;
  return [
    {
      ...document.place(path),
      at: dotted(path),
      text: hinted(text, value, issue.message),
      ...(meant === undefined ? {} : { nearest: meant }),
    },
  ];
}

/** Whether a branch of a union failed because the value is of another form (text instead of keys, no word of the list). */
const ofAnotherForm = (issue: Issue): boolean =>
  issue.path.length === 0 && (issue.code === 'invalid_type' || issue.code === 'invalid_value');

const wordsOf = (issue: Issue): string[] =>
  issue.code === 'invalid_value'
    ? issue.values.map(String)
    : issue.code === 'invalid_union'
      ? issue.errors.flat().flatMap(wordsOf)
      : [];

function unknownKey(path: KeyPath, document: ConfigDocument): Mistake {
  const known = knownKeys(path.slice(0, -1));
  const meant = nearest(String(path.at(-1)), known);
  return {
    ...document.place(path, 'key'),
    at: dotted(path.slice(0, -1)),
    text: `unknown key ${String(path.at(-1))}${meant === undefined ? `; known are ${known.join(', ')}` : ''}`,
    ...(meant === undefined ? {} : { nearest: meant }),
  };
}

/** Adds what the writer probably meant, for slips that are common. */
function hinted(text: string, value: unknown, expected: string): string {
  if (expected.startsWith('a duration') && (typeof value === 'number' || (typeof value === 'string' && /^\d+$/.test(value))))
    return `${text}; a bare number has no unit, write ${value}s for seconds`;
  if (expected.startsWith('a share') && typeof value === 'number') return `${text}; write ${value}%`;
  return text;
}

function valueAt(value: unknown, path: KeyPath): unknown {
  let here = value;
  for (const segment of path) {
    if (typeof here !== 'object' || here === null || !Object.hasOwn(here, segment)) return undefined;
    here = (here as Record<PropertyKey, unknown>)[segment];
  }
  return here;
}

export const dotted = (path: KeyPath): string =>
  path.reduce<string>(
    (text, segment) =>
      typeof segment === 'number' ? `${text}[${segment}]` : text === '' ? String(segment) : `${text}.${String(segment)}`,
    '',
  );
