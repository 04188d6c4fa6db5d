import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { attemptsExhausted, isHealthy, newHealth, nextProbeAfter, observeProbe, whyNotHealthy } from '../../src/domain/health.ts';
import type { HealthSpec } from '../../src/domain/spec.ts';
import { instant, millis } from '../../src/domain/values.ts';

const spec: HealthSpec = {
  type: 'http',
  path: '/health',
  interval: millis(1000),
  timeout: millis(2000),
  healthyAfter: 2,
  unhealthyAfter: 3,
  deadline: millis(60_000),
  upFor: millis(5000),
};
const worker: HealthSpec = { ...spec, type: 'up' };

/** Feeds `+` (success) and `-` (failure), one a second. */
function probed(results: string, options: { spec?: HealthSpec; from?: ReturnType<typeof newHealth> } = {}) {
  let state = options.from ?? newHealth();
  const changes: string[] = [];
  for (const [i, sign] of results.split('').entries()) {
    const result = { ok: sign === '+', detail: sign === '+' ? 'GET /health answered 200' : 'GET /health answered 503' };
    const next = observeProbe(state, options.spec ?? spec, result, instant(i * 1000));
    state = next.state;
    changes.push(next.changed ?? '');
  }
  return { state, changes };
}

describe('the health of an instance', () => {
  it('is not healthy while there is no result yet', () => {
    expect(isHealthy(newHealth())).toBe(false);
    expect(whyNotHealthy(newHealth())).toBe('no probe has been answered yet');
  });

  it('needs consecutive successes; a flap resets', () => {
    expect(probed('++').changes).toEqual(['', 'became-healthy']);
    expect(probed('+-+-+-').changes).toEqual(['', '', '', '', '', '']);
    expect(probed('+-++').changes).toEqual(['', '', '', 'became-healthy']);
  });

  it('falls only after consecutive failures; a success between resets', () => {
    expect(probed('++--+--').changes).toEqual(['', 'became-healthy', '', '', '', '', '']);
    expect(probed('++---').changes.at(-1)).toBe('became-unhealthy');
    expect(probed('++---+-++').changes.at(-1)).toBe('became-healthy');
  });

  it('keeps the reason for people: the failure and how often in a row', () => {
    expect(whyNotHealthy(probed('--').state)).toBe('GET /health answered 503, 2 times in a row');
    expect(whyNotHealthy(probed('-').state)).toBe('GET /health answered 503');
    expect(whyNotHealthy(probed('-+').state)).toBe('not healthy for long enough since: GET /health answered 503');
    expect(whyNotHealthy(probed('++').state)).toBeNull();
    expect(probed('-+').state).toMatchObject({ detail: 'GET /health answered 200', lastFailure: 'GET /health answered 503' });
  });

  it('knows when attempts are exhausted, for one that starts, not for one that has been healthy', () => {
    expect(attemptsExhausted(probed('----').state, 5)).toBe(false);
    expect(attemptsExhausted(probed('-----').state, 5)).toBe(true);
    expect(attemptsExhausted(probed('---+-').state, 5)).toBe(false);
    expect(attemptsExhausted(probed('++-----').state, 5)).toBe(false);
  });

  it('counts a worker as healthy once it has stayed up long enough, and as down at its first absence', () => {
    expect(probed('+++++', { spec: worker }).state.status).toBe('starting');
    expect(probed('++++++', { spec: worker }).changes.at(-1)).toBe('became-healthy');
    expect(probed('+++-++++', { spec: worker }).state.status).toBe('starting');
    expect(probed('++++++-', { spec: worker }).changes.at(-1)).toBe('became-unhealthy');
  });

  it('probes quickly while starting, at the interval when steady, and again soon after a first failure', () => {
    expect(nextProbeAfter(newHealth(), spec)).toBe(100);
    expect(nextProbeAfter(probed('-').state, spec)).toBe(100);
    expect(nextProbeAfter(probed('++').state, spec)).toBe(1000);
    expect(nextProbeAfter(probed('++-').state, spec)).toBe(200);
    expect(nextProbeAfter(probed('++---').state, spec)).toBe(1000);
    expect(nextProbeAfter(probed('++---+').state, spec)).toBe(200);
    expect(nextProbeAfter(probed('++-').state, { ...spec, interval: millis(50) })).toBe(50);
  });

  it('is healthy exactly when the latest run of results says so', () => {
    fc.assert(
      fc.property(
        fc.array(fc.boolean(), { maxLength: 40 }),
        fc.integer({ min: 1, max: 4 }),
        fc.integer({ min: 1, max: 4 }),
        (oks, up, down) => {
          const some = { ...spec, healthyAfter: up, unhealthyAfter: down };
          const signs = oks.map((ok) => (ok ? '+' : '-')).join('');
          const { state, changes } = probed(signs, { spec: some });
          const lastRise = signs.lastIndexOf('+'.repeat(up));
          const lastFall = signs.lastIndexOf('-'.repeat(down));
          const risen = signs.indexOf('+'.repeat(up)) >= 0;
          expect(state.status === 'starting').toBe(!risen);
          expect(isHealthy(state)).toBe(risen && lastRise > lastFall);
          const told = changes.filter((c) => c !== '');
          expect(told).toEqual(told.map((_, i) => (i % 2 === 0 ? 'became-healthy' : 'became-unhealthy')));
          expect(JSON.parse(JSON.stringify(state))).toEqual(state);
        },
      ),
    );
  });
});
