/** One line of TAP. `depth` counts indents of four; programs that print something else between the lines are not complained about. */
export type TapLine =
  | { readonly type: 'version' }
  | { readonly type: 'plan'; readonly depth: number; readonly tests: number; readonly skipped: boolean; readonly reason: string }
  | {
      readonly type: 'point';
      readonly depth: number;
      readonly outcome: 'passed' | 'failed' | 'skipped';
      readonly name: string;
      /** Of a directive. */
      readonly reason: string;
      readonly ms: number | undefined;
      /** Its subtests follow in braces. */
      readonly opens: boolean;
    }
  | { readonly type: 'bail'; readonly reason: string }
  | { readonly type: 'yaml'; readonly indent: number }
  | { readonly type: 'brace'; readonly depth: number }
  | { readonly type: 'duration'; readonly depth: number; readonly ms: number }
  | { readonly type: 'other' };

const other: TapLine = { type: 'other' };
const longest = 20_000;

export function understand(raw: string): TapLine {
  const text = raw.length > longest ? raw.slice(0, longest) : raw;
  const indent = text.length - text.trimStart().length;
  const line = text.trim();
  if (line === '---') return { type: 'yaml', indent };
  if (indent % 4 !== 0) return other;
  const depth = indent / 4;
  if (line === '}') return { type: 'brace', depth };
  if (/^TAP version \d+$/i.test(line)) return { type: 'version' };
  const bail = /^Bail out!\s*(.*)$/i.exec(line);
  if (bail !== null) return { type: 'bail', reason: bail[1] ?? '' };
  const plan = /^1\.\.(\d{1,9})(?:\s*#\s*(skip\S*)?\s*(.*))?$/i.exec(line);
  if (plan !== null)
    return { type: 'plan', depth, tests: Number(plan[1]), skipped: plan[2] !== undefined, reason: plan[3] ?? '' };
  const took = /^# duration_ms (\d{1,12}(?:\.\d{1,9})?)$/.exec(line);
  if (took !== null) return { type: 'duration', depth, ms: Number(took[1]) };
  const point = /^(not )?ok\b(?:\s+\d{1,9}\b)?(.*)$/.exec(line);
  return point === null ? other : pointOf({ failed: point[1] !== undefined, rest: point[2] ?? '', depth });
}

function pointOf({ failed, rest, depth }: { failed: boolean; rest: string; depth: number }): TapLine {
  const opens = /\s\{$/.test(rest);
  const text = opens ? rest.slice(0, -2) : rest;
  const mark = directiveAt(text);
  const directive = mark === -1 ? '' : text.slice(mark + 1).trim();
  const known = /^(?:skip(?:ped|ping)?|todo)(?:[:\s]\s*(.*))?$/i.exec(directive);
  const time = /^time=(\d{1,9}(?:\.\d{1,9})?)(ms|s)?$/.exec(directive);
  const described = known === null && time === null ? text : text.slice(0, mark);
  return {
    type: 'point',
    depth,
    outcome: known !== null ? 'skipped' : failed ? 'failed' : 'passed',
    name: described
      .trim()
      .replace(/^- /, '')
      .replaceAll(/\\([#\\])/g, '$1'),
    reason: known?.[1] ?? '',
    ms: time === null ? undefined : Number(time[1]) * (time[2] === 's' ? 1000 : 1),
    opens,
  };
}

/** The first # that no backslash escapes and a space precedes; -1 when there is none. */
function directiveAt(text: string): number {
  for (let at = text.indexOf('#'); at !== -1; at = text.indexOf('#', at + 1)) {
    let slashes = 0;
    while (text[at - 1 - slashes] === '\\') slashes += 1;
    if (slashes % 2 === 0 && (at === 0 || /\s/.test(text[at - 1] ?? ''))) return at;
  }
  return -1;
}
