import { liveRelease, stableRelease } from '../domain/environment-state.ts';
import { SignalboxError } from '../domain/errors.ts';
import { promotedFrom } from '../domain/promotion.ts';
import type { Release } from '../domain/release.ts';
import { environmentKey, releaseId } from '../domain/values.ts';
import type { Builder } from '../ports/builder.ts';
import type { Freezer, Frozen } from '../ports/freezer.ts';
import type { Store } from '../ports/store.ts';
import type { PlacedRequest } from './accept.ts';
import type { PromotionRequest } from './commands.ts';
import { goodOnes, lookBack } from './good-releases.ts';
import type { Plant } from './plant.ts';

export interface PromotionPorts {
  readonly plant: Plant;
  readonly store: Store;
  readonly freezer: Freezer;
  readonly builder: Builder;
}

/**
 * Turns "what staging has tested" into a deploy of the same source, frozen for the target, with the same builds. Asks the repository for
 * nothing: the control plane keeps the sources of its releases.
 * @throws BAD_REQUEST, NOT_FOUND, NO_KEPT_RELEASE, PROMOTION_UNPROVEN, PROMOTION_CHANGED, ARTIFACT_MISSING, and what freezing throws.
 */
export function createPromotion({ plant, store, freezer, builder }: PromotionPorts) {
  /** The release that is meant, if it has proven itself where it comes from. */
  async function tested(request: PromotionRequest): Promise<Release> {
    const { app, from, force } = request;
    const key = environmentKey(app, from);
    const environment = plant.environment(key);
    if (!environment) throw new SignalboxError('NOT_FOUND', `${key} has never been deployed, so there is nothing to promote.`);
    const id = request.release === undefined ? stableRelease(environment) : releaseId(app, from, request.release);
    if (id === null) throw new SignalboxError('NO_KEPT_RELEASE', `${key} has no release with traffic.`);
    const release = await store.release(id);
    if (!release) throw new SignalboxError('NO_KEPT_RELEASE', `v${request.release} of ${key} is not kept (or never was).`);
    if (force) return release;
    if (request.release === undefined) {
      if (environment.proven === id) return release;
      const bakes = liveRelease(environment) === id ? 'is still baking' : 'has not been through its bake';
      throw new SignalboxError('PROMOTION_UNPROVEN', `v${release.number} of ${key} has the traffic there and ${bakes}.`);
    }
    if (environment.proven === id) return release;
    const good = goodOnes(await store.rollouts({ environment: key }, { limit: lookBack }));
    if (good.includes(id)) return release;
    throw new SignalboxError(
      'PROMOTION_UNPROVEN',
      `v${release.number} of ${key} never stood its bake, or was rolled back since.`,
    );
  }

  async function refuseGone(release: Release, target: string): Promise<void> {
    const there = await Promise.all(release.services.map((s) => builder.has(release.app, s.build)));
    const missing = release.services.find((_, index) => !there[index]);
    if (missing)
      throw new SignalboxError(
        'ARTIFACT_MISSING',
        `The build of ${missing.service} that ${release.id} was tested with is no longer kept; a promotion builds nothing.`,
        { hint: `Deploy to ${release.environment} again, test that, and promote it to ${target}.` },
      );
  }

  return async (request: PromotionRequest): Promise<{ readonly request: PlacedRequest; readonly frozen: Frozen }> => {
    const { app, environment, from, strategy, by, forceWindow } = request;
    if (from === environment)
      throw new SignalboxError('BAD_REQUEST', `A promotion goes from one environment to another; both are ${from}.`, {
        hint: 'To serve an earlier release of the same environment again, use `signalbox rollback`.',
      });
    const release = await tested(request);
    const source = { app, environment, sha: release.sha, folder: release.folder ?? '.', folderName: app };
    const given = release.services.flatMap((s) =>
      s.build.given === undefined ? [] : [[s.service, s.build.given.image] as const],
    );
    const frozen = await freezer.freeze(given.length === 0 ? source : { ...source, images: Object.fromEntries(given) });
    const origin = promotedFrom(release, frozen.services);
    await refuseGone(release, environment);
    return {
      frozen,
      request: {
        ...source,
        dirty: release.dirty,
        promotedFrom: origin,
        ...(strategy === undefined ? {} : { strategy }),
        ...(by === undefined ? {} : { by }),
        ...(forceWindow === undefined ? {} : { forceWindow }),
      },
    };
  };
}
