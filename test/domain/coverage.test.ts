import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Coverage, coverageOf, judgeCoverage } from '../../src/domain/coverage.ts';

const of = (covered: number, total: number): Coverage => coverageOf([{ file: 'a', lines: { covered, total } }]);

describe('the coverage gate', () => {
  it('does not round up to the bar', () => {
    const verdict = judgeCoverage(of(79_999, 100_000), { minimum: 80 });
    expect(verdict).toMatchObject({ verdict: 'fail', percent: '79.99' });
    expect(verdict.says[0]).toContain('1 more line.');
    expect(judgeCoverage(of(80_000, 100_000), { minimum: 80 }).verdict).toBe('pass');
  });

  it('fails when nothing was measured, and only where there is a bar', () => {
    expect(judgeCoverage(of(0, 0), { minimum: 1 })).toMatchObject({ verdict: 'fail', percent: null });
    expect(judgeCoverage(of(0, 0), {})).toMatchObject({ verdict: 'pass', percent: null, says: [] });
  });

  it('tells a drop that is worth a word, and does not fail for it', () => {
    const verdict = judgeCoverage(of(80, 100), { minimum: 50, toldDrop: 2 }, of(83, 100));
    expect(verdict).toMatchObject({ verdict: 'pass', change: '-3.00' });
    expect(verdict.says).toEqual(['Coverage fell by 3.00 points since the last run, from 83.00 % to 80.00 %.']);
    expect(judgeCoverage(of(81, 100), { toldDrop: 2 }, of(83, 100)).says).toEqual([]);
    expect(judgeCoverage(of(84, 100), {}, of(83, 100))).toMatchObject({ change: '+1.00', says: [] });
  });

  it('refuses counts and bars that mean nothing', () => {
    expect(() => judgeCoverage(of(3, 2), {})).toThrow(RangeError);
    expect(() => judgeCoverage(of(1, 2), { minimum: 101 })).toThrow(RangeError);
    expect(() => judgeCoverage(of(1, 2), { minimum: Number.NaN })).toThrow(RangeError);
  });

  it('passes exactly when the share is at least the bar, and says how many lines are missing', () => {
    const share = fc
      .integer({ min: 1, max: 1_000_000 })
      .chain((total) => fc.tuple(fc.integer({ min: 0, max: total }), fc.constant(total)));
    fc.assert(
      fc.property(share, fc.integer({ min: 0, max: 1000 }), ([covered, total], tenths) => {
        const minimum = tenths / 10;
        const { verdict, says } = judgeCoverage(of(covered, total), { minimum });
        expect(verdict).toBe(covered * 1000 >= tenths * total ? 'pass' : 'fail');
        const missing = Number(/: (\d+) more/.exec(says[0] ?? '')?.[1] ?? 0);
        expect(judgeCoverage(of(covered + missing, total), { minimum }).verdict).toBe('pass');
        if (missing > 0) expect(judgeCoverage(of(covered + missing - 1, total), { minimum }).verdict).toBe('fail');
      }),
    );
  });
});
