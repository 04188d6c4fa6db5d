import { bakeVerdict } from '../domain/bake-watch.ts';
import type { EnvironmentState } from '../domain/environment-state.ts';
import { gateVerdict, type Verdict } from '../domain/gate.ts';
import type { PlanPreview } from '../control-plane/commands.ts';
import type { PromotedFrom, Release } from '../domain/release.ts';
import { isTerminal, type Reason, type Rollout } from '../domain/rollout/state.ts';
import { hasAllTraffic } from '../domain/rollout/traffic.ts';
import type { Arm } from '../domain/route-table.ts';
import { instant, type ReleaseId, type WallTime } from '../domain/values.ts';
import type { PlanBody, ReasonBody, RolloutBody } from './contract.ts';
import type { PromotedFromBody } from './contract/environments.ts';
import { type PhaseMark, presentSteps } from './present-steps.ts';

/** All that a rollout's body is made of. `release` is null when it is no longer kept, `environment` when it never existed. */
export interface RolloutFacts {
  readonly rollout: Rollout;
  readonly release: Release | null;
  readonly environment: EnvironmentState | null;
  /** Phases it went through, in order; may be empty. */
  readonly phases: readonly PhaseMark[];
  readonly now: WallTime;
}

export function presentRollout(facts: RolloutFacts): RolloutBody {
  const { rollout, release, now } = facts;
  const { times } = rollout;
  const [app = '', environment = ''] = rollout.environment.split('/');
  const reason = rollout.reason === null ? {} : { reason: presentReason(rollout.reason) };
  const said = verdictOf(rollout);
  // Known for sure only when traffic moves; until then it is what served when the rollout was planned.
  const from = rollout.trafficMoved ? rollout.from : rollout.plan.from;
  return {
    id: rollout.id,
    app,
    environment,
    kind: rollout.kind,
    release: releaseName(rollout.release),
    from: from === null ? null : releaseName(from),
    sha: release?.sha ?? '',
    subject: release?.subject ?? '',
    phase: rollout.phase,
    ended: isTerminal(rollout.phase),
    live: hasAllTraffic(rollout),
    ...(release?.promotedFrom === undefined || rollout.kind === 'rollback'
      ? {}
      : { promotedFrom: presentPromotedFrom(release.promotedFrom) }),
    ...reason,
    weights: weightsOf(facts),
    steps: presentSteps(rollout, facts.phases, now),
    ...(said === null ? {} : { verdict: said }),
    createdAt: isoTime(times.createdAt),
    startedAt: isoOrNull(times.startedAt),
    liveAt: isoOrNull(times.liveAt),
    endedAt: isoOrNull(times.endedAt),
    durationMs: Math.max(0, (times.endedAt ?? now) - times.createdAt),
    switchMs: times.switchMs,
    restoreMs: times.restoreMs,
    requests: { served: rollout.traffic.served, dropped: rollout.traffic.dropped },
  };
}

/** `shop/production/v3` -> `v3`. */
export const releaseName = (id: ReleaseId): string => id.slice(id.lastIndexOf('/') + 1);
export const isoTime = (at: WallTime): string => new Date(at).toISOString();
const isoOrNull = (at: WallTime | null): string | null => (at === null ? null : isoTime(at));

export const presentWeights = (arms: readonly Arm[]): RolloutBody['weights'] =>
  arms.map((arm) => ({ release: releaseName(arm.release), percent: arm.weight / 100 }));

export const presentPromotedFrom = ({ environment, release, keys }: PromotedFrom): PromotedFromBody => ({
  environment,
  release: releaseName(release),
  keys,
});

export function presentPlan({ refused, release, promotedFrom, ...preview }: PlanPreview): PlanBody {
  return {
    ...preview,
    release: releaseName(release),
    ...(promotedFrom === undefined ? {} : { promotedFrom: presentPromotedFrom(promotedFrom) }),
    ...(refused === undefined ? {} : { refused: presentReason(refused) }),
  };
}

export function presentReason(reason: Reason): ReasonBody {
  return {
    code: reason.code,
    message: reason.message,
    ...(reason.service === undefined ? {} : { service: reason.service }),
    ...(reason.log === undefined ? {} : { log: reason.log }),
  };
}

/** Traffic as it is while the rollout runs; as the rollout left it once it has ended (later ones may have changed it since). */
function weightsOf({ rollout, environment }: RolloutFacts): RolloutBody['weights'] {
  if (!isTerminal(rollout.phase)) return presentWeights(environment?.arms ?? []);
  const left = rollout.phase === 'succeeded' ? rollout.release : rollout.from;
  return left === null ? [] : [{ release: releaseName(left), percent: 100 }];
}

/** What the judge of the current phase says; null when none is at work. */
function verdictOf(rollout: Rollout): string | null {
  const phase = rollout.phase === 'held' ? rollout.heldIn : rollout.phase;
  if (phase === 'shifting' && rollout.gate !== null)
    return sentence(gateVerdict(rollout.gate, rollout.gate.lastAt ?? instant(0)));
  if (phase !== 'baking' || rollout.bake === null) return null;
  const verdict = bakeVerdict(rollout.bake);
  const { requests, errors } = rollout.bake.seen;
  if (verdict.kind === 'fail') return verdict.reason;
  return requests === 0
    ? 'No request to judge by yet.'
    : `${requests} requests watched, ${errors} failed, within what is normal.`;
}

function sentence(verdict: Verdict): string {
  switch (verdict.kind) {
    case 'pass':
      return 'The new release serves as well as it has to.';
    case 'fail':
    case 'unknown':
      return verdict.reason;
    case 'insufficient': {
      const eta = verdict.etaMs === null ? '' : ` (about ${Math.ceil(verdict.etaMs / 1000)} s at the present rate)`;
      return `${verdict.reason === undefined ? '' : `${verdict.reason} `}${verdict.needed} more clean requests are needed${eta}.`;
    }
  }
}
