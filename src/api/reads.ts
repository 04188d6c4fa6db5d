import { SignalboxError } from '../domain/errors.ts';
import type { Release } from '../domain/release.ts';
import { phases as allPhases, type Phase, type Rollout } from '../domain/rollout/state.ts';
import {
  type AppName,
  type EnvironmentKey,
  type EnvironmentName,
  environmentKey,
  type ReleaseId,
  type RolloutId,
  releaseId,
  type WallTime,
} from '../domain/values.ts';
import type { Page, StoredEvent } from '../ports/store.ts';
import type { ListBody, ReleaseBody, RolloutBody } from './contract.ts';
import type { StoreReads } from './options.ts';
import { presentRelease, stateOfRelease } from './present-release.ts';
import { presentRollout } from './present-rollout.ts';
import type { PhaseMark } from './present-steps.ts';

const wallNow = (): WallTime => Date.now() as WallTime;

/** @throws NOT_FOUND */
export async function readRollout(store: StoreReads, id: RolloutId): Promise<RolloutBody> {
  const rollout = await store.rollout(id);
  if (rollout === null)
    throw new SignalboxError('NOT_FOUND', `There is no rollout ${id}.`, { hint: 'List them with `signalbox rollouts`.' });
  return bodyOf(store, rollout);
}

/** With the length of each step. */
export async function bodyOf(store: StoreReads, rollout: Rollout): Promise<RolloutBody> {
  const [release, environment, events] = await Promise.all([
    store.release(rollout.release),
    store.environment(rollout.environment),
    store.events({ rollout: rollout.id, limit: 500, newest: true }),
  ]);
  return presentRollout({ rollout, release, environment, phases: phaseMarks(events), now: wallNow() });
}

/** `rollout.<phase>` tells that the rollout is in a phase; only entering one is a mark. */
export function phaseMarks(events: readonly StoredEvent[]): readonly PhaseMark[] {
  const marks = events.flatMap((event) => {
    const phase = allPhases.find((name): name is Phase => event.type === `rollout.${name}`);
    return phase === undefined ? [] : [{ phase, at: event.at }];
  });
  return marks.filter((mark, index) => mark.phase !== marks[index - 1]?.phase);
}

/** Without the length of each step. @throws NOT_FOUND for an environment that never was. */
export async function listRollouts(store: StoreReads, key: EnvironmentKey, page: Page): Promise<ListBody<RolloutBody>> {
  const environment = await requireEnvironment(store, key);
  const rows = await store.rollouts({ environment: key }, page);
  const releases = await readReleases(store, new Set(rows.map((row) => row.release)));
  const items = rows.map((rollout) =>
    presentRollout({ rollout, release: releases.get(rollout.release) ?? null, environment, phases: [], now: wallNow() }),
  );
  return paged(items, rows.at(-1)?.id, page);
}

/** @throws NOT_FOUND for an environment that never was. */
export async function listReleases(store: StoreReads, key: EnvironmentKey, page: Page): Promise<ListBody<ReleaseBody>> {
  const environment = await requireEnvironment(store, key);
  const [rows, active] = await Promise.all([
    store.releases(key, page),
    store.rollouts({ environment: key, active: true }, { limit: 50 }),
  ]);
  const items = rows.map((release) => presentRelease(release, stateOfRelease(release.id, environment, active)));
  return paged(items, rows.at(-1)?.id, page);
}

export async function readReleases(store: StoreReads, ids: ReadonlySet<ReleaseId>): Promise<ReadonlyMap<ReleaseId, Release>> {
  const rows = await Promise.all([...ids].map((id) => store.release(id)));
  return new Map(rows.flatMap((release) => (release === null ? [] : [[release.id, release] as const])));
}

/** A release by its short name, `3` or `v3`. */
export const releaseNamed = (app: AppName, environment: EnvironmentName, name: string): ReleaseId =>
  releaseId(app, environment, Number(name.replace(/^v/, '')));

/** @throws NOT_FOUND, naming the nearest thing that there is. */
export async function requireEnvironment(store: StoreReads, key: EnvironmentKey) {
  const environment = await store.environment(key);
  if (environment !== null) return environment;
  const [app = '', name = ''] = key.split('/');
  const others = (await store.environments()).filter((one) => one.app === app).map((one) => one.environment);
  const what =
    others.length === 0
      ? `No app named ${app} was ever deployed here.`
      : `${app} has no environment ${name} here; it has ${others.join(', ')}.`;
  throw new SignalboxError('NOT_FOUND', what);
}

export const keyOf = (app: AppName, environment: EnvironmentName): EnvironmentKey => environmentKey(app, environment);

/** A page that is not full is the last. */
const paged = <Row>(items: readonly Row[], last: string | undefined, page: Page): ListBody<Row> =>
  items.length < page.limit || last === undefined ? { items } : { items, next: last };
