import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { pipelineFault } from '../../../src/domain/pipeline/checks.ts';
import { isRunOver, type Run, type RunStep } from '../../../src/domain/pipeline/run.ts';
import { nextDeploy, ready, type RunEvent, transition } from '../../../src/domain/pipeline/transition.ts';
import type { StepSpec } from '../../../src/domain/pipeline/spec.ts';
import type { BuildRecipe } from '../../../src/domain/release.ts';
import { type EnvironmentName, instant, millis, type RolloutId, type WallTime } from '../../../src/domain/values.ts';

const recipe = { key: 'k', path: '.', inputs: ['.'], env: {} } as unknown as BuildRecipe;
const wall = (n: number): WallTime => n as WallTime;

function aStep(name: string, more: Partial<StepSpec> = {}): RunStep {
  const spec = {
    name,
    run: name,
    service: 'web',
    needs: [],
    env: {},
    timeout: millis(1000),
    retries: 0,
    optional: false,
    ...more,
  } as StepSpec;
  return {
    name,
    needs: spec.needs,
    work: { type: 'command', spec, recipe },
    state: 'waiting',
    tries: 0,
    startedAt: null,
    endedAt: null,
    exitCode: null,
    cached: false,
    reason: null,
  };
}

const aRun = (steps: readonly RunStep[], environments: readonly string[] = ['production']): Run =>
  ({
    id: 'n1',
    app: 'shop',
    sha: 'a'.repeat(40),
    subject: 's',
    ref: 'refs/heads/main',
    folder: '.',
    folderName: 'shop',
    dirty: false,
    cause: { by: 'push', who: 'ada' },
    phase: 'queued',
    steps,
    deploys: environments.map((environment) => ({ environment, rollout: null, state: 'waiting' })),
    reason: null,
    ending: null,
    createdAt: wall(0),
    startedAt: null,
    endedAt: null,
    timeout: millis(60_000),
    deadline: null,
  }) as unknown as Run;

const names = ['a', 'b', 'c', 'd'];
/** Steps that need earlier ones only, so that no circle can be. */
const steps = fc
  .array(fc.record({ needs: fc.subarray(names), retries: fc.nat(2), optional: fc.boolean() }), { maxLength: 4 })
  .map((drawn) =>
    drawn.map(({ needs, ...more }, index) =>
      aStep(names[index] ?? '', { needs: needs.filter((name) => names.indexOf(name) < index), ...more }),
    ),
  );
const reason = { code: 'STEP_FAILED', message: 'red' };
const event: fc.Arbitrary<RunEvent> = fc.oneof(
  { weight: 1, arbitrary: fc.constant<RunEvent>({ type: 'begin', now: instant(5) }) },
  { weight: 6, arbitrary: fc.record({ type: fc.constant('step-began' as const), step: fc.constantFrom(...names) }) },
  {
    weight: 6,
    arbitrary: fc.record({
      type: fc.constant('step-passed' as const),
      step: fc.constantFrom(...names),
      try: fc.integer({ min: 1, max: 3 }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      type: fc.constant('step-failed' as const),
      step: fc.constantFrom(...names),
      try: fc.integer({ min: 1, max: 3 }),
      reason: fc.constant(reason),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      type: fc.constant('step-cancelled' as const),
      step: fc.constantFrom(...names),
      try: fc.integer({ min: 1, max: 3 }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      type: fc.constant('deploy-asked' as const),
      environment: fc.constantFrom<EnvironmentName>('staging' as EnvironmentName, 'production' as EnvironmentName),
      rollout: fc.constant('r1' as RolloutId),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      type: fc.constant('deploy-ended' as const),
      environment: fc.constantFrom<EnvironmentName>('staging' as EnvironmentName, 'production' as EnvironmentName),
      state: fc.constantFrom('live' as const, 'same' as const, 'failed' as const),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom<RunEvent>(
      { type: 'cancel', who: 'ada' },
      { type: 'supersede', by: 'n2' as never },
      { type: 'time-over' },
    ),
  },
);

describe('a run, whatever happens in whatever order', () => {
  const play = (check: (before: Run, event: RunEvent, after: Run) => void): void => {
    fc.assert(
      fc.property(steps, fc.array(event, { maxLength: 60 }), (drawn, events) => {
        let run = aRun(drawn, ['staging', 'production']);
        events.forEach((one, index) => {
          const after = transition(run, one, wall(index));
          check(run, one, after);
          run = after;
        });
      }),
      { numRuns: 2000 },
    );
  };

  it('ships only when every step that is not optional has passed', () =>
    play((_, __, after) => {
      if (!after.deploys.some(({ state }) => state === 'asked')) return;
      for (const step of after.steps)
        expect(
          step.state === 'passed' || (step.state === 'failed' && step.work.type === 'command' && step.work.spec.optional),
        ).toBe(true);
    }));

  it('begins no step before what it needs has passed, and none once it is to end', () =>
    play((before, one, after) => {
      for (const [index, step] of after.steps.entries()) {
        if (step.state !== 'running' || before.steps[index]?.state === 'running') continue;
        expect(before.ending).toBeNull();
        for (const need of step.needs)
          expect(['passed', 'failed']).toContain(before.steps.find(({ name }) => name === need)?.state);
        expect(one.type).toBe('step-began');
      }
    }));

  it('never changes again once it is over, and is over only when nothing runs', () =>
    play((before, _, after) => {
      if (isRunOver(before.phase)) expect(after).toBe(before);
      if (!isRunOver(after.phase)) return;
      expect(after.endedAt).not.toBeNull();
      expect(after.steps.map(({ state }) => state)).not.toContain('running');
      expect(after.steps.map(({ state }) => state)).not.toContain('waiting');
      expect(after.phase === 'succeeded').toBe(
        after.deploys.every(({ state }) => state === 'live' || state === 'same') && after.ending === null,
      );
      if (after.phase !== 'succeeded') expect(after.reason).not.toBeNull();
    }));

  it('asks for the second environment only when the first is live', () =>
    play((_, __, after) => {
      const next = nextDeploy(after);
      if (next?.environment === ('production' as never) && next.state === 'waiting')
        expect(['live', 'same']).toContain(after.deploys[0]?.state);
    }));

  it('ends, whatever its steps do, when each that may begin is begun and answered', () => {
    fc.assert(
      fc.property(steps, fc.infiniteStream(fc.boolean()), (drawn, luck) => {
        let run = transition(aRun(drawn, []), { type: 'begin', now: instant(0) }, wall(0));
        for (let rest = 0; !isRunOver(run.phase); rest += 1) {
          expect(rest).toBeLessThan(100);
          const [step] = ready(run);
          expect(step, `stuck as ${run.phase}`).toBeDefined();
          if (step === undefined) return;
          run = transition(run, { type: 'step-began', step: step.name }, wall(rest));
          const at = { step: step.name, try: step.tries + 1 };
          run = transition(
            run,
            luck.next().value === true ? { type: 'step-passed', ...at } : { type: 'step-failed', ...at, reason },
            wall(rest),
          );
        }
      }),
    );
  });
});

describe('a late answer of an earlier try', () => {
  it('says nothing about the one that runs', () => {
    let run = transition(aRun([aStep('a', { retries: 1 })]), { type: 'begin', now: instant(0) }, wall(0));
    run = transition(run, { type: 'step-began', step: 'a' }, wall(1));
    run = transition(run, { type: 'step-failed', step: 'a', try: 1, reason }, wall(2));
    run = transition(run, { type: 'step-began', step: 'a' }, wall(3));
    expect(transition(run, { type: 'step-passed', step: 'a', try: 1 }, wall(4))).toBe(run);
    expect(transition(run, { type: 'step-passed', step: 'a', try: 2 }, wall(4)).phase).toBe('deploying');
  });
});

describe('a pipeline that could never end', () => {
  const graph = (...steps: readonly (readonly [string, readonly string[]])[]) => steps.map(([name, needs]) => ({ name, needs }));

  it('is told by the step and the way round', () => {
    expect(pipelineFault(graph(['a', []], ['b', ['a']]))).toBeNull();
    expect(pipelineFault(graph(['a', ['x']]))).toEqual({ step: 'a', message: 'a needs x, which is no step' });
    expect(pipelineFault(graph(['a', ['a']]))?.message).toBe('a needs itself, by way of a');
    expect(pipelineFault(graph(['a', ['b']], ['b', ['c']], ['c', ['a']]))?.message).toBe('a needs itself, by way of b, c, a');
  });
});
