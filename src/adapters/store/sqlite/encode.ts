import { isOver } from '../../../domain/forge/delivery.ts';
import { isRunOver } from '../../../domain/pipeline/run.ts';
import { isTerminal } from '../../../domain/rollout/state.ts';
import { environmentKey } from '../../../domain/values.ts';
import type { Change, NewEvent, StoredEvent } from '../../../ports/store.ts';
import type { EncodedChange, EncodedEvent, EncodedRelease, Row } from './calls.ts';

type ReleaseOfChange = NonNullable<Change['releases']>[number];

/** Documents as text, beside the columns that reads search by. */
export function encodeChange(change: Change): EncodedChange {
  return {
    epoch: change.epoch,
    at: change.at,
    apps: (change.apps ?? []).map((app) => ({ name: app.name, document: JSON.stringify(app) })),
    environments: (change.environments ?? []).map((state) => ({
      key: state.key,
      revision: state.revision,
      document: JSON.stringify(state),
    })),
    releases: (change.releases ?? []).map(encodeRelease),
    rollouts: (change.rollouts ?? []).map((rollout) => ({
      id: rollout.id,
      environment: rollout.environment,
      release: rollout.release,
      active: !isTerminal(rollout.phase),
      document: JSON.stringify(rollout),
    })),
    runs: (change.runs ?? []).map((run) => ({
      id: run.id,
      app: run.app,
      active: !isRunOver(run.phase),
      document: JSON.stringify(run),
    })),
    events: (change.events ?? []).map(encodeEvent),
    hooks: (change.hooks ?? []).map((hook) => ({ app: hook.app, document: JSON.stringify(hook) })),
    removedHooks: change.removedHooks ?? [],
    deliveries: (change.deliveries ?? []).map((delivery) => ({
      id: delivery.id,
      app: delivery.app,
      name: delivery.name,
      digest: delivery.digest,
      at: delivery.at,
      open: !isOver(delivery),
      document: JSON.stringify(delivery),
    })),
  };
}

function encodeRelease(release: ReleaseOfChange): EncodedRelease {
  return {
    id: release.id,
    environment: environmentKey(release.app, release.environment),
    number: release.number,
    document: JSON.stringify(release),
    workloads: release.services.map(({ workload }) => ({ id: workload.id, document: JSON.stringify(workload) })),
  };
}

function encodeEvent(event: NewEvent): EncodedEvent {
  return {
    app: event.app ?? null,
    environment: event.environment ?? null,
    rollout: event.rollout ?? null,
    document: JSON.stringify(event),
  };
}

/** The document as it was written; the caller knows which type it asked for. */
export const decode = (row: Row): unknown => JSON.parse(row.document);

export const decodeEvent = (row: Row): StoredEvent => ({ ...(decode(row) as NewEvent), sequence: row.sequence ?? 0 });
