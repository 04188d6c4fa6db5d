import { stableRelease } from '../domain/environment-state.ts';
import { SignalboxError } from '../domain/errors.ts';
import { plainText } from '../domain/plain-text.ts';
import { describeFailure, describeLive, stageOf } from '../domain/push-progress.ts';
import type { Release } from '../domain/release.ts';
import { isTerminal, type Rollout } from '../domain/rollout/state.ts';
import { hasAllTraffic } from '../domain/rollout/traffic.ts';
import { releaseUrls } from '../domain/urls.ts';
import { type AppName, type EnvironmentName, environmentKey, millis, type RolloutId } from '../domain/values.ts';
import type { Clock } from '../ports/clock.ts';
import type { StoreReads } from '../ports/store.ts';
import type { Commands, Feed } from './commands.ts';

/** A commit that an environment shall run, and how long to stay with it. */
export interface EnvironmentPush {
  readonly app: AppName;
  readonly environment: EnvironmentName;
  readonly sha: string;
  /** The branch that moved, `refs/heads/main`: a newer push of it takes the place of this one. */
  readonly ref: string;
  /** Who pushes, in their own words: only locks look at it. */
  readonly by: string;
  /** `live`: until all traffic is on it; `proven`: until it has gone through its bake. */
  readonly until: 'live' | 'proven';
  /** Aborts when nobody can be told any more: what was begun goes on. */
  readonly leaving: AbortSignal;
}

export type EnvironmentAnswer = { readonly ok: true } | { readonly ok: false; readonly reason: string };

/** What is done for one environment that a push concerns. Lines are plain text on one line each. */
export type DeployPush = (push: EnvironmentPush, say: (line: string) => void) => Promise<EnvironmentAnswer>;

export interface PushDeployPorts {
  /** What has to pass before. */
  readonly check: (push: EnvironmentPush, say: (line: string) => void) => Promise<EnvironmentAnswer>;
  readonly commands: Pick<Commands, 'deploy'>;
  readonly feed: Feed;
  readonly store: Pick<StoreReads, 'environment' | 'release' | 'rollout' | 'rollouts'>;
  readonly clock: Clock;
  /** Port of the data plane, for addresses. */
  readonly httpPort: () => Promise<number>;
}

/** Lines of output shown per service; of what comes after them only the number is told. */
const shownLines = 60;
/** Lines kept that come before it is known which rollout is ours. */
const earlyLines = 200;
/** Longest time without a look at the rollout. */
const lookEvery = millis(2000);

type Line = { readonly rollout: RolloutId; readonly service: string; readonly line: string };

/** Deploys the commit unless it serves already, and follows the rollout; a rollout of the same commit that is under way is joined. */
export function createPushDeploy(ports: PushDeployPorts): DeployPush {
  const { commands, feed, store, clock } = ports;
  /** Deploys are asked for in the order of the pushes, however long each takes to be frozen. */
  const lastAsked = new Map<string, Promise<unknown>>();

  async function present(push: EnvironmentPush): Promise<{ live: Release | null; running: Rollout | null }> {
    const key = environmentKey(push.app, push.environment);
    const [environment, active] = await Promise.all([
      store.environment(key),
      store.rollouts({ environment: key, active: true }, { limit: 1 }),
    ]);
    const stable = environment === null ? null : stableRelease(environment);
    return { live: stable === null ? null : await store.release(stable), running: active[0] ?? null };
  }

  /** It serves, or is on its way: it has been checked, or somebody wanted it unchecked. */
  async function isThere(push: EnvironmentPush): Promise<boolean> {
    const { live, running } = await present(push);
    if (running !== null && running.kind !== 'deploy') return false;
    const there = running === null ? live : await store.release(running.release);
    return there !== null && there.sha === push.sha && !there.dirty;
  }

  /** The rollout to follow; null: the commit serves already, and nothing is on its way. */
  async function begin(push: EnvironmentPush, say: (line: string) => void): Promise<RolloutId | null> {
    const { app, environment, sha, by } = push;
    const isOurs = (release: Release | null): boolean => release !== null && release.sha === sha && !release.dirty;
    const { live, running } = await present(push);
    if (running !== null && running.kind === 'deploy' && isOurs(await store.release(running.release))) {
      say(`v${running.release.split('/v').at(-1)} of the same commit is on its way already`);
      return running.id;
    }
    if (running === null && live !== null && isOurs(live)) {
      say(`${sha.slice(0, 7)} is live already as v${live.number}; nothing was done`);
      return null;
    }
    const accepted = await commands.deploy({ app, environment, sha, dirty: false, folder: '.', folderName: app, by });
    return accepted.rolloutId;
  }

  /** In the order of the calls. */
  async function inTurn(push: EnvironmentPush, say: (line: string) => void): Promise<RolloutId | null> {
    const key = environmentKey(push.app, push.environment);
    const before = lastAsked.get(key);
    const mine = (async () => {
      await before?.catch(() => undefined);
      return begin(push, say);
    })();
    lastAsked.set(key, mine);
    try {
      return await mine;
    } finally {
      if (lastAsked.get(key) === mine) lastAsked.delete(key);
    }
  }

  /** Resolves after the next change of the rollout, after a while, or when nobody is there any more. */
  function nextLook(id: RolloutId, leaving: AbortSignal): { readonly done: Promise<void>; arm(): void } {
    let look: () => void = () => undefined;
    const stopFeed = feed.onRollout((rollout) => rollout === id && look());
    const stopClock = { cancel: clock.after(lookEvery, () => look()) };
    const leave = (): void => look();
    leaving.addEventListener('abort', leave, { once: true });
    const done = new Promise<void>((resolve) => {
      look = () => {
        stopFeed();
        stopClock.cancel();
        leaving.removeEventListener('abort', leave);
        resolve();
      };
    });
    return { done, arm: () => leaving.aborted && look() };
  }

  async function follow(id: RolloutId, push: EnvironmentPush, say: (line: string) => void): Promise<EnvironmentAnswer> {
    let said: string | null = null;
    while (!push.leaving.aborted) {
      // Asked for before the look, so that no change falls in between.
      const next = nextLook(id, push.leaving);
      const rollout = await store.rollout(id);
      if (rollout === null) return { ok: false, reason: 'the rollout is no longer on record' };
      const stage = stageOf(rollout);
      if (stage !== null && stage !== said) say(stage);
      said = stage ?? said;
      const isLive = push.until === 'live' ? hasAllTraffic(rollout) : rollout.phase === 'succeeded';
      if (isLive && (rollout.phase !== 'held' || rollout.reason?.code === 'PAUSED')) return await celebrate(rollout, say);
      if (isTerminal(rollout.phase) || (rollout.phase === 'held' && rollout.reason?.code !== 'PAUSED')) {
        const { reason, lines } = describeFailure(rollout);
        for (const line of lines) say(line);
        return { ok: false, reason };
      }
      next.arm();
      await next.done;
    }
    say(`the control plane is being stopped or restarted; the deploy goes on after it: push again to see how it went`);
    return { ok: false, reason: 'the control plane is being restarted; push again' };
  }

  async function celebrate(rollout: Rollout, say: (line: string) => void): Promise<EnvironmentAnswer> {
    const [release, port] = await Promise.all([store.release(rollout.release), ports.httpPort()]);
    for (const line of describeLive(rollout, clock.wall(), releaseUrls(release ?? undefined, port))) say(line);
    return { ok: true };
  }

  return async (push, say) => {
    const output = collectOutput(say);
    const stopLines = feed.onLine((line) => output.take(line));
    try {
      if (!(await isThere(push))) {
        const checked = await ports.check(push, say);
        if (!checked.ok) return checked;
      }
      const id = await inTurn(push, say);
      if (id === null) return { ok: true };
      output.begin(id);
      const answer = await follow(id, push, output.before(say));
      return answer;
    } catch (error) {
      if (!(error instanceof SignalboxError)) throw error;
      for (const line of error.message.split('\n')) say(plainText(line, 400));
      if (error.hint !== '') say(`to do: ${plainText(error.hint, 400)}`);
      return { ok: false, reason: `deploy refused: ${plainText(error.message.split('\n')[0] ?? '', 200)} [${error.code}]` };
    } finally {
      stopLines();
    }
  };
}

/** Output of builds and release commands in short: the first lines of each service, then how many more there were. */
function collectOutput(say: (line: string) => void) {
  let ours: RolloutId | null = null;
  const early: Line[] = [];
  const counts = new Map<string, number>();
  const show = ({ service, line }: Line): void => {
    const text = plainText(line, 160);
    if (text === '') return;
    const count = (counts.get(service) ?? 0) + 1;
    counts.set(service, count);
    if (count <= shownLines) say(`  ${service} | ${text}`);
  };
  const tellRest = (): void => {
    for (const [service, count] of counts) if (count > shownLines) say(`  ${service} | … and ${count - shownLines} lines more`);
    counts.clear();
  };
  return {
    take(line: Line): void {
      if (ours === null) {
        if (early.length < earlyLines) early.push(line);
      } else if (line.rollout === ours) show(line);
    },
    begin(id: RolloutId): void {
      ours = id;
      for (const line of early.splice(0)) if (line.rollout === id) show(line);
    },
    /** A line of our own closes what was shown before it. */
    before: (tell: (line: string) => void) => (line: string) => {
      tellRest();
      tell(line);
    },
  };
}
