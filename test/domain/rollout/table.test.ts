import { describe, expect, it } from 'vitest';
import { SignalboxError } from '../../../src/domain/errors.ts';
import type { RolloutEvent, RolloutEventType } from '../../../src/domain/rollout/events.ts';
import { moves } from '../../../src/domain/rollout/moves.ts';
import { isTerminal, type Phase, phases, type Rollout } from '../../../src/domain/rollout/state.ts';
import { transition } from '../../../src/domain/rollout/transition.ts';
import { instant, type RolloutId, type WorkloadId } from '../../../src/domain/values.ts';
import { sketchRelease, World } from './world.ts';

const reason = { code: 'SMOKE_FAILED', message: 'GET / answered 500' };
const workload = 'shop-production-web-1' as WorkloadId;

const samples: { readonly [Type in RolloutEventType]: Extract<RolloutEvent, { type: Type }> } = {
  started: { type: 'started', wall: 0 as never, ready: false, counts: {} },
  built: { type: 'built', effect: 'x' },
  'build-failed': { type: 'build-failed', effect: 'x', reason },
  'accessories-ready': { type: 'accessories-ready', effect: 'x' },
  'accessories-failed': { type: 'accessories-failed', effect: 'x', reason },
  'command-done': { type: 'command-done', effect: 'x' },
  'command-failed': { type: 'command-failed', effect: 'x', reason },
  'command-lost': { type: 'command-lost', effect: 'x', reason },
  'instance-started': { type: 'instance-started', workload },
  healthy: { type: 'healthy', workload },
  unhealthy: { type: 'unhealthy', workload, reason },
  broken: { type: 'broken', workload, reason },
  'smoke-passed': { type: 'smoke-passed', effect: 'x' },
  'smoke-failed': { type: 'smoke-failed', effect: 'x', reason },
  cleared: { type: 'cleared', from: null, fallback: null, baseline: { requests: 0, errors: 0 } },
  published: { type: 'published', effect: 'x', wall: 0 as never },
  'warmed-up': { type: 'warmed-up', effect: 'x' },
  traffic: { type: 'traffic', counts: {}, observing: true },
  tick: { type: 'tick' },
  promoted: { type: 'promoted' },
  aborted: { type: 'aborted' },
  paused: { type: 'paused' },
  resumed: { type: 'resumed' },
  superseded: { type: 'superseded', by: 'r9' as RolloutId },
};

function inPhase(phase: Phase): Rollout {
  const world = new World();
  const sketch = {
    strategy: 'blue-green' as const,
    warm: true,
    smoke: true,
    services: [{ name: 'web', kind: 'web' as const, version: 1, replicas: 1 }],
  };
  const queued = world.request('deploy', sketchRelease(1, sketch));
  return { ...queued, phase, ...(phase === 'held' ? { heldIn: 'starting', reason } : {}) };
}

describe('the table of moves', () => {
  for (const phase of phases) {
    for (const type of Object.keys(samples) as RolloutEventType[]) {
      const listed = (moves[phase] as Partial<Record<RolloutEventType, readonly Phase[]>>)[type];
      if (listed) {
        it(`${phase} takes "${type}" and goes only where the table allows`, () => {
          const { rollout } = transition(inPhase(phase), samples[type], instant(10));
          expect([phase, ...listed]).toContain(rollout.phase);
        });
      } else {
        const code = isTerminal(phase) ? 'NO_ACTIVE_ROLLOUT' : 'ILLEGAL_TRANSITION';
        it(`${phase} refuses "${type}" with ${code}`, () => {
          const attempt = (): unknown => transition(inPhase(phase), samples[type], instant(10));
          expect(attempt).toThrow(SignalboxError);
          expect(attempt).toThrow(expect.objectContaining({ code }));
        });
      }
    }
  }
});
