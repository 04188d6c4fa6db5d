import { openTally, type Tally, type TestCase, type TestReport } from '../../domain/test-report.ts';
import { type TapLine, understand } from './tap-line.ts';
import { linesOf, openPace, textOf, unreadable } from './text.ts';

const form = 'TAP';
const maxDepth = 100;

/** Points of one level; the deeper ones belong to the point that ends their block. */
interface Level {
  readonly depth: number;
  points: number;
  /** From the plan; undefined while there was none. */
  planned: number | undefined;
  /** Points below that were told as failed or broken. */
  troubles: number;
}

interface Point {
  readonly test: TestCase;
  readonly depth: number;
  /** Its subtests were counted already. */
  readonly isParent: boolean;
  readonly childTroubles: number;
  yaml: Map<string, string> | undefined;
}

/**
 * TAP 13 and 14 with subtests (indented by four, before their point or in braces after it), directives and YAML blocks. Tests are
 * the points without subtests; a point with subtests that fails although they did not counts, too. Todo counts as skipped. A bail
 * out, a plan that is missing or was not kept, and a block that does not end are errors: what was cut off is never green.
 * @throws REPORT_UNREADABLE with the line, REPORT_TOO_LARGE
 */
export async function readTap(bytes: Uint8Array): Promise<TestReport> {
  const pace = openPace();
  const reader = openReader();
  let last = 0;
  for (const [line, number] of linesOf(textOf(form, bytes))) {
    reader.line(line, number);
    last = number;
    await pace();
  }
  return reader.end(last);
}

function openReader(): { line(text: string, number: number): void; end(last: number): TestReport } {
  const tally = openTally();
  let levels: Level[] = [newLevel(0)];
  let point: Point | undefined;
  /** Points in braces that wait for their subtests. */
  const braces: { readonly said: Extract<TapLine, { type: 'point' }>; readonly depth: number }[] = [];
  let block: { readonly indent: number; readonly line: number; readonly entries: Map<string, string>; key: string } | undefined;
  let isTap = false;
  let bailed = false;
  let wholeMs: number | undefined;

  const level = (): Level => levels.at(-1) as Level;
  const settle = (): void => {
    if (point !== undefined) count(tally, point, level());
    point = undefined;
  };
  const goTo = (depth: number, number: number): Level | undefined => {
    if (depth > maxDepth) throw unreadable(form, number, `subtests are nested more than ${maxDepth} deep`);
    settle();
    let child: Level | undefined;
    while (level().depth > depth) {
      child = levels.pop();
      if (child !== undefined) {
        requirePlan(tally, child);
        level().troubles += child.troubles;
      }
    }
    if (level().depth < depth) levels.push(newLevel(depth));
    return child;
  };
  const addPoint = (said: Extract<TapLine, { type: 'point' }>, at: Level, child: Level | undefined): void => {
    at.points += 1;
    point = {
      depth: at.depth,
      isParent: child !== undefined && child.points > 0,
      childTroubles: child?.troubles ?? 0,
      yaml: undefined,
      test: {
        outcome: said.outcome,
        name: said.name,
        ...(said.ms === undefined ? {} : { durationMs: said.ms }),
        message: said.reason,
      },
    };
  };

  return {
    line(text, number) {
      if (block !== undefined) {
        if (text.slice(block.indent).trimEnd() === '...' && text.slice(0, block.indent).trim() === '') block = undefined;
        else readYaml(block, text);
        return;
      }
      const said = understand(text);
      if (said.type === 'yaml' && point !== undefined && said.indent === point.depth * 4 + 2) {
        point.yaml = new Map();
        block = { indent: said.indent, line: number, entries: point.yaml, key: '' };
        return;
      }
      if (said.type === 'version' || said.type === 'plan' || said.type === 'point' || said.type === 'bail') isTap = true;
      if (said.type === 'bail' && !bailed) {
        settle();
        bailed = true;
        tally.add({ outcome: 'error', name: 'Bail out!', message: said.reason });
      } else if (said.type === 'plan') {
        goTo(said.depth, number);
        level().planned = said.tests;
        if (said.tests === 0 && said.depth === 0 && said.skipped) tally.add({ outcome: 'skipped', name: said.reason });
      } else if (said.type === 'point') {
        const child = goTo(said.depth, number);
        if (said.opens) braces.push({ said, depth: said.depth });
        else addPoint(said, level(), child);
      } else if (said.type === 'brace' && braces.at(-1)?.depth === said.depth) {
        const child = goTo(said.depth, number);
        const opened = braces.pop();
        if (opened !== undefined) addPoint(opened.said, level(), child);
      } else if (said.type === 'duration' && said.depth === 0) wholeMs = said.ms;
    },
    end(last) {
      if (!isTap) throw unreadable(form, 0, 'it has neither a version, nor a plan, nor a test');
      if (block !== undefined)
        throw unreadable(form, block.line, 'the block of details that begins here does not end; it may have been cut off');
      if (braces.length > 0 && !bailed) throw unreadable(form, last, 'it ends within a subtest; it may have been cut off');
      settle();
      while (levels.length > 0) {
        const done = levels.pop() as Level;
        if (!bailed) requirePlan(tally, done);
        // Deeper points that no point closes.
        if (levels.length > 0 && !bailed)
          tally.add({ outcome: 'error', name: 'unfinished subtest', message: 'The report ends within a subtest.' });
      }
      levels = [];
      return tally.report(wholeMs);
    },
  };
}

const newLevel = (depth: number): Level => ({ depth, points: 0, planned: undefined, troubles: 0 });

function count(tally: Tally, point: Point, level: Level): void {
  const { test, yaml } = point;
  const troubled = test.outcome === 'failed' || test.outcome === 'error';
  if (point.isParent && (!troubled || point.childTroubles > 0)) return;
  if (troubled) level.troubles += 1;
  const broke =
    troubled && /^(cancelledByParent|hookFailed|uncaughtException|testTimeoutFailure)$/.test(yaml?.get('failureType') ?? '');
  const duration = Number(yaml?.get('duration_ms') ?? Number.NaN);
  const [place] = [yaml?.get('location'), yaml?.get('file'), yaml?.get('at')].filter(
    (value) => value !== undefined && value !== '',
  );
  const message = [yaml?.get('error') ?? yaml?.get('message') ?? test.message ?? '', yaml?.get('stack') ?? ''].filter(
    (part) => part !== '',
  );
  tally.add({
    ...test,
    outcome: broke ? 'error' : test.outcome,
    ...(place === undefined ? {} : { file: place }),
    ...(Number.isFinite(duration) && duration >= 0 ? { durationMs: duration } : {}),
    message: message.join('\n'),
  });
}

/** Levels without a point and without a plan are comments that were indented. */
function requirePlan(tally: Tally, { depth, points, planned }: Level): void {
  if (planned === points || (planned === undefined && points === 0 && depth > 0)) return;
  tally.add({
    outcome: 'error',
    name: depth === 0 ? 'plan' : 'plan of a subtest',
    message:
      planned === undefined
        ? `The report has no plan after ${points} tests; it may have been cut off.`
        : `The plan says ${planned} tests, the report has ${points}.`,
  });
}

const keptValue = 4000;

/** The few entries that are shown: `key: value`, `key: 'value'`, and `key: |-` with the lines below it. */
function readYaml(block: { readonly indent: number; readonly entries: Map<string, string>; key: string }, text: string): void {
  const line = text.slice(block.indent);
  const entry = /^([A-Za-z_]\w{0,40}):(?: (.*))?$/.exec(line);
  if (entry !== null && text.slice(0, block.indent).trim() === '') {
    const [, key = '', value = ''] = entry;
    block.key = /^[|>][-+]?\d?$/.test(value.trim()) ? key : '';
    block.entries.set(key, block.key === '' ? unquoted(value.trim()).slice(0, keptValue) : '');
  } else if (block.key !== '') {
    const before = block.entries.get(block.key) ?? '';
    if (before.length < keptValue) block.entries.set(block.key, `${before}${before === '' ? '' : '\n'}${line.trim()}`);
  }
}

function unquoted(value: string): string {
  if (value.length >= 2 && value.startsWith("'") && value.endsWith("'")) return value.slice(1, -1).replaceAll("''", "'");
  if (value.length >= 2 && value.startsWith('"') && value.endsWith('"'))
    return value.slice(1, -1).replaceAll(/\\(["\\n])/g, (_all, one: string) => (one === 'n' ? '\n' : one));
  return value;
}
