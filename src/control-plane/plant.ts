import { type ReleaseLookup, releasesNeeded } from '../domain/desired.ts';
import type { EnvironmentState } from '../domain/environment-state.ts';
import type { Release } from '../domain/release.ts';
import { isRunOver, type Run } from '../domain/pipeline/run.ts';
import { isTerminal, type Rollout } from '../domain/rollout/state.ts';
import {
  type EnvironmentKey,
  type Epoch,
  type Instant,
  millis,
  type ReleaseId,
  type RolloutId,
  type RunId,
} from '../domain/values.ts';
import type { Clock } from '../ports/clock.ts';
import type { Change, NewEvent, Store } from '../ports/store.ts';

/** What a decision wants written; epoch and time are added when it is committed. */
export type Draft = Omit<Change, 'epoch' | 'at'>;

/**
 * All that is decided and not yet history, as the store has it: environments, unfinished rollouts, the releases they need.
 * The only writer: decisions are made one after another, each on what the one before has left on disk.
 */
export interface Plant {
  readonly epoch: Epoch;
  environments(): readonly EnvironmentState[];
  environment(key: EnvironmentKey): EnvironmentState | undefined;
  /** Unfinished ones, oldest first. */
  rollouts(key?: EnvironmentKey): readonly Rollout[];
  rollout(id: RolloutId): Rollout | undefined;
  /** Unfinished ones, oldest first. */
  runs(): readonly Run[];
  run(id: RunId): Run | undefined;
  /** Time of the newest commit of this control plane: how far the next one's clock is known to have come. */
  recordedAt(): Instant;
  releases(): ReleaseLookup;
  /** Up to `keptAssetRoots` releases before the present ones, newest first. */
  earlier(): ReadonlyMap<EnvironmentKey, readonly Release[]>;
  /**
   * Runs `decide` alone, commits what it returns in one transaction, and then takes it over. Nothing changes when it throws or
   * when the commit is refused.
   */
  decide<Result>(decide: () => Promise<{ readonly draft: Draft | null; readonly result: Result }>): Promise<Result>;
}

export interface PlantPorts {
  readonly store: Store;
  readonly clock: Clock;
  readonly epoch: Epoch;
  readonly keptAssetRoots: number;
  readonly onCommitted: (draft: Draft) => void;
}

/** Longest time that what is on disk may differ from what is known. */
const doubtLasts = millis(1000);
const pageSize = 500;

export async function openPlant({ store, clock, epoch, keptAssetRoots, onCommitted }: PlantPorts): Promise<Plant> {
  const environments = new Map<EnvironmentKey, EnvironmentState>();
  const rollouts = new Map<RolloutId, Rollout>();
  const runs = new Map<RunId, Run>();
  const releases = new Map<ReleaseId, Release>();
  const earlier = new Map<EnvironmentKey, readonly Release[]>();
  /** A commit ended in doubt: what is on disk has to be read again before anything is decided on it. */
  let doubtful = false;
  let recorded = clock.now();
  await readAll();

  async function readAll(): Promise<void> {
    const [kept, active, open] = await Promise.all([store.environments(), allActive(), allRuns()]);
    environments.clear();
    rollouts.clear();
    runs.clear();
    for (const environment of kept) environments.set(environment.key, environment);
    for (const rollout of active) rollouts.set(rollout.id, rollout);
    for (const run of open) runs.set(run.id, run);
    await learnReleases();
    for (const key of environments.keys()) earlier.set(key, await store.releases(key, { limit: keptAssetRoots + 2 }));
    doubtful = false;
  }

  async function allActive(): Promise<readonly Rollout[]> {
    const all: Rollout[] = [];
    for (let page = await nextActive(); ; page = await nextActive(all.at(-1)?.id)) {
      all.push(...page);
      if (page.length < pageSize) return all;
    }
  }

  async function allRuns(): Promise<readonly Run[]> {
    const all: Run[] = [];
    for (;;) {
      const before = all.at(-1)?.id;
      const page = await store.runs({ active: true }, { limit: pageSize, ...(before === undefined ? {} : { before }) });
      all.push(...page);
      if (page.length < pageSize) return all;
    }
  }

  function nextActive(before?: RolloutId): Promise<readonly Rollout[]> {
    return store.rollouts({ active: true }, { limit: pageSize, ...(before === undefined ? {} : { before }) });
  }

  function neededReleases(): ReadonlySet<ReleaseId> {
    const all = [...rollouts.values()];
    const ids = [...environments.values()].flatMap((e) => [
      ...releasesNeeded(
        e,
        all.filter((r) => r.environment === e.key),
      ),
    ]);
    return new Set(ids);
  }

  async function learnReleases(): Promise<void> {
    for (const id of neededReleases()) {
      if (releases.has(id)) continue;
      const release = await store.release(id);
      if (release) releases.set(id, release);
    }
    forgetReleases();
  }

  function forgetReleases(): void {
    const needed = neededReleases();
    for (const id of releases.keys()) if (!needed.has(id)) releases.delete(id);
  }

  /** Read before anything is written, so that a draft is then taken over at one stroke, whatever the store does next. */
  async function learnBefore(draft: Draft): Promise<void> {
    const own = new Map((draft.releases ?? []).map((r) => [r.id, r]));
    const ids = new Set((draft.rollouts ?? []).map((r) => r.release));
    for (const environment of draft.environments ?? [])
      for (const id of releasesNeeded(environment, draft.rollouts ?? [])) ids.add(id);
    for (const id of ids) {
      if (releases.has(id)) continue;
      const release = own.get(id) ?? (await store.release(id));
      if (release) releases.set(id, release);
    }
  }

  let last: Promise<unknown> = Promise.resolve();
  const alone = <Result>(work: () => Promise<Result>): Promise<Result> => {
    const mine = last.then(work, work);
    last = mine.catch(() => undefined);
    return mine;
  };

  function take(draft: Draft): void {
    for (const environment of draft.environments ?? []) environments.set(environment.key, environment);
    for (const release of draft.releases ?? []) {
      releases.set(release.id, release);
      const key = `${release.app}/${release.environment}` as EnvironmentKey;
      earlier.set(key, [release, ...(earlier.get(key) ?? [])].slice(0, keptAssetRoots + 2));
    }
    for (const rollout of draft.rollouts ?? []) {
      if (isTerminal(rollout.phase)) rollouts.delete(rollout.id);
      else rollouts.set(rollout.id, rollout);
    }
    for (const run of draft.runs ?? []) {
      if (isRunOver(run.phase)) runs.delete(run.id);
      else runs.set(run.id, run);
    }
    forgetReleases();
    onCommitted(draft);
  }

  async function readAgain(): Promise<void> {
    await readAll();
    onCommitted({});
  }

  /** Not only when the next decision comes: what was written all the same may be what everybody waits for. */
  function clearDoubt(): void {
    if (!doubtful) return;
    alone(async () => {
      if (doubtful) await readAgain();
    }).catch(() => clock.after(doubtLasts, clearDoubt));
  }

  return {
    epoch,
    environments: () => [...environments.values()],
    environment: (key) => environments.get(key),
    rollouts: (key) => [...rollouts.values()].filter((r) => key === undefined || r.environment === key).sort(byCreation),
    rollout: (id) => rollouts.get(id),
    runs: () => [...runs.values()].sort(byCreation),
    run: (id) => runs.get(id),
    recordedAt: () => recorded,
    releases: () => releases,
    earlier: () => earlier,
    decide: (decide) =>
      alone(async () => {
        if (doubtful) await readAgain();
        const { draft, result } = await decide();
        if (draft) {
          await learnBefore(draft);
          const at = clock.now();
          await store.commit({ ...draft, epoch, at }).catch((error: unknown) => {
            doubtful = true;
            clock.after(doubtLasts, clearDoubt);
            throw error;
          });
          recorded = at;
          take(draft);
        }
        return result;
      }),
  };
}

const byCreation = (a: { readonly id: string }, b: { readonly id: string }): number => (a.id < b.id ? -1 : 1);

/** The next revision of an environment with some of its fields changed. */
export function revise(environment: EnvironmentState, fields: Partial<EnvironmentState>): EnvironmentState {
  return { ...environment, ...fields, revision: environment.revision + 1 };
}

export function rolloutEvent(rollout: Rollout, at: NewEvent['at'], body: Record<string, unknown> = {}): NewEvent {
  const [app, environment] = rollout.environment.split('/') as [
    NonNullable<NewEvent['app']>,
    NonNullable<NewEvent['environment']>,
  ];
  return {
    type: `rollout.${rollout.phase}`,
    at,
    app,
    environment,
    rollout: rollout.id,
    body: { release: rollout.release, kind: rollout.kind, ...(rollout.reason ? { reason: rollout.reason } : {}), ...body },
  };
}
