/** Lines of Node that get long-term support, oldest first; the first that fits is taken. */
const nodeLines = [20, 22, 24] as const;
/** Lines of Python in the order in which they are preferred. */
const pythonLines = ['3.12', '3.13', '3.11', '3.10', '3.9'] as const;

/**
 * Major version of Node for a repository: of its .nvmrc, .node-version or .tool-versions, else the oldest line with long-term support
 * that `engines.node` allows. 20 when nothing is said.
 */
export function nodeMajor(given: { readonly pinned: string | undefined; readonly engines: string | undefined }): string {
  const pinned = /^v?(\d{2})(?:\D|$)/.exec(given.pinned?.trim() ?? '')?.[1];
  if (pinned !== undefined) return pinned;
  const named: Readonly<Record<string, string>> = { iron: '20', jod: '22', krypton: '24' };
  const line = /^lts\/(\w+)/.exec(given.pinned?.trim() ?? '')?.[1];
  if (line !== undefined && named[line] !== undefined) return named[line];
  const { engines } = given;
  return String(nodeLines.find((major) => engines === undefined || allows(engines, major)) ?? nodeLines[0]);
}

/** `3.12` of `.python-version` or `runtime.txt`, else the preferred one that `requires-python` allows. */
export function pythonMinor(given: { readonly pinned: string | undefined; readonly requires: string | undefined }): string {
  const pinned = /^(?:python-)?(3\.\d{1,2})/.exec(given.pinned?.trim() ?? '')?.[1];
  if (pinned !== undefined) return pinned;
  const { requires } = given;
  const fits = (minor: number): boolean =>
    (requires ?? '').split(',').every((part) => {
      const [, operator = '', text = ''] = /^\s*(>=|<=|<|>|==|~=|\^|!=)\s*3\.(\d+)/.exec(part) ?? [];
      const bound = Number(text);
      if (operator === '') return true;
      if (operator === '>=' || operator === '~=' || operator === '^') return minor >= bound;
      if (operator === '>') return minor > bound || /3\.\d+\.\d+/.test(part);
      if (operator === '<') return minor < bound;
      if (operator === '<=') return minor <= bound;
      return operator === '==' ? minor === bound : minor !== bound;
    });
  return pythonLines.find((line) => fits(Number(line.slice(2)))) ?? pythonLines[0];
}

/** Whether a range of package.json allows a major version; anything not understood is held to allow it. */
function allows(range: string, major: number): boolean {
  return range.split('||').some((part) =>
    comparators(part).every(({ operator, version, exact }) => {
      if (operator === '>=') return major >= version;
      if (operator === '>') return exact ? major >= version : major > version;
      if (operator === '<=') return major <= version;
      if (operator === '<') return exact ? major <= version : major < version;
      return major === version;
    }),
  );
}

function comparators(part: string): { operator: string; version: number; exact: boolean }[] {
  const [, from, to] = /^\s*v?(\d+)[\w.]*\s+-\s+v?(\d+)[\w.]*\s*$/.exec(part) ?? [];
  if (from !== undefined && to !== undefined)
    return [
      { operator: '>=', version: Number(from), exact: false },
      { operator: '<=', version: Number(to), exact: false },
    ];
  return [...part.matchAll(/(>=|<=|>|<|\^|~|=)?\s*v?(\d+)((?:\.(?:\d+|x|\*))*)/g)].map((match) => ({
    operator: match[1] ?? '=',
    version: Number(match[2]),
    exact: /\.0*[1-9]/.test(match[3] ?? ''),
  }));
}
