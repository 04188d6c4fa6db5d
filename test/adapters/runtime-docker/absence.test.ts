import { expect, it } from 'vitest';
import { isEnginesDoing } from '../../../src/adapters/runtime/docker/warden/absence.ts';

/** Its events broke off at 100 s, and it was back at 104 s. */
const absence = { from: 100_000, until: 104_000 };

it('an end that is found when the engine is back is its doing, however long before its last event it came', () => {
  expect(isEnginesDoing(absence, { startedAt: 10_000, finishedAt: 88_000 })).toBe(true);
  expect(isEnginesDoing(absence, { startedAt: 10_000, finishedAt: 103_900 })).toBe(true);
  expect(isEnginesDoing({ from: 100_000, until: Infinity }, { startedAt: 10_000, finishedAt: 99_000 })).toBe(true);
});

it('an end after that is not, nor is one of a life that began after it', () => {
  expect(isEnginesDoing(absence, { startedAt: 10_000, finishedAt: 104_100 })).toBe(false);
  expect(isEnginesDoing(absence, { startedAt: 101_000, finishedAt: 103_000 })).toBe(false);
  expect(isEnginesDoing(absence, { startedAt: 10_000, finishedAt: null })).toBe(false);
  expect(isEnginesDoing(null, { startedAt: 10_000, finishedAt: 20_000 })).toBe(false);
});
