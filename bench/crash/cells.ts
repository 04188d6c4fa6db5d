import type { Replacement } from '../kit/repository.ts';
import type { Decision } from './decisions.ts';

/** What a person does on the way to the moment. */
export interface Prod {
  readonly when: (decision: Decision) => boolean;
  readonly verb: 'pause' | 'promote' | 'abort';
  /** How long after that, ms; default: at once. */
  readonly afterMs?: number;
}

/** A moment in the life of a rollout at which the control plane is killed. */
export interface Cell {
  readonly name: string;
  /** `rollback`: a deploy goes live, then its rollback by hand is the rollout that is watched. Default `deploy`. */
  readonly kind?: Decision['kind'];
  /** Changes of the app's settings. */
  readonly yaml?: readonly Replacement[];
  readonly prods?: readonly Prod[];
  readonly matches: (decision: Decision) => boolean;
  /** What a person tells it after the restart. */
  readonly afterwards?: Prod['verb'];
  /** How the rollout has to end. */
  readonly ends: 'succeeded' | 'rolled-back';
}

const strategy = 'type: blue-green, bake: 2s';
/**
 * Of both services: streams hold a drain up to its end, and nothing is learnt from waiting. The app's slowest answers take 1.2 s, and a
 * drain that is shorter than them ends them, as it should.
 */
const drain: Replacement = ['drain: 5s', 'drain: 2s'];
const baked = (instead: string): readonly Replacement[] => [drain, drain, [strategy, instead]];
const blueGreen = baked('type: blue-green, bake: 500ms');
/** Some 15 requests a second: time enough to be paused before the gate has its verdict. */
const canary = baked("type: canary, steps: ['5%'], bake: 500ms");
/** Long enough to be told to go back. */
const warm = baked('type: blue-green, bake: 60s');
const cold = baked('type: blue-green, bake: 60s, warm: false');

const waitsFor = (effect: string) => (decision: Decision) => decision.outstanding.includes(effect);
const isIn = (phase: string) => (decision: Decision) => decision.phase === phase;
const betweenSteps = (decision: Decision): boolean => decision.phase === 'shifting' && decision.step === 0 && decision.stepServed;

const goesOn = (name: string, matches: Cell['matches'], more: Partial<Cell> = {}): Cell => ({
  name,
  matches,
  yaml: blueGreen,
  ends: 'succeeded',
  ...more,
});
const goesBack = (name: string, matches: Cell['matches'], more: Partial<Cell> = {}): Cell => ({
  name,
  matches,
  yaml: warm,
  prods: [{ when: isIn('baking'), verb: 'abort' }],
  ends: 'rolled-back',
  ...more,
});
const paused: Prod = { when: betweenSteps, verb: 'pause' };

/** Every phase of a rollout, and every effect between its commit and its result; by itself and by hand. */
export const cells: readonly Cell[] = [
  ...['queued', 'preparing', 'starting', 'verifying', 'shifting', 'baking'].map((phase) => goesOn(phase, isIn(phase))),
  goesOn('shifting, between two steps', betweenSteps, { yaml: canary }),
  goesOn('held by hand', isIn('held'), { yaml: canary, prods: [paused], afterwards: 'promote' }),
  goesBack('rolling-back', isIn('rolling-back')),
  goesOn('succeeded, draining', isIn('succeeded')),
  ...['build', 'release-command', 'smoke-candidate'].map((effect) => goesOn(`commit -> ${effect}`, waitsFor(effect))),
  goesOn('commit -> publish', waitsFor('publish')),
  goesOn('commit -> publish, promoted by hand', (decision) => decision.step === 1 && waitsFor('publish')(decision), {
    yaml: canary,
    prods: [paused, { when: isIn('held'), verb: 'promote' }],
  }),
  goesOn('commit -> publish, rolled back by hand', waitsFor('publish'), { kind: 'rollback', yaml: warm }),
  goesBack('commit -> publish, back', (decision) => decision.phase === 'rolling-back' && waitsFor('publish')(decision)),
  goesOn('commit -> smoke-route', waitsFor('smoke-route')),
  // The old release has gone by the time it is needed again.
  goesBack('commit -> warm-up', waitsFor('warm-up'), {
    yaml: cold,
    prods: [{ when: isIn('baking'), verb: 'abort', afterMs: 1500 }],
  }),
];
