/** A text with its variables replaced as Compose does where none of them is set. */
export interface Interpolated {
  readonly text: string;
  /** Variables without a default: their value is nowhere in the repository. */
  readonly unknown: readonly string[];
  /** All variables that were named. */
  readonly named: readonly string[];
}

const deepest = 10;

/**
 * `$NAME`, `${NAME}`, `${NAME:-default}`, `${NAME-default}`, `${NAME:?error}`, `${NAME:+other}`, `$$`; defaults may hold variables
 * themselves. What is not known becomes nothing.
 */
export function interpolate(text: string, depth = 0): Interpolated {
  const unknown: string[] = [];
  const named: string[] = [];
  let out = '';
  for (let at = 0; at < text.length; at += 1) {
    const char = text[at] ?? '';
    if (char !== '$') {
      out += char;
      continue;
    }
    if (text[at + 1] === '$') {
      out += '$';
      at += 1;
      continue;
    }
    const braced = text[at + 1] === '{';
    const name = /^[A-Za-z_]\w*/.exec(text.slice(at + (braced ? 2 : 1)))?.[0];
    if (name === undefined) {
      out += char;
      continue;
    }
    named.push(name);
    if (!braced) {
      unknown.push(name);
      at += name.length;
      continue;
    }
    const start = at + 2 + name.length;
    const end = closing(text, start);
    if (end === -1) return { text: out + text.slice(at), unknown, named };
    const [, operator = '', rest = ''] = /^(:?[-?+])([\s\S]*)$/.exec(text.slice(start, end)) ?? [];
    if (operator.endsWith('-')) {
      const preset = depth < deepest ? interpolate(rest, depth + 1) : { text: rest, unknown: [], named: [] };
      out += preset.text;
      unknown.push(...preset.unknown);
      named.push(...preset.named);
    } else if (!operator.endsWith('+')) unknown.push(name);
    at = end;
  }
  return { text: out, unknown, named };
}

/** Where the brace that is open before `from` closes; -1: nowhere. */
function closing(text: string, from: number): number {
  let depth = 1;
  for (let at = from; at < text.length; at += 1) {
    if (text[at] === '$' && text[at + 1] === '{') depth += 1;
    else if (text[at] === '}') {
      depth -= 1;
      if (depth === 0) return at;
    }
  }
  return -1;
}
