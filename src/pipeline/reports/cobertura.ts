import { coverageOf, type Coverage } from '../../domain/coverage.ts';
import { openLinesHit } from './lines-hit.ts';
import { openPace, textOf, unreadable } from './text.ts';
import { readXml } from './xml.ts';

const form = 'Cobertura';

/**
 * The XML that Cobertura, coverage.py, Istanbul, coverlet, gcovr and others write. Counts come from the lines; a report that lists
 * none is taken at its totals, and one with nothing but rates is refused: a rate cannot be compared exactly.
 * @throws REPORT_UNREADABLE with the line, REPORT_TOO_LARGE
 */
export async function readCobertura(bytes: Uint8Array): Promise<Coverage> {
  const pace = openPace();
  const hits = openLinesHit(form);
  let root: Readonly<Record<string, string>> | undefined;
  const classes: string[] = [];
  let lines = 0;
  for (const event of readXml(form, textOf(form, bytes))) {
    await pace();
    if (event.type === 'close' && event.name === 'class') classes.pop();
    if (event.type !== 'open') continue;
    const { name, attributes, line: place } = event;
    if (root === undefined) {
      if (name !== 'coverage') throw unreadable(form, place, `its root is <${name}>, and not <coverage>`);
      root = attributes;
    } else if (name === 'class') {
      const file = attributes['filename'] ?? '';
      if (file === '') throw unreadable(form, place, 'a class names no file');
      classes.push(file);
    } else if (name === 'line') {
      const file = classes.at(-1);
      if (file === undefined) throw unreadable(form, place, 'a line stands outside a class');
      const number = whole(attributes['number']);
      const times = whole(attributes['hits']);
      if (number === undefined || times === undefined)
        throw unreadable(form, place, 'a line needs its number and how often it ran');
      lines += 1;
      hits.line(file, { number, hit: times > 0 }, place);
      if (attributes['branch']?.toLowerCase() === 'true') {
        const [, covered, total] = /\((\d{1,9})\/(\d{1,9})\)/.exec(attributes['condition-coverage'] ?? '') ?? [];
        const share = { covered: Number(covered), total: Number(total) };
        if (share.covered > share.total) throw unreadable(form, place, `${covered} of ${total} branches are more than all`);
        if (total !== undefined) hits.branch(file, { key: String(number), share }, place);
      }
    }
  }
  if (lines > 0) return hits.coverage();
  return totals(root ?? {});
}

function totals(root: Readonly<Record<string, string>>): Coverage {
  const share = (covered: string, valid: string): { covered: number; total: number } | undefined => {
    const of = { covered: whole(root[covered]), total: whole(root[valid]) };
    if (of.covered === undefined || of.total === undefined) return undefined;
    if (of.covered > of.total) throw unreadable(form, 0, `${of.covered} of ${of.total} are more than all`);
    return { covered: of.covered, total: of.total };
  };
  const lines = share('lines-covered', 'lines-valid');
  if (lines === undefined) throw unreadable(form, 0, 'it has neither lines nor the totals lines-covered and lines-valid');
  const branches = share('branches-covered', 'branches-valid');
  return { ...coverageOf([]), lines, ...(branches === undefined || branches.total === 0 ? {} : { branches }) };
}

/** Some write hits as 1.0e3 or beyond what a number holds; all that counts is whether there were any. */
function whole(text: string | undefined): number | undefined {
  if (text === undefined || !/^\d{1,20}(?:\.0)?$/.test(text)) return undefined;
  return Number(text);
}
