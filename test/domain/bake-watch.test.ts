import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type BakeWatch, bakeVerdict, explainBake, observeBake, openBakeWatch } from '../../src/domain/bake-watch.ts';
import type { Counts } from '../../src/domain/gate.ts';

const spec = { alpha: 0.005, beta: 0.05, p0Floor: 0.01, p1Floor: 0.2 };
const open = (baseline: Counts = { requests: 1000, errors: 5 }): BakeWatch => openBakeWatch({ spec, baseline });
const after = (batches: readonly Counts[], watch = open()): BakeWatch => batches.reduce(observeBake, watch);
const each = (times: number, batch: Counts): Counts[] => Array.from({ length: times }, () => batch);
const good: Counts = { requests: 1, errors: 0 };
const bad: Counts = { requests: 1, errors: 1 };

const batches = fc.array(
  fc.nat(30).chain((requests) => fc.record({ requests: fc.constant(requests), errors: fc.nat(requests) })),
  { maxLength: 30 },
);

describe('the error watch of a bake', () => {
  it.each([0, 5, 50, 100])('stops a dead release within 3 requests when %i of the last 1000 failed before', (errors) => {
    expect(bakeVerdict(after(each(3, bad), open({ requests: 1000, errors }))).kind).toBe('fail');
  });

  it('stops a release that dies after a thousand good requests within 5', () => {
    const lived = after(each(1000, good));
    expect(bakeVerdict(lived)).toEqual({ kind: 'ok' });
    expect(bakeVerdict(after(each(5, bad), lived))).toEqual({
      kind: 'fail',
      reason: expect.stringMatching(/^[45] of the last [45] requests failed \(100 %\), normal is at most 1 %$/) as string,
    });
  });

  it('says in numbers what failed, and what is normal', () => {
    expect(bakeVerdict(after([{ requests: 41, errors: 7 }]))).toEqual({
      kind: 'fail',
      reason: '7 of 41 requests failed (17 %), normal is at most 1 %',
    });
  });

  it('stops a regression to 3 % and names its share', () => {
    const slow = after(each(30, { requests: 100, errors: 3 }));
    expect(bakeVerdict(slow)).toMatchObject({
      kind: 'fail',
      reason: expect.stringContaining('(3 %), normal is at most 1 %') as string,
    });
  });

  it('lets a release pass that fails as often as is normal, however long', () => {
    expect(bakeVerdict(after(each(10_000, { requests: 100, errors: 1 })))).toEqual({ kind: 'ok' });
  });

  it('knows what was normal before: 8 % is no news where 8 % was normal', () => {
    const batch = { requests: 50, errors: 4 };
    expect(bakeVerdict(after(each(20, batch), open({ requests: 1000, errors: 80 })))).toEqual({ kind: 'ok' });
    expect(bakeVerdict(after(each(20, batch))).kind).toBe('fail');
  });

  it('blames nobody without traffic, on a single failure, or when the old release failed every request too', () => {
    expect(bakeVerdict(after([{ requests: 0, errors: 0 }]))).toEqual({ kind: 'ok' });
    expect(bakeVerdict(after([bad]))).toEqual({ kind: 'ok' });
    expect(bakeVerdict(after(each(100, bad), open({ requests: 20, errors: 20 })))).toEqual({ kind: 'ok' });
  });

  it('keeps its verdict, and can be stored as JSON at any time', () => {
    fc.assert(
      fc.property(batches, batches, (first, then) => {
        const watch = after(first);
        expect(JSON.parse(JSON.stringify(watch))).toEqual(watch);
        if (bakeVerdict(watch).kind === 'fail') expect(after(then, watch)).toEqual(watch);
      }),
    );
  });

  it('does not care in which order the requests of one batch failed, nor about empty batches', () => {
    fc.assert(
      fc.property(batches, (seen) => {
        const empty = { requests: 0, errors: 0 };
        expect(after(seen.flatMap((b) => [empty, b, empty]))).toEqual(after(seen));
      }),
    );
  });

  it('never acquits because more of the same requests failed', () => {
    fc.assert(
      fc.property(batches, fc.nat(29), (seen, at) => {
        const target = seen[at];
        fc.pre(target !== undefined && target.errors < target.requests);
        fc.pre(bakeVerdict(after(seen)).kind === 'fail');
        const worse = seen.map((b, i) => (i === at ? { ...b, errors: b.errors + 1 } : b));
        expect(bakeVerdict(after(worse)).kind).toBe('fail');
      }),
    );
  });

  it.each([1, 3])(
    'gathers evidence that averages exactly 1 while all is normal, which is what bounds the false alarm (looks of %i)',
    (size) => {
      const careless = openBakeWatch({ spec: { ...spec, alpha: 1e-30 }, baseline: { requests: 10, errors: 1 } });
      const average = (watch: BakeWatch, looks: number): number => {
        if (looks === 0) return explainBake(watch).evidence;
        let sum = 0;
        for (let errors = 0; errors <= size; errors += 1) {
          const ways = [1, size, (size * (size - 1)) / 2, 1][errors] ?? 0;
          const chance = ways * 0.1 ** errors * 0.9 ** (size - errors);
          sum += chance * average(observeBake(watch, { requests: size, errors }), looks - 1);
        }
        return sum;
      };
      expect(average(careless, 0)).toBe(1);
      expect(average(careless, 5)).toBeCloseTo(1, 9);
    },
  );

  it('shows what its verdict rests on', () => {
    const watch = after([{ requests: 41, errors: 7 }]);
    expect(explainBake(watch)).toMatchObject({ p0: 0.01, alpha: 0.005, requests: 41, errors: 7, failAt: 200 });
    expect(explainBake(watch).evidence).toBeGreaterThan(200);
    expect(explainBake(after(each(50, good))).evidence).toBeLessThan(1);
    expect(explainBake(after([{ requests: 5000, errors: 5000 }])).evidence).toBe(1e15);
  });

  it('takes counts that cannot be for our own fault and goes on', () => {
    const before = after(each(10, good));
    expect(after([{ requests: 1, errors: 2 }], before)).toEqual(before);
    expect(() => open({ requests: 0.5, errors: 0 })).toThrow(RangeError);
  });
});
