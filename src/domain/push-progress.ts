import { catalogue, type ErrorCode } from './errors.ts';
import { plainText } from './plain-text.ts';
import { fullWeight, realStarts } from './rollout/plan.ts';
import type { Reason, Rollout } from './rollout/state.ts';
import { durationText, type ReleaseId, type WallTime } from './values.ts';

/** What a pusher is told of the rollout of a push, one line each. Everything from outside is plain text on one line. */

/** `shop/production/v3` -> `v3`. */
const short = (release: ReleaseId): string => release.slice(release.lastIndexOf('/') + 1);

/** 340 -> "340 ms", 12340 -> "12.3 s", 754000 -> "12 min 34 s". */
export function spokenDuration(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(Math.floor(ms / 100) / 10).toFixed(1)} s`;
  return `${Math.floor(ms / 60_000)} min ${Math.floor((ms % 60_000) / 1000)} s`;
}

/** Where the rollout stands; said again when it reads differently. Null: nothing that is worth a line. */
export function stageOf(rollout: Rollout): string | null {
  const { plan } = rollout;
  switch (rollout.phase) {
    case 'queued':
      return `${short(rollout.release)} is queued`;
    case 'preparing':
      return preparing(rollout);
    case 'starting': {
      const starts = realStarts(plan).filter((start) => start.when === 'before');
      if (starts.length === 0) return null;
      return `starting ${starts.map((s) => (s.replicas > 1 ? `${s.service} x${s.replicas}` : s.service)).join(', ')}`;
    }
    case 'verifying':
      return plan.smoke.length === 0 ? null : `checking ${plan.smoke.map(({ path }) => plainText(path, 60)).join(' ')}`;
    case 'shifting': {
      const weight = plan.steps[Math.max(rollout.step, 0)] ?? fullWeight;
      return weight === fullWeight ? 'moving all traffic' : `moving ${weight / 100} % of the traffic, and watching`;
    }
    case 'rolling-back':
      return `going back${rollout.reason === null ? '' : `: ${sentence(rollout.reason)}`}`;
    case 'held':
      return rollout.reason?.code === 'PAUSED' ? 'paused by a person; waiting until it goes on' : null;
    default:
      return null;
  }
}

function preparing({ plan, outstanding, commandsLeft }: Rollout): string {
  const effects = outstanding.map(({ effect }) => effect);
  const command = effects.find((effect) => effect.type === 'release-command');
  if (command !== undefined) return `running the release command of ${commandsLeft[0] ?? command.service}`;
  if (effects.some(({ type }) => type === 'accessories'))
    return `waiting for ${(plan.accessories ?? []).map(({ name }) => name).join(', ')}`;
  const fresh = plan.builds.filter(({ cached }) => !cached).map(({ service }) => service);
  return fresh.length === 0 ? 'using the builds that are kept' : `building ${fresh.join(', ')}`;
}

/** All traffic is on it: how long it took, how traffic fared, where it is, and what comes. */
export function describeLive(rollout: Rollout, now: WallTime, urls: readonly string[]): readonly string[] {
  const { times, traffic, plan } = rollout;
  const took = spokenDuration(Math.max(0, (times.liveAt ?? now) - times.createdAt));
  const switched = times.switchMs === null ? '' : ` (switch ${spokenDuration(times.switchMs)})`;
  const proven = rollout.phase === 'succeeded';
  return [
    `${short(rollout.release)} is live after ${took}${switched}; ${traffic.served} requests served, ${traffic.dropped} dropped`,
    ...(proven ? [] : [`watched for another ${durationText(plan.bake)}; it goes back by itself if it fails`]),
    ...urls.slice(0, 8).map((url) => plainText(url, 200)),
  ];
}

/** It did not become live, or did not stay: the reason for git's own line, and the lines that explain it. */
export function describeFailure(rollout: Rollout): { readonly reason: string; readonly lines: readonly string[] } {
  const { reason } = rollout;
  const release = short(rollout.release);
  const before = rollout.from ?? rollout.plan.from;
  const serves = before === null ? 'nothing was changed' : `${short(before)} goes on serving`;
  if (rollout.phase === 'superseded')
    return { reason: 'superseded by a newer deploy', lines: [`${release} was superseded by a newer deploy`] };
  if (rollout.phase === 'cancelled')
    return { reason: 'the deploy was cancelled', lines: [`${release} was cancelled; ${serves}`] };
  if (rollout.phase === 'held')
    return {
      reason: reason === null ? 'the deploy is held' : `the deploy is held: ${reason.code}`,
      lines: [
        `${release} is held and waits for a person`,
        ...explain(reason),
        'go on with `signalbox promote` or `signalbox resume`, or undo it with `signalbox abort`',
      ],
    };
  const what =
    rollout.phase === 'rolled-back'
      ? `${release} was rolled back; ${serves}`
      : `${release} failed before it had any traffic; ${serves}`;
  return {
    reason: `deploy failed: ${reason === null ? 'no reason is on record' : sentence(reason)}`,
    lines: [what, ...explain(reason)],
  };
}

function sentence({ code, message, service }: Reason): string {
  const named =
    service === undefined ||
    plainText(message)
      .split(/[^\w-]+/)
      .includes(service);
  return `${named ? '' : `${service}: `}${plainText(message, 240)} [${plainText(code, 60)}]`;
}

function explain(reason: Reason | null): readonly string[] {
  if (reason === null) return [];
  const hint: string = Object.hasOwn(catalogue, reason.code) ? catalogue[reason.code as ErrorCode].hint : '';
  return [
    `why: ${sentence(reason)}`,
    ...(reason.log ?? []).slice(-20).map((line) => `  | ${plainText(line, 160)}`),
    ...(hint === '' ? [] : [`to do: ${plainText(hint, 400)}`]),
  ];
}
