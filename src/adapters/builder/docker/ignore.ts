/** Which paths of a context are left out: the rules of .dockerignore, of which the last that matches decides. */
export interface Ignore {
  excludes(path: string): boolean;
  /** Nothing below an excluded folder can come back, so that it need not be looked through. */
  readonly final: boolean;
}

interface Rule {
  readonly pattern: RegExp;
  readonly again: boolean;
}

export const nothingIgnored: Ignore = { excludes: () => false, final: true };

/** @throws when a pattern is none, naming its line. */
export function parseIgnore(text: string): Ignore {
  const rules: Rule[] = [];
  for (const [index, line] of text
    .replace(/^\uFEFF/, '')
    .split('\n')
    .entries()) {
    if (line.startsWith('#')) continue;
    const written = line.trim();
    const again = written.startsWith('!');
    const glob = clean(again ? written.slice(1).trim() : written);
    if (glob === '') continue;
    try {
      rules.push({ pattern: toPattern(glob), again });
    } catch (cause) {
      throw new Error(`.dockerignore line ${index + 1}: ${JSON.stringify(written)} is no pattern`, { cause });
    }
  }
  return {
    final: rules.every((rule) => !rule.again),
    excludes: (path) => {
      const parts = path.split('/');
      const chain = parts.map((_, index) => parts.slice(0, index + 1).join('/'));
      return rules.findLast((rule) => chain.some((one) => rule.pattern.test(one)))?.again === false;
    },
  };
}

/** One spelling: no leading or trailing slash, no `.` segments; `..` cannot match anything. */
function clean(glob: string): string {
  const parts: string[] = [];
  for (const part of glob.split('/')) {
    if (part === '' || part === '.') continue;
    if (part === '..') parts.pop();
    else parts.push(part);
  }
  return parts.join('/');
}

/** `**` any number of folders, `*` and `?` within a name, `[a-z]` a class, a backslash takes the next character as it is. */
function toPattern(glob: string): RegExp {
  let source = '';
  for (let at = 0; at < glob.length; at += 1) {
    const char = glob[at] ?? '';
    if (char === '*' && glob[at + 1] === '*') {
      at += 1;
      if (glob[at + 1] === '/') {
        at += 1;
        source += '(?:.*/)?';
      } else source += '.*';
    } else if (char === '*') source += '[^/]*';
    else if (char === '?') source += '[^/]';
    else if (char === '[') {
      const end = glob.indexOf(']', at + 2);
      if (end === -1) throw new Error('a class without its end');
      const inner = glob
        .slice(at + 1, end)
        .replace(/^[!^]/, '')
        .replace(/[\\[\]^]/g, '\\$&');
      source += `[${/^[!^]/.test(glob.slice(at + 1)) ? '^' : ''}${inner}]`;
      at = end;
    } else if (char === '\\') {
      at += 1;
      source += literal(glob[at] ?? '\\');
    } else source += literal(char);
  }
  return new RegExp(`^${source}$`, 'su');
}

const literal = (char: string): string => char.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&');
