import type { Coverage } from '../../domain/coverage.ts';
import { openLinesHit } from './lines-hit.ts';
import { linesOf, openPace, textOf, unreadable } from './text.ts';

const form = 'LCOV';

/**
 * The tracefiles of LCOV, c8, Istanbul, Vitest and `node --test`. Counts come from the lines themselves; LF and LH count only
 * where a record lists no line. @throws REPORT_UNREADABLE with the line, REPORT_TOO_LARGE
 */
export async function readLcov(bytes: Uint8Array): Promise<Coverage> {
  const pace = openPace();
  const hits = openLinesHit(form);
  let file: string | undefined;
  let listed = false;
  let records = 0;
  let found: number | undefined;
  let hit: number | undefined;
  let last = 0;
  for (const [raw, place] of linesOf(textOf(form, bytes))) {
    await pace();
    last = place;
    const line = raw.trim();
    if (line === '' || line.startsWith('#')) continue;
    if (line === 'end_of_record') {
      if (file === undefined) throw unreadable(form, place, 'a record ends that has not begun');
      if (!listed && found !== undefined && hit !== undefined) {
        if (hit > found) throw unreadable(form, place, `${hit} of ${found} lines are more than all`);
        hits.totals(file, { covered: hit, total: found }, place);
      }
      file = undefined;
      continue;
    }
    const [, key = '', value = ''] = /^([A-Z]{2,5}):(.*)$/.exec(line) ?? [];
    if (key === '') throw unreadable(form, place, 'it is no line of a tracefile');
    if (key === 'SF') {
      if (file !== undefined) throw unreadable(form, place, `the record of ${short(file)} has not ended`);
      if (value === '') throw unreadable(form, place, 'a record names no file');
      file = value;
      listed = false;
      found = undefined;
      hit = undefined;
      records += 1;
    } else if (key === 'DA' || key === 'BRDA' || key === 'LF' || key === 'LH') {
      if (file === undefined) throw unreadable(form, place, `${key} stands outside a record`);
      if (key === 'DA') {
        const [, number, times] = /^(\d{1,9}),(-?\d{1,18})(?:,.*)?$/.exec(value) ?? [];
        if (number === undefined) throw unreadable(form, place, 'DA needs a line and how often it ran');
        hits.line(file, { number: Number(number), hit: Number(times) > 0 }, place);
        listed = true;
      } else if (key === 'BRDA') {
        const [, branch, times] = /^(\d{1,9},[^,]{1,40},.{1,200}),(-|\d{1,18})$/.exec(value) ?? [];
        if (branch === undefined) throw unreadable(form, place, 'BRDA needs a line, a block, a branch and how often it ran');
        hits.branch(file, { key: branch, share: { covered: Number(times) > 0 ? 1 : 0, total: 1 } }, place);
      } else if (!/^\d{1,9}$/.test(value)) throw unreadable(form, place, `${key} needs a number`);
      else if (key === 'LF') found = Number(value);
      else hit = Number(value);
    }
  }
  if (file !== undefined) throw unreadable(form, last, `it ends within the record of ${short(file)}; it may have been cut off`);
  if (records === 0) throw unreadable(form, 0, 'it has no record of a file');
  return hits.coverage();
}

const short = (file: string): string => (file.length > 200 ? `${file.slice(0, 200)}…` : file);
