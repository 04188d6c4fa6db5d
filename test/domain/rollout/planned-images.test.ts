import { expect, test } from 'vitest';
import { describePlan, fullWeight, isAsked, type PlannedBuild, type RolloutPlan } from '../../../src/domain/rollout/plan.ts';
import { type BuildKey, millis, type ReleaseId } from '../../../src/domain/values.ts';

const built = (image: PlannedBuild['image'], cached = false): PlannedBuild => ({
  service: 'web',
  key: '0123456789abcdef' as BuildKey,
  cached,
  ...(image === undefined ? {} : { image }),
});

const lines = (build: PlannedBuild): string | undefined =>
  describePlan({
    kind: 'deploy',
    release: 'shop/production/v1' as ReleaseId,
    from: null,
    builds: [build],
    releaseCommands: [],
    starts: [],
    unchanged: [],
    smoke: [],
    steps: [fullWeight],
    strategy: 'blue-green',
    bake: millis(0),
    warm: true,
    stepTimeout: millis(0),
    onTimeout: 'hold',
    gate: { alpha: 0.005, beta: 0.05, p0Floor: 0.01, p1Floor: 0.2 },
    notes: [],
  } satisfies RolloutPlan).find((line) => line.includes('web'));

test('a plan says from what an image is built, or by which name it is fetched', () => {
  expect(lines(built({ dockerfile: 'web/Dockerfile' }))).toBe('build image of web from web/Dockerfile (0123456789ab)');
  expect(lines(built({ dockerfile: 'web/Dockerfile' }, true))).toBe('use image of web (0123456789ab, kept)');
  expect(lines(built({ name: 'acme/web@sha256:1' }))).toBe('fetch image acme/web@sha256:1 for web');
  expect(lines(built({ name: 'acme/web@sha256:1' }, true))).toBe('use image acme/web@sha256:1 for web');
  expect(lines(built(undefined))).toBe('build web (0123456789ab)');
});

test('a kept image is asked for by a deploy alone: it gets the name of the new commit', () => {
  const kept = built({ dockerfile: 'web/Dockerfile' }, true);
  expect(isAsked({ kind: 'deploy' }, kept)).toBe(true);
  expect(isAsked({ kind: 'rollback' }, kept)).toBe(false);
  expect(isAsked({ kind: 'deploy' }, built(undefined, true))).toBe(false);
  expect(isAsked({ kind: 'deploy' }, built({ name: 'a:1' }, true))).toBe(false);
});

test('a promotion asks for no build, not even for a name for an image or for what is gone meanwhile', () => {
  const promoted = {
    kind: 'deploy',
    promotedFrom: { environment: 'staging' as never, release: 'shop/staging/v1' as never, keys: {} },
  } as const;
  expect(isAsked(promoted, built({ dockerfile: 'web/Dockerfile' }, true))).toBe(false);
  expect(isAsked(promoted, built(undefined))).toBe(false);
});
