import { activePhase } from '../domain/desired.ts';
import type { EnvironmentState } from '../domain/environment-state.ts';
import { allHealthy } from '../domain/rollout/before-traffic.ts';
import { outstandingEffect } from '../domain/rollout/decision.ts';
import type { RolloutEvent } from '../domain/rollout/events.ts';
import { isTerminal, type Rollout } from '../domain/rollout/state.ts';
import { transition } from '../domain/rollout/transition.ts';
import type { EnvironmentKey, RolloutId } from '../domain/values.ts';
import type { Clock } from '../ports/clock.ts';
import type { NewEvent } from '../ports/store.ts';
import { type Draft, type Plant, revise, rolloutEvent } from './plant.ts';

/** A rollout and what has happened to it, in order. */
export interface Happened {
  readonly rollout: Rollout;
  readonly events: readonly RolloutEvent[];
}

export interface Controller {
  /**
   * Applies events to a rollout in one transaction. Events of a finished rollout, and results nobody waits for any more, are dropped.
   * @throws what `transition` throws; what the store throws (then nothing has changed).
   */
  send(id: RolloutId, ...events: readonly RolloutEvent[]): Promise<Rollout | null>;
  /** Several rollouts in one transaction: all or none. */
  sendAll(batch: readonly { readonly id: RolloutId; readonly events: readonly RolloutEvent[] }[]): Promise<readonly Rollout[]>;
  /** The same inside a decision that is being made; returns the draft with these events applied. */
  apply(draft: Draft, batch: readonly Happened[]): Promise<Draft>;
}

export interface ControllerPorts {
  readonly plant: Plant;
  readonly clock: Clock;
  /** Last log lines of a service's workload in a release, for the reason of a failure. */
  readonly evidence: (rollout: Rollout, service: string) => Promise<readonly string[]>;
}

interface Step {
  readonly rollout: Rollout;
  readonly environment: EnvironmentState | undefined;
  readonly notes: readonly NewEvent[];
}

export function createController({ plant, clock, evidence }: ControllerPorts): Controller {
  async function apply(draft: Draft, batch: readonly Happened[]): Promise<Draft> {
    const environments = new Map((draft.environments ?? []).map((e) => [e.key, e]));
    const rollouts = [...(draft.rollouts ?? [])];
    const notes = [...(draft.events ?? [])];
    for (const { rollout, events } of batch) {
      const current = environments.get(rollout.environment) ?? plant.environment(rollout.environment);
      const step = events.reduce<Step>(advance, { rollout, environment: current, notes: [] });
      const after = await withEvidence(rollout, stamped(step.rollout));
      rollouts.push(after);
      notes.push(
        ...step.notes.map((note) =>
          note.type === `rollout.${after.phase}` ? { ...note, body: { ...note.body, ...reasonOf(after) } } : note,
        ),
      );
      if (step.environment && step.environment !== current) {
        environments.set(rollout.environment, { ...step.environment, revision: revisionAfter(rollout.environment) });
      }
    }
    return { ...draft, environments: [...environments.values()], rollouts, events: notes };
  }

  /** One transaction raises the revision by one, however many decisions it holds. */
  const revisionAfter = (key: EnvironmentKey): number => (plant.environment(key)?.revision ?? -1) + 1;

  const stamped = (rollout: Rollout): Rollout =>
    isTerminal(rollout.phase) && rollout.times.endedAt === null
      ? { ...rollout, times: { ...rollout.times, endedAt: clock.wall() } }
      : rollout;

  function advance(step: Step, event: RolloutEvent): Step {
    const { rollout, environment, notes } = step;
    if (isTerminal(rollout.phase) || isStale(rollout, event)) return step;
    const decision = transition(rollout, event, clock.now());
    const next = decision.rollout;
    const changes: Partial<EnvironmentState> = {
      ...(decision.arms ? { arms: decision.arms } : {}),
      ...(decision.proven ? { proven: decision.proven } : {}),
      ...(decision.commandDone && environment
        ? { commandsDone: { ...environment.commandsDone, ...hashOf(next, decision.commandDone) } }
        : {}),
    };
    const changed = environment && Object.keys(changes).length > 0 ? revise(environment, changes) : environment;
    const moved = next.phase !== rollout.phase || next.step !== rollout.step;
    return {
      rollout: next,
      environment: changed,
      notes: moved ? [...notes, rolloutEvent(next, clock.wall(), { step: next.step })] : notes,
    };
  }

  const hashOf = (rollout: Rollout, service: string): Record<string, string> => {
    const released = plant
      .releases()
      .get(rollout.release)
      ?.services.find((s) => s.service === service);
    return released?.releaseCommand ? { [service]: released.releaseCommand.inputsHash } : {};
  };

  /**
   * Adds the app's own words to a reason that names a service and has none; while traffic is on its way back, not yet: nobody
   * waits for a log with requests failing.
   */
  async function withEvidence(before: Rollout, after: Rollout): Promise<Rollout> {
    const { reason } = after;
    const late = before.phase === 'rolling-back' && isTerminal(after.phase);
    if (!reason?.service || reason.log || after.phase === 'rolling-back' || (reason === before.reason && !late)) return after;
    return { ...after, reason: { ...reason, log: await evidence(after, reason.service) } };
  }

  const sendAll: Controller['sendAll'] = (batch) =>
    plant.decide(async () => {
      const live = batch.flatMap(({ id, events }) => {
        const rollout = plant.rollout(id);
        return rollout ? [{ rollout, events }] : [];
      });
      const draft = await apply({}, live);
      const rollouts = draft.rollouts ?? [];
      const unchanged = rollouts.every((r, i) => r === live[i]?.rollout);
      return { draft: unchanged ? null : draft, result: rollouts };
    });

  return { apply, sendAll, send: async (id, ...events) => (await sendAll([{ id, events }]))[0] ?? null };
}

const reasonOf = (rollout: Rollout): Record<string, unknown> => (rollout.reason ? { reason: rollout.reason } : {});

/** Results nobody waits for any more, and permissions that came too late: the world reports, it does not have to keep up. */
function isStale(rollout: Rollout, event: RolloutEvent): boolean {
  if ('effect' in event) return outstandingEffect(rollout, event.effect) === undefined;
  if (event.type === 'cleared') return rollout.phase !== 'verifying';
  if (event.type === 'started') return rollout.phase !== 'queued';
  return false;
}

/** Stands in the way of another rollout's traffic. */
export const movesTraffic = (rollout: Rollout): boolean => {
  const phase = activePhase(rollout);
  return phase === 'shifting' || phase === 'rolling-back';
};

export const readyToShift = (rollout: Rollout): boolean =>
  rollout.phase === 'verifying' && rollout.verified && allHealthy(rollout);
