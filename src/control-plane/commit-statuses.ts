import type { Hook } from '../domain/forge/delivery.ts';
import { statusOfRollout } from '../domain/forge/rollout-status.ts';
import type { CommitStatus } from '../domain/forge/status-request.ts';
import type { Release } from '../domain/release.ts';
import { type AppName, type Epoch, millis, type RolloutId } from '../domain/values.ts';
import type { Clock } from '../ports/clock.ts';
import type { CommitStatuses, ForgeKeys } from '../ports/forge.ts';
import type { Store } from '../ports/store.ts';
import type { Feed } from './commands.ts';

/** Says beside each commit, on the forge of its app, what becomes of its release. It decides nothing, and no deploy waits for it. */
export interface StatusReport {
  /** Says anew how the newest rollout of each environment stands: the end of one may not have been told. */
  start(): Promise<void>;
  /** A push came to nothing before there was a rollout. */
  refused(app: AppName, sha: string, reason: string): Promise<void>;
  stop(): void;
}

export interface StatusPorts {
  readonly epoch: Epoch;
  readonly store: Store;
  readonly feed: Pick<Feed, 'onRollout'>;
  readonly hook: (app: AppName) => Hook | null;
  /** Some webhook has a token. */
  readonly isNeeded: () => boolean;
  readonly keys: Pick<ForgeKeys, 'access'>;
  readonly forge: CommitStatuses;
  readonly clock: Clock;
  /** Where people reach a release; null: nowhere. */
  readonly linkOf: (release: Release) => string | null;
  readonly onFault: (error: unknown) => void;
}

/** Between attempts, ms; after the last it is left. */
const pauses = [1000, 4000, 16_000, 60_000, 240_000];
/** Rollouts of which it is known what was said last; the oldest are forgotten beyond this. */
const remembered = 1000;

export function createStatusReport(ports: StatusPorts): StatusReport {
  const { store, clock, epoch, hook, keys, forge, onFault } = ports;
  const said = new Map<RolloutId, string>();
  /** The newest status per app, commit and context that is not written yet. */
  const waiting = new Map<string, { readonly hook: Hook; readonly status: CommitStatus }>();
  const busy = new Set<string>();
  const cancels = new Set<() => void>();
  let stopped = false;

  async function look(id: RolloutId): Promise<void> {
    const rollout = await store.atOnce.rollout(id);
    const release = rollout === null ? null : await store.atOnce.release(rollout.release);
    if (rollout === null || release === null || release.dirty) return;
    const to = hook(release.app);
    if (to?.token !== true) return;
    const status = { ...statusOfRollout(rollout, `v${release.number}`), link: ports.linkOf(release) };
    const saying = JSON.stringify([status.state, rollout.phase]);
    if (said.get(id) === saying) return;
    said.set(id, saying);
    if (said.size > remembered) for (const oldest of [...said.keys()].slice(0, remembered / 10)) said.delete(oldest);
    write(to, { ...status, sha: release.sha, context: `signalbox/${release.environment}` });
  }

  function write(to: Hook, status: CommitStatus): void {
    const key = `${to.app} ${status.sha} ${status.context}`;
    waiting.set(key, { hook: to, status });
    if (busy.has(key) || stopped) return;
    busy.add(key);
    void attempt(key, 0)
      .catch(onFault)
      .finally(() => busy.delete(key));
  }

  /** One after the other for a context, so that the last word is the last one written. */
  async function attempt(key: string, round: number): Promise<void> {
    const next = waiting.get(key);
    if (next === undefined || stopped) return;
    const { token } = await keys.access(next.hook.app);
    if (token === null) return void waiting.delete(key);
    const written = await forge.write(next.hook, token, next.status);
    const newer = waiting.get(key) !== next;
    if (written.done) {
      if (!newer) waiting.delete(key);
      return attempt(key, 0);
    }
    const pause = written.again ? pauses[round] : undefined;
    if (pause !== undefined) {
      await sleep(pause);
      return attempt(key, newer ? 0 : round + 1);
    }
    if (!newer) waiting.delete(key);
    const { app } = next.hook;
    const body = { sha: next.status.sha, context: next.status.context, reason: written.reason };
    await store.commit({ epoch, at: clock.now(), events: [{ type: 'webhook.status-refused', at: clock.wall(), app, body }] });
    return attempt(key, 0);
  }

  const sleep = (ms: number): Promise<void> =>
    new Promise((resolve) => {
      const cancel = clock.after(millis(ms), () => {
        cancels.delete(end);
        resolve();
      });
      const end = (): void => {
        cancel();
        resolve();
      };
      cancels.add(end);
    });

  const unsubscribe = ports.feed.onRollout((id) => {
    if (ports.isNeeded()) void look(id).catch(onFault);
  });

  return {
    start: async () => {
      for (const environment of await store.environments()) {
        if (hook(environment.app)?.token !== true) continue;
        const [newest] = await store.rollouts({ environment: environment.key }, { limit: 1 });
        if (newest !== undefined) await look(newest.id);
      }
    },
    refused: async (app, sha, reason) => {
      const to = hook(app);
      if (to?.token !== true) return;
      write(to, { sha, context: 'signalbox/push', state: 'failure', description: reason, link: null });
    },
    stop: () => {
      stopped = true;
      unsubscribe();
      for (const end of cancels) end();
      cancels.clear();
    },
  };
}
