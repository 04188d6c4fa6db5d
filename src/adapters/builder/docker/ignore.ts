/** Which paths of a context are left out: the rules of .dockerignore, of which the last that matches decides. */
export interface Ignore {
  excludes(path: string): boolean;
  /** Nothing below an excluded folder can come back, so that it need not be looked through. */
  readonly final: boolean;
}

interface Rule {
  readonly steps: readonly Step[];
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
    if (glob === null || glob === '') continue;
    try {
      rules.push({ steps: stepsOf(glob), again });
    } catch (cause) {
      throw new Error(`.dockerignore line ${index + 1}: ${JSON.stringify(written)} is no pattern`, { cause });
    }
  }
  return {
    final: rules.every((rule) => !rule.again),
    excludes: (path) => rules.findLast(({ steps }) => fits(steps, path))?.again === false,
  };
}

/** One spelling: no leading or trailing slash, no `.` segments; null when it leads out and can match nothing. */
function clean(glob: string): string | null {
  const parts: string[] = [];
  for (const part of glob.split('/')) {
    if (part === '' || part === '.') continue;
    if (part !== '..') parts.push(part);
    else if (parts.pop() === undefined && !glob.startsWith('/')) return null;
  }
  return parts.join('/');
}

/**
 * What a pattern asks of a path: `one` character; `name`, any number of them within a name; `all` that is left; `folders`, any number of
 * them, of which `inside` is the middle.
 */
type Step = { readonly one: (char: string) => boolean } | 'name' | 'all' | 'folders' | 'inside';

/** `**` any number of folders, `*` and `?` within a name, `[a-z]` a class, a backslash takes the next character as it is. */
function stepsOf(glob: string): Step[] {
  const steps: Step[] = [];
  const chars = Array.from(glob);
  for (let at = 0; at < chars.length; at += 1) {
    const char = chars[at] ?? '';
    if (char === '*' && chars[at + 1] === '*') {
      at += chars[at + 2] === '/' ? 2 : 1;
      if (at + 1 >= chars.length) steps.push('all');
      else if (steps.at(-1) !== 'inside') steps.push('folders', 'inside');
    } else if (char === '*') steps.push('name');
    else if (char === '?') steps.push({ one: (other) => other !== '/' });
    else if (char === '[') {
      const end = chars.indexOf(']', at + 2);
      if (end === -1) throw new Error('a class without its end');
      const none = /[!^]/.test(chars[at + 1] ?? '');
      const inner = chars.slice(at + (none ? 2 : 1), end).join('');
      const found = new RegExp(`^[${none ? '^' : ''}${inner.replace(/[\\[\]^]/g, '\\$&')}]$`, 'su');
      steps.push({ one: (other) => found.test(other) });
      at = end;
    } else {
      if (char === '\\') at += 1;
      const same = chars[at] ?? '\\';
      steps.push({ one: (other) => other === same });
    }
  }
  return steps;
}

/** Whether the path or a folder above it is meant. In one pass over all that may be: a pattern cannot be written to take for ever. */
function fits(steps: readonly Step[], path: string): boolean {
  let states = reached(steps, [0]);
  for (const char of path) {
    if (char === '/' && states.has(steps.length)) return true;
    const next: number[] = [];
    for (const state of states) {
      const step = steps[state];
      if (step === 'all' || step === 'inside' || (step === 'name' && char !== '/')) next.push(state);
      if ((step === 'inside' && char === '/') || (typeof step === 'object' && step.one(char))) next.push(state + 1);
    }
    states = reached(steps, next);
    if (states.size === 0) return false;
  }
  return states.has(steps.length);
}

/** With what may be skipped. */
function reached(steps: readonly Step[], from: readonly number[]): ReadonlySet<number> {
  const states = new Set(from);
  for (const state of states) {
    const step = steps[state];
    if (step === 'all' || step === 'name' || step === 'folders') states.add(state + 1);
    if (step === 'folders') states.add(state + 2);
  }
  return states;
}
