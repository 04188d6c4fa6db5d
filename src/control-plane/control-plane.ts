import { keptAssetRoots } from '../domain/compose-table.ts';
import { activePhase, type DesiredWorkload } from '../domain/desired.ts';
import { hasCode, SignalboxError } from '../domain/errors.ts';
import type { ArtifactRef, Workload } from '../domain/release.ts';
import type { RolloutEvent } from '../domain/rollout/events.ts';
import type { Rollout } from '../domain/rollout/state.ts';
import { type EnvironmentKey, type Epoch, millis, type ReleaseId, type RolloutId, type WorkloadId } from '../domain/values.ts';
import type { Builder } from '../ports/builder.ts';
import type { Clock, Ids } from '../ports/clock.ts';
import type { DataPlane } from '../ports/data-plane.ts';
import type { Freezer } from '../ports/freezer.ts';
import type { RunPlanner, StepLogs } from '../ports/pipeline.ts';
import type { Prober } from '../ports/prober.ts';
import type { Runtime } from '../ports/runtime.ts';
import type { Secrets, SecretsArchive, SecretValues } from '../ports/secrets.ts';
import type { Source } from '../ports/source.ts';
import type { Store } from '../ports/store.ts';
import { createAcceptance } from './accept.ts';
import { type AccessoryPorts, createAccessories } from './accessories.ts';
import { untilAccessoriesReady } from './accessories-ready.ts';
import { createAccessoryCommands } from './accessory-commands.ts';
import { createAddresses } from './addresses.ts';
import type { Commands, Feed, HealthMonitor } from './commands.ts';
import { createController } from './controller.ts';
import { createCommands } from './create-commands.ts';
import { createEnvironmentCommands } from './environment-commands.ts';
import { createExecutor } from './executor.ts';
import { createHousekeeping, type Retention } from './housekeeping.ts';
import { createInstanceNotes } from './instance-notes.ts';
import { createInterlock } from './interlock.ts';
import { createMask, type Mask, maskedLogs, maskedPasswords, maskedStore } from './mask.ts';
import { openPlant } from './plant.ts';
import { createPublisher } from './publisher.ts';
import { createReconciler } from './reconciler.ts';
import { createJournal } from './runs/journal.ts';
import { createRunCommands } from './runs/run-commands.ts';
import { createRunner } from './runs/runner.ts';
import { createRuntimeSight } from './runtime-sight.ts';
import { createSecretCommands } from './secret-commands.ts';
import { createSecretLookUp } from './secret-values.ts';
import { createSignals, feedEvery } from './signals.ts';

export interface ControlPlane {
  readonly commands: Commands;
  readonly feed: Feed;
  /** What shall run in an environment now. */
  readonly declared: (environment: EnvironmentKey) => readonly DesiredWorkload[];
  /** How a workload that shall run is. */
  readonly level: (workload: WorkloadId) => { readonly healthy: boolean; readonly detail: string | null };
  /** Newest values, for steps that name secrets; the mask knows each from then on. */
  readonly valuesFor: SecretValues;
  /** Lets go of everything; what runs goes on running. */
  stop(): void;
}

export interface ControlPlanePorts {
  readonly epoch: Epoch;
  readonly store: Store;
  readonly runtime: Runtime;
  readonly dataPlane: DataPlane;
  readonly source: Source;
  readonly builder: Builder;
  readonly freezer: Freezer;
  readonly planner: RunPlanner;
  readonly stepLogs: StepLogs;
  readonly prober: Prober;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly createMonitor: (onChange: () => void) => HealthMonitor;
  readonly folderOf: (artifact: ArtifactRef) => string;
  readonly accessories: AccessoryPorts;
  /** Undefined: no secrets are kept here. */
  readonly secrets?: { readonly secrets: Secrets; readonly archive: SecretsArchive };
  /** Undefined: one that knows what this control plane looks up, and is told nothing else. */
  readonly mask?: Mask;
  /** MiB that new processes can have; null when unknown. */
  readonly availableMemory: () => number | null;
  readonly retention: Retention;
  /** Another control plane has taken over: this one must end. */
  readonly onReplaced: (error: unknown) => void;
  /** A fault that was survived; for the log. */
  readonly onFault: (error: unknown) => void;
}

/** Longest wait at boot for a first look at what runs, before the first table is published. */
const firstLook = millis(2500);
const evidenceLines = 20;
/** Of one of them, characters: they go into the store, events and every answer about the rollout. */
const longestEvidence = 4096;
const evidencePatience = millis(2000);
/** What `Runtime.ensure` refuses because of the release itself. */
const releasesFault: ReadonlySet<string> = new Set([
  'START_FAILED',
  'ARTIFACT_MISSING',
  'SECRET_MISSING',
  'SECRET_DAMAGED',
  'SECRET_REFUSED',
]);
/** How long an undo waits for an old release that has to be started first. */
const coldPatience = 55_000;

/** Builds the control plane on what the store says, takes over what runs, and goes on with every open rollout. */
export async function startControlPlane(ports: ControlPlanePorts): Promise<ControlPlane> {
  const { runtime, dataPlane, clock, mask = createMask() } = ports;
  const store = maskedStore(ports.store, mask);
  const passwords = maskedPasswords(ports.accessories.passwords, mask);
  const watchers = new Set<(rollout: RolloutId) => void>();
  const listeners = new Set<Parameters<Feed['onLine']>[0]>();
  const runWatchers = new Set<Parameters<Feed['onRun']>[0]>();
  const runListeners = new Set<Parameters<Feed['onRunLine']>[0]>();
  const onFault = (error: unknown): void => (hasCode(error, 'STALE_EPOCH') ? ports.onReplaced(error) : ports.onFault(error));
  /** Does nothing before the first look is over: whatever is committed until then is acted on after it. */
  let wake = (): void => undefined;

  const plant = await openPlant({
    store,
    clock,
    epoch: ports.epoch,
    keptAssetRoots,
    onCommitted: (draft) => {
      wake();
      for (const rollout of draft.rollouts ?? []) for (const tell of watchers) tell(rollout.id);
      for (const run of draft.runs ?? []) for (const tell of runWatchers) tell(run.id);
    },
  });
  mask.learn(((await ports.secrets?.secrets.all(onFault)) ?? []).map(({ value }) => value));
  for (const { app, environment, accessories } of plant.environments())
    for (const accessory of Object.keys(accessories ?? {})) await passwords.of({ app, environment, accessory });
  let looked = false;
  const monitor = ports.createMonitor(() => {
    // Before the first look is over a table would know some of the instances only.
    if (!looked) return;
    signals.feed();
    publisher.kick();
  });
  const accessories = createAccessories({ ...ports.accessories, passwords, plant, host: runtime });
  const secretValues = createSecretLookUp(ports.secrets?.secrets, mask);
  const addresses = createAddresses({ plant, dataPlane, accessories, secrets: secretValues });
  const evidence = async (rollout: Rollout, service: string): Promise<readonly string[]> => {
    const workload = plant
      .releases()
      .get(rollout.release)
      ?.services.find((s) => s.service === service)?.workload;
    return workload ? lastLines(workload, { runtime, clock, mask }) : [];
  };
  const controller = createController({ plant, clock, evidence });
  const publisher = createPublisher({
    plant,
    dataPlane,
    clock,
    endpoints: () => monitor.endpoints(),
    folderOf: ports.folderOf,
    onPublished: () => reconciler.kick(),
    onFault,
  });
  const sight = createRuntimeSight({ runtime, plant, monitor, clock, onChange: () => signals.feed() });
  const signals = createSignals({
    plant,
    clock,
    dataPlane,
    monitor,
    sight,
    send: (rollout, events) => controller.send(rollout.id, ...events),
    onFault,
  });
  const interlock = createInterlock({ plant, controller, monitor, signals, clock, onFault });
  const reconciler = createReconciler({
    plant,
    runtime,
    dataPlane,
    store,
    publisher,
    addresses,
    accessories,
    clock,
    onDesired: (desired: readonly DesiredWorkload[]) => monitor.watch(desired),
    onStartFailed: (workload, error) => void startFailed(workload, error),
    onFault,
  });
  const executor = createExecutor({
    plant,
    builder: ports.builder,
    runtime,
    dataPlane,
    prober: ports.prober,
    publisher,
    addresses,
    clock,
    report: async (id, event) => {
      await controller.send(id, ...counted(id), event);
    },
    onLine: (line) => {
      for (const tell of listeners) tell({ ...line, line: mask.mask(line.line) });
    },
    untilAccessories: (rollout, release, signal) =>
      untilAccessoriesReady(
        { accessories, monitor, clock, lastLines: (id) => lastLines({ id }, { runtime, clock, mask }) },
        { release, planned: rollout.plan.accessories ?? [], signal },
      ),
    untilServable,
    isSteady: (rollout) => sight.isSteady(rollout),
    onFault,
  });
  const housekeeping = createHousekeeping({
    plant,
    store,
    builder: ports.builder,
    stepLogs: ports.stepLogs,
    clock,
    retention: ports.retention,
    onFault,
  });
  const acceptance = createAcceptance({ plant, controller, monitor, addresses, accessories, clock, ids: ports.ids });

  /** Results that may end a rollout come with the newest counts. */
  function counted(id: RolloutId): readonly RolloutEvent[] {
    const rollout = plant.rollout(id);
    const counts = rollout && rollout.phase !== 'queued' ? signals.counters(rollout.environment) : null;
    return counts ? [counts] : [];
  }

  async function startFailed(workload: Workload, error: unknown): Promise<void> {
    onFault(error);
    // Anything else is our own trouble (a keeper that restarts): tried again, and bounded by the health deadline.
    if (!(error instanceof SignalboxError) || !releasesFault.has(error.code)) return;
    const reason = { code: error.code, message: error.message, service: workload.service };
    const concerned = plant.rollouts().filter((r) => r.health[workload.id] !== undefined && activePhase(r) !== 'rolling-back');
    for (const rollout of concerned) {
      await controller.send(rollout.id, { type: 'broken', workload: workload.id, reason }).catch(onFault);
    }
  }

  async function untilServable(rollout: Rollout, signal: AbortSignal): Promise<void> {
    const target: ReleaseId | null = rollout.fallback ?? rollout.from;
    const release = target === null ? undefined : plant.releases().get(target);
    const needed = (release?.services ?? [])
      .filter((s) => s.workload.kind === 'web' && s.single !== true)
      .map((s) => s.workload.id);
    const until = clock.now() + coldPatience;
    const servable = (): boolean => needed.every((id) => (monitor.endpoints().get(id) ?? []).some((e) => e.healthy));
    while (!servable() && clock.now() < until && !signal.aborted) {
      await new Promise<void>((resolve) => {
        clock.after(millis(25), resolve);
      });
    }
  }

  const accessoryCommand = createAccessoryCommands({
    plant,
    host: runtime,
    accessories,
    passwords,
    clock,
    kick: () => reconciler.kick(),
  });
  const tellRun = createJournal({ plant, clock });
  const commands = createCommands({
    plant,
    controller,
    acceptance,
    publisher,
    store,
    source: ports.source,
    freezer: ports.freezer,
    builder: ports.builder,
    clock,
    memory: { runtime, available: ports.availableMemory },
    environments: createEnvironmentCommands({ plant, clock, accessory: accessoryCommand, kick: () => reconciler.kick() }),
    accessory: accessoryCommand,
    secrets: createSecretCommands({ plant, store, clock, mask, kept: ports.secrets, onFault }),
    refuseMissingSecrets: (release) => secretValues.refuseMissing(release),
    runs: createRunCommands({ plant, store, planner: ports.planner, tell: tellRun, clock, ids: ports.ids }),
  });
  const runner = createRunner({
    plant,
    store,
    builder: ports.builder,
    runtime,
    logs: maskedLogs(ports.stepLogs, mask),
    epoch: ports.epoch,
    deploy: (request) => commands.deploy(request),
    tell: tellRun,
    clock,
    onLine: (line) => {
      for (const tell of runListeners) tell(line);
    },
    onFault,
  });
  const notes = createInstanceNotes({ plant, runtime, desired: () => reconciler.desired(), clock, onFault });
  monitor.watch(reconciler.desired());
  await monitor.settled(firstLook);
  looked = true;
  wake = () => {
    // First of all: what is well at the old number of instances says nothing about the new one.
    monitor.watch(reconciler.desired());
    executor.sync();
    runner.sync();
    publisher.kick();
    reconciler.kick();
    interlock.kick();
    signals.feed();
    housekeeping.kick();
  };
  wake();
  let cancelFeed = clock.after(feedEvery, feedAgain);
  function feedAgain(): void {
    signals.feed();
    cancelFeed = clock.after(feedEvery, feedAgain);
  }

  return {
    commands,
    feed: {
      onRollout: (tell) => {
        watchers.add(tell);
        return () => watchers.delete(tell);
      },
      onLine: (tell) => {
        listeners.add(tell);
        return () => listeners.delete(tell);
      },
      onRun: (tell) => {
        runWatchers.add(tell);
        return () => runWatchers.delete(tell);
      },
      onRunLine: (tell) => {
        runListeners.add(tell);
        return () => runListeners.delete(tell);
      },
    },
    declared: (key) => reconciler.desired().filter((d) => `${d.workload.app}/${d.workload.environment}` === key),
    level: (id) => monitor.level(id),
    valuesFor: (of) => secretValues.valuesFor(of),
    stop: () => {
      cancelFeed();
      for (const part of [executor, runner, interlock, reconciler, publisher, signals, sight, notes, monitor, housekeeping])
        part.stop();
    },
  };
}

/** What the log gives within `evidencePatience`: a decision is being made meanwhile, and no log is no reason to lose the reason. */
async function lastLines(
  workload: Pick<Workload, 'id'>,
  { runtime, clock, mask }: { runtime: Runtime; clock: Clock; mask: Mask },
): Promise<readonly string[]> {
  const lines: string[] = [];
  const read = async (): Promise<void> => {
    for await (const line of runtime.logs(workload.id, { tail: evidenceLines }))
      lines.push(mask.mask(line.text).slice(0, longestEvidence));
  };
  await new Promise<void>((resolve) => {
    const cancel = clock.after(evidencePatience, resolve);
    read()
      .catch(() => undefined)
      .finally(() => {
        cancel();
        resolve();
      });
  });
  return lines.slice(-evidenceLines);
}
