import { assert, integer, property } from 'fast-check';
import { expect, test } from 'vitest';
import { formatDuration, parseDuration } from '../../src/config/duration.ts';
import { millis } from '../../src/domain/values.ts';

test('a duration says its unit', () => {
  expect(['30s', '1h30m', '250ms', '5m', '1.5s', '1d', '0s'].map(parseDuration)).toEqual([
    30_000, 5_400_000, 250, 300_000, 1500, 86_400_000, 0,
  ]);
});

test('what has no unit, spaces, signs or the wrong order is no duration', () => {
  for (const text of ['', '30', '5 m', ' 5m', '-5s', '5s1h', '5x', 's', '1e3s', '५s'])
    expect(parseDuration(text), text).toBeUndefined();
});

test('every duration reads back as it was written', () => {
  assert(property(integer({ min: 0, max: 10 ** 12 }), (length) => parseDuration(formatDuration(millis(length))) === length));
});
