import { createHash } from 'node:crypto';

/** A file that is made for a repository. Its lines may begin with `#` as a comment. */
export interface GeneratedFile {
  /** Relative to the repository. */
  readonly path: string;
  readonly text: string;
  /** A file of the user's own in its place is as good, and is left alone without a word of refusal. */
  readonly replaceable?: boolean;
}

/**
 * What became of a generated file: `missing`; `current`: as it would be made now; `kept`: changed by hand since, but made from the same
 * facts; `stale`: made from other facts; `edited`: both changed by hand and stale; `foreign`: not made by us.
 */
export type FileState = 'missing' | 'current' | 'kept' | 'stale' | 'edited' | 'foreign';

const mark = /^# signalbox:generated sha256=([0-9a-f]{16})$/m;

/** The text with the lines above it that say who made it, and from what. */
export function marked(file: GeneratedFile, what: string): string {
  return [
    `# Made by \`signalbox generate ${what}\`. Yours to change: what you change is not overwritten.`,
    `# signalbox:generated sha256=${fingerprint(file.text)}`,
    file.text,
  ].join('\n');
}

export function stateOf(present: string | null, made: GeneratedFile): FileState {
  if (present === null) return 'missing';
  const text = present.replaceAll('\r\n', '\n');
  const found = mark.exec(text.slice(0, 400));
  if (found === null) return 'foreign';
  const body = text.slice(found.index + found[0].length + 1);
  if (body === made.text) return 'current';
  const sameFacts = found[1] === fingerprint(made.text);
  if (fingerprint(body) === found[1]) return sameFacts ? 'current' : 'stale';
  return sameFacts ? 'kept' : 'edited';
}

/** Where in a file something stands is worth telling, but its moving makes nothing stale. */
const withoutLines = (text: string): string =>
  text.replace(/^#.*$/gm, (comment) => comment.replace(/(\.\w+):\d+/g, '$1').replace(/( and \d+ more)/g, ''));

const fingerprint = (text: string): string => createHash('sha256').update(withoutLines(text)).digest('hex').slice(0, 16);
