/** One assignment of a file of variables. */
export interface EnvEntry {
  readonly name: string;
  readonly value: string;
  /** Counts from 1. */
  readonly line: number;
  /** Text behind `#` on its last line and in the comment lines right above it. */
  readonly comment: string;
  /** `${NAME}` in the value stands for another variable: not in single quotes. */
  readonly expands: boolean;
}

export interface EnvFile {
  readonly entries: readonly EnvEntry[];
  /** Lines that are neither assignment, comment nor empty. */
  readonly unread: readonly number[];
}

const assignment = /^[ \t]*(?:export[ \t]+)?([A-Za-z_][A-Za-z0-9_.-]*)[ \t]*=[ \t]*/;

/**
 * Reads `.env` as the usual libraries do: `export`, quotes of three kinds (values in quotes may go over several lines), `\n` and `\"`
 * inside double quotes, comments. Nothing is evaluated. Of two assignments to one name the later counts.
 */
export function parseEnvFile(text: string): EnvFile {
  const lines = text.replace(/^\uFEFF/, '').split(/\r\n|\n|\r/);
  const entries = new Map<string, EnvEntry>();
  const unread: number[] = [];
  let above: string[] = [];
  for (let index = 0; index < lines.length; index++) {
    const line = lines[index] ?? '';
    const comment = /^\s*#(.*)$/.exec(line)?.[1];
    if (comment !== undefined) {
      above.push(comment.trim());
      continue;
    }
    const match = assignment.exec(line);
    if (match?.[1] === undefined) {
      if (line.trim() !== '') unread.push(index + 1);
      above = [];
      continue;
    }
    const read = readValue(lines, index, line.slice(match[0].length));
    entries.delete(match[1]);
    entries.set(match[1], {
      name: match[1],
      value: read.value,
      line: index + 1,
      comment: [...above, read.comment].filter((part) => part !== '').join(' '),
      expands: read.expands,
    });
    index += read.extraLines;
    above = [];
  }
  return { entries: [...entries.values()], unread };
}

interface ReadValue {
  readonly value: string;
  readonly comment: string;
  readonly expands: boolean;
  readonly extraLines: number;
}

function readValue(lines: readonly string[], index: number, rest: string): ReadValue {
  const quote = rest[0];
  if (quote === '"' || quote === "'" || quote === '`') {
    const quoted = readQuoted(lines, index, rest, quote);
    if (quoted !== undefined) return quoted;
  }
  const cut = /(?:^|\s)#/.exec(rest);
  const value = cut === null ? rest : rest.slice(0, cut.index);
  const comment = cut === null ? '' : rest.slice(cut.index).trim().slice(1).trim();
  return { value: value.trim(), comment, expands: true, extraLines: 0 };
}

/** Undefined when the quote never ends: then it is a character like any other. */
function readQuoted(lines: readonly string[], index: number, rest: string, quote: string): ReadValue | undefined {
  let text = rest.slice(1);
  for (let extraLines = 0; ; extraLines++) {
    const end = endOf(text, quote);
    if (end !== -1) {
      const inner = text.slice(0, end);
      const comment = /^\s*#(.*)$/.exec(text.slice(end + 1))?.[1]?.trim() ?? '';
      return { value: quote === '"' ? unescaped(inner) : inner, comment, expands: quote !== "'", extraLines };
    }
    const next = lines[index + extraLines + 1];
    if (next === undefined) return undefined;
    text += `\n${next}`;
  }
}

function endOf(text: string, quote: string): number {
  for (let at = 0; at < text.length; at++) {
    if (quote === '"' && text[at] === '\\') at += 1;
    else if (text[at] === quote) return at;
  }
  return -1;
}

const escapes: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t', '"': '"', '\\': '\\' };
const unescaped = (text: string): string => text.replace(/\\([nrt"\\])/g, (_, character: string) => escapes[character] ?? '');

/**
 * Puts the values of known variables in place of `${NAME}` and `${NAME:-default}`, once and never recursively; what is not known
 * stays as it is. `$NAME` without braces is left alone: passwords contain dollar signs.
 */
export const expanded = (entry: EnvEntry, known: Readonly<Record<string, string>>): string =>
  entry.expands
    ? entry.value.replace(/\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}/g, (whole, name: string, preset?: string) => {
        const value = Object.hasOwn(known, name) ? known[name] : undefined;
        return value ?? preset ?? whole;
      })
    : entry.value;
