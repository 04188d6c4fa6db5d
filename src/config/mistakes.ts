import { SignalboxError } from '../domain/errors.ts';

/** One thing wrong in a file. Lines and columns count from 1. */
export interface Mistake {
  readonly line: number;
  readonly column: number;
  /** Where it is in the document, e.g. `services.web.replicas`; empty for the document itself. */
  readonly at: string;
  /** What is wrong and what is expected. */
  readonly text: string;
  /** The known word that was probably meant. */
  readonly nearest?: string;
}

const shown = 20;

/** All mistakes of a file as one error, in the order of the file; each line is `file:line:column key: text`. */
export function configError(file: string, mistakes: readonly Mistake[]): SignalboxError {
  const sorted = [
    ...new Map(mistakes.map((mistake) => [`${mistake.line}:${mistake.column} ${mistake.text}`, mistake])).values(),
  ].sort((a, b) => a.line - b.line || a.column - b.column);
  const lines = sorted.slice(0, shown).map((mistake) => formatMistake(file, mistake));
  if (sorted.length > shown) lines.push(`… and ${sorted.length - shown} more`);
  return new SignalboxError('CONFIG_INVALID', lines.join('\n'), {
    details: { file, mistakes: sorted.slice(0, 200) },
    ...(sorted.length === 1 ? {} : { hint: 'Mend the lines named in the message.' }),
  });
}

export function formatMistake(file: string, mistake: Mistake): string {
  const meant = mistake.nearest === undefined ? '' : `; did you mean ${mistake.nearest}?`;
  return `${file}:${mistake.line}:${mistake.column} ${mistake.at === '' ? '' : `${mistake.at}: `}${mistake.text}${meant}`;
}

/** A value as a reader of the message knows it from the file, cut to a short length. */
export function show(value: unknown): string {
  if (value === undefined) return 'nothing';
  if (value === null) return 'an empty value';
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object') return 'keys and values';
  const text = JSON.stringify(value) ?? typeof value;
  return text.length > 60 ? `${text.slice(0, 57)}…` : text;
}
