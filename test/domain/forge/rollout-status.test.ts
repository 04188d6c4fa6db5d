import { describe, expect, it } from 'vitest';
import { statusOfRollout } from '../../../src/domain/forge/rollout-status.ts';
import { isTerminal, phases } from '../../../src/domain/rollout/state.ts';

const traffic = { served: 7, dropped: 0 };

describe('what is said of a commit', () => {
  it('is pending for as long as its rollout runs, and success only when it stood its watch period', () => {
    const said = Object.fromEntries(
      phases.map((phase) => [phase, statusOfRollout({ phase, reason: null, traffic }, 'v3').state]),
    );
    for (const phase of phases) {
      if (!isTerminal(phase)) expect([phase, said[phase]]).toEqual([phase, 'pending']);
      else expect([phase, said[phase]]).toEqual([phase, phase === 'succeeded' ? 'success' : 'failure']);
    }
  });

  it.each(['held', 'rolling-back', 'rolled-back', 'failed'] as const)('names the reason of one that is %s', (phase) => {
    const reason = { code: 'SMOKE_FAILED', message: '/ answered 500' };
    expect(statusOfRollout({ phase, reason, traffic }, 'v3').description).toMatch(/^v3 .*: \/ answered 500$/);
  });
});
