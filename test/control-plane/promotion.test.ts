import { describe, expect, it } from 'vitest';
import type { PromotionRequest } from '../../src/control-plane/commands.ts';
import { SignalboxError } from '../../src/domain/errors.ts';
import type { EnvironmentName, ReleaseId } from '../../src/domain/values.ts';
import { api, type Installation, install, type Source, web } from './plant-kit.ts';

const staging = 'staging' as EnvironmentName;

/** Deploys to staging; until it is proven unless `until` says otherwise. */
async function stage(box: Installation, source: Source = {}, until = 'succeeded'): Promise<string> {
  const request = box.request(box.commit({ bake: 5000, ...source }), 'shop', 'staging');
  const { rolloutId } = await box.accepted(box.plane.commands.deploy(request));
  if (until === 'succeeded') await box.ends(rolloutId, 'succeeded');
  else await box.reach(rolloutId, until);
  return rolloutId;
}

const promotion = (box: Installation, more: Partial<PromotionRequest> = {}): PromotionRequest => {
  const { app, environment } = box.request('');
  return { app, environment, from: staging, force: false, ...more };
};
const promote = (box: Installation, more: Partial<PromotionRequest> = {}) =>
  box.accepted(box.plane.commands.deployFrom(promotion(box, more)));
const accepted = (box: Installation, rollout: string) =>
  box.home.tables.events.find((e) => e.rollout === rollout && e.type === 'deploy.accepted')?.body;

describe('a promotion', () => {
  it('takes the very builds that were tested: the same keys, and nothing is built', async () => {
    const box = await install();
    await box.live({ services: [web(1), api(1)] });
    await stage(box, { services: [web(2), api(1)] });
    const builtBefore = [...box.workshop.built];
    const { rolloutId, release: id } = await promote(box);
    await box.ends(rolloutId, 'succeeded');
    expect(box.workshop.built).toEqual(builtBefore);
    const [tested, promoted] = ['shop/staging/v1', id].map((one) => box.home.tables.releases.get(one as ReleaseId));
    expect(promoted?.services.map((s) => s.build.key)).toEqual(tested?.services.map((s) => s.build.key));
    expect(promoted?.sha).toBe(tested?.sha);
    const keys = Object.fromEntries((tested?.services ?? []).map((s) => [s.service, s.build.key]));
    expect(promoted?.promotedFrom).toEqual({ environment: 'staging', release: 'shop/staging/v1', keys });
    expect(accepted(box, rolloutId)).toMatchObject({ promotedFrom: { release: 'shop/staging/v1', keys } });
    expect(box.arms()).toBe('v2:10000');
    expect(box.dataPlane.arms('shop/staging')).toBe('v1:10000');
  });

  it('is planned like any deploy, says where its builds come from, and changes nothing by that', async () => {
    const box = await install();
    await stage(box, { services: [web(2)] });
    const before = box.home.tables.releases.size;
    const plan = await box.during(box.plane.commands.planFrom(promotion(box)));
    expect(plan?.operations[0]).toBe('use build of web (web200000000) as shop/staging/v1 was tested with it');
    expect(plan?.promotedFrom?.release).toBe('shop/staging/v1');
    expect(box.home.tables.releases.size).toBe(before);
  });

  it('of a release that still bakes is refused; by force it goes through, and so does the proven one by its name', async () => {
    const box = await install();
    await stage(box, { services: [web(1)] });
    await stage(box, { services: [web(2)], bake: 60_000 }, 'baking');
    await expect(box.during(box.plane.commands.deployFrom(promotion(box)))).rejects.toMatchObject({
      code: 'PROMOTION_UNPROVEN',
      message: expect.stringContaining('v2 of shop/staging has the traffic there and is still baking') as string,
    });
    await expect(promote(box, { release: 2 })).rejects.toMatchObject({ code: 'PROMOTION_UNPROVEN' });
    const first = await promote(box, { release: 1 });
    await box.ends(first.rolloutId, 'succeeded');
    const forced = await promote(box, { force: true });
    await box.ends(forced.rolloutId, 'succeeded');
    expect(box.home.tables.releases.get(forced.release)?.promotedFrom?.release).toBe('shop/staging/v2');
  });

  it('of a release that was rolled back since is refused, even by its name', async () => {
    const box = await install();
    await stage(box, { services: [web(1)] });
    await stage(box, { services: [web(2)] });
    const { app } = box.request('');
    const back = await box.accepted(box.plane.commands.rollback({ app, environment: staging, force: false }));
    await box.ends(back.rolloutId, 'succeeded');
    await expect(promote(box, { release: 2 })).rejects.toMatchObject({ code: 'PROMOTION_UNPROVEN' });
    const { release } = await promote(box);
    expect(box.home.tables.releases.get(release)?.promotedFrom?.release).toBe('shop/staging/v1');
  });

  it('keeps the images made elsewhere that were tested, wherever their tags have moved to', async () => {
    const box = await install();
    const sha = box.commit({ services: [web(2), api(1)] });
    const drawn = box.release(sha);
    const given = { image: 'acme/web@sha256:1' };
    const services = drawn.services.map((s) => (s.service === 'web' ? { ...s, build: { ...s.build, given } } : s));
    box.draw({ ...drawn, services });
    const staged = await box.accepted(box.plane.commands.deploy(box.request(sha, 'shop', 'staging')));
    await box.ends(staged.rolloutId, 'succeeded');
    await promote(box);
    expect(box.drawings.asked.at(-1)).toMatchObject({ environment: 'production', sha, images: { web: given.image } });
  });

  it('is refused when a service would be another build, naming it, and builds nothing', async () => {
    const box = await install();
    await stage(box, { services: [web(2), api(1)] });
    box.drawings.otherBuilds.add('api');
    const builtBefore = [...box.workshop.built];
    await expect(promote(box)).rejects.toMatchObject({
      code: 'PROMOTION_CHANGED',
      message: expect.stringMatching(
        /api would be another build \(the programs that build it have other versions by now\)/,
      ) as string,
    });
    expect(box.home.tables.environments.has('shop/production')).toBe(false);
    expect(box.workshop.built).toEqual(builtBefore);
  });

  it('is refused when what was tested is gone, with the way out, and builds nothing', async () => {
    const box = await install();
    await stage(box, { services: [web(2)] });
    box.workshop.artifacts.clear();
    await expect(promote(box)).rejects.toMatchObject({
      code: 'ARTIFACT_MISSING',
      hint: expect.stringContaining('Deploy to staging again') as string,
    });
    expect(box.active()).toEqual([]);
  });

  it('whose builds vanish after it was accepted fails at its start instead of building them anew', async () => {
    const box = await install();
    await stage(box, { services: [web(2)] });
    const builtBefore = [...box.workshop.built];
    const refusesToStart = new SignalboxError('ARTIFACT_MISSING', 'The build of web is gone.');
    box.runtime.programs.set('shop-production-web-2', { refusesToStart });
    const { rolloutId } = await promote(box);
    box.workshop.artifacts.clear();
    await box.ends(rolloutId, 'failed');
    expect(box.rollout(rolloutId).reason?.code).toBe('ARTIFACT_MISSING');
    expect(box.workshop.built).toEqual(builtBefore);
  });

  it('from an environment to itself, from one that never was, or of a release that is not kept is refused', async () => {
    const box = await install();
    await stage(box);
    await expect(promote(box, { environment: staging })).rejects.toMatchObject({ code: 'BAD_REQUEST' });
    await expect(promote(box, { from: 'nowhere' as EnvironmentName })).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await expect(promote(box, { release: 9 })).rejects.toMatchObject({ code: 'NO_KEPT_RELEASE' });
  });

  it('by two people at once is one rollout each: the newest supersedes, and both are told the truth', async () => {
    const box = await install();
    await box.live({ services: [web(1)] });
    await stage(box, { services: [web(2)] });
    const [one, two] = await Promise.all([
      box.accepted(box.plane.commands.deployFrom(promotion(box, { by: 'Ana on laptop' }))),
      box.accepted(box.plane.commands.deployFrom(promotion(box, { by: 'Ben on desk' }))),
    ]);
    expect(one.rolloutId).not.toBe(two.rolloutId);
    await box.ends(two.rolloutId, 'succeeded');
    expect(box.rollout(one.rolloutId)).toMatchObject({ phase: 'superseded', supersededBy: two.rolloutId });
    expect(box.rollout(one.rolloutId).reason?.message).toContain(two.rolloutId);
    expect([accepted(box, one.rolloutId)?.['by'], accepted(box, two.rolloutId)?.['by']]).toEqual([
      'Ana on laptop',
      'Ben on desk',
    ]);
    expect(box.arms()).toBe('v3:10000');
  });

  it('can be rolled back like any release, and a rollback to it tells of no new promotion', async () => {
    const box = await install();
    await box.live({ services: [web(1)] });
    await stage(box, { services: [web(2)] });
    const { rolloutId } = await promote(box);
    await box.ends(rolloutId, 'succeeded');
    await box.live({ services: [web(3)] });
    const back = await box.rollback();
    expect(accepted(box, back.rolloutId)).toBeUndefined();
    await box.ends(back.rolloutId, 'succeeded');
    expect(box.arms()).toBe('v2:10000');
    expect(box.rollout(back.rolloutId).plan.promotedFrom).toBeUndefined();
  });

  it('survives a control plane that is killed in the middle of it', async () => {
    const box = await install();
    await box.live({ services: [web(1)] });
    await stage(box, { services: [web(2)] });
    const builtBefore = [...box.workshop.built];
    const { rolloutId } = await promote(box);
    await box.reach(rolloutId, 'starting');
    await box.restart();
    await box.ends(rolloutId, 'succeeded');
    expect(box.workshop.built).toEqual(builtBefore);
  });
});
