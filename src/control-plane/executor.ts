import { catalogue, SignalboxError } from '../domain/errors.ts';
import type { Release, ReleasedService, Workload } from '../domain/release.ts';
import type { RolloutEvent } from '../domain/rollout/events.ts';
import { isAsked } from '../domain/rollout/plan.ts';
import type { Effect, Reason, Rollout } from '../domain/rollout/state.ts';
import type { SmokeCheck } from '../domain/spec.ts';
import { type Millis, millis, type RolloutId } from '../domain/values.ts';
import type { Builder, BuildResult } from '../ports/builder.ts';
import type { Clock } from '../ports/clock.ts';
import type { DataPlane } from '../ports/data-plane.ts';
import type { Prober } from '../ports/prober.ts';
import type { OneOffResult, Runtime } from '../ports/runtime.ts';
import type { Addresses } from './addresses.ts';
import type { Plant } from './plant.ts';
import type { Publisher } from './publisher.ts';

export interface Executor {
  /** Starts what rollouts ask for and is not under way; gives up what nobody waits for any more. */
  sync(): void;
  stop(): void;
}

export interface ExecutorPorts {
  readonly plant: Plant;
  readonly builder: Builder;
  readonly runtime: Runtime;
  readonly dataPlane: DataPlane;
  readonly prober: Prober;
  readonly publisher: Publisher;
  readonly addresses: Addresses;
  readonly clock: Clock;
  /** Reports a result; tried again until it is on record or nobody waits for it. */
  readonly report: (rollout: RolloutId, event: RolloutEvent) => Promise<void>;
  readonly onLine: (line: { rollout: RolloutId; service: string; line: string }) => void;
  /** Waits until what the release needs beside its services is healthy; else says why it is not. */
  readonly untilAccessories: (rollout: Rollout, release: Release, signal: AbortSignal) => Promise<Reason | null>;
  /** Waits until the release that traffic goes back to has a healthy instance of each service, for a while. */
  readonly untilServable: (rollout: Rollout, signal: AbortSignal) => Promise<void>;
  /** False: what failed just now is the runtime's fault. */
  readonly isSteady: (rollout: Rollout) => Promise<boolean>;
  readonly onFault: (error: unknown) => void;
}

/** Longest wait for one smoke answer. A first page may be compiled or connect to its database. */
const smokeTimeout = millis(10_000);
/** A check fails only when it failed this often in a row. */
const smokeAttempts = 3;
const smokePause = millis(300);
/** How long builds that cannot even begin are tried again. */
const buildPatience = 120_000;
/** What `Runtime.run` refuses before anything was started. */
const neverStarted: ReadonlySet<string> = new Set([
  'START_FAILED',
  'ARTIFACT_MISSING',
  'SECRET_MISSING',
  'SECRET_DAMAGED',
  'SECRET_REFUSED',
]);

export function createExecutor(ports: ExecutorPorts): Executor {
  const { plant, builder, runtime, dataPlane, prober, publisher, addresses, clock } = ports;
  const running = new Map<string, AbortController>();
  let stopped = false;

  async function carryOut(id: string, effect: Effect, rollout: Rollout, signal: AbortSignal): Promise<RolloutEvent> {
    const release = plant.releases().get(rollout.release);
    if (!release) throw new Error(`Release ${rollout.release} is not on record.`);
    switch (effect.type) {
      case 'build':
        return build(id, rollout, release, signal);
      case 'accessories': {
        const reason = await ports.untilAccessories(rollout, release, signal);
        return reason ? { type: 'accessories-failed', effect: id, reason } : { type: 'accessories-ready', effect: id };
      }
      case 'release-command':
        return releaseCommand({ id, service: effect.service, rollout, release, signal });
      case 'smoke-candidate':
        await publisher.ensure();
        return blamed(rollout, await smoke(id, release, checksBefore(rollout, release), candidateOf(rollout, release)));
      case 'smoke-route':
        return blamed(rollout, await smoke(id, release, rollout.plan.smoke, await routeOf(rollout, release)));
      case 'warm-up':
        await ports.untilServable(rollout, signal);
        return { type: 'warmed-up', effect: id };
      case 'publish':
        await publisher.ensure();
        return { type: 'published', effect: id, wall: clock.wall() };
    }
  }

  const tokenOf = ({ environment }: Rollout): string => plant.environment(environment)?.candidateToken ?? '';
  /** What starts only at the switch cannot be asked before; on the route it is. */
  const checksBefore = (rollout: Rollout, release: Release): readonly SmokeCheck[] =>
    rollout.plan.smoke.filter((check) => {
      const { service } = ownerOf(release, check);
      return !rollout.plan.starts.some((s) => s.service === service && s.when === 'switch');
    });

  const candidateOf = (rollout: Rollout, release: Release) => dataPlane.candidate(release.id, tokenOf(rollout));

  /** While a person holds or stops the traffic the public route answers nobody, and that is not the release's fault. */
  const routeOf = async (rollout: Rollout, release: Release) =>
    plant.environment(rollout.environment)?.traffic.kind === 'open'
      ? { ...dataPlane.candidate('*', tokenOf(rollout)), baseUrl: await addresses.http() }
      : candidateOf(rollout, release);

  async function build(id: string, rollout: Rollout, release: Release, signal: AbortSignal): Promise<RolloutEvent> {
    const needed = release.services.filter((s) =>
      rollout.plan.builds.some((b) => b.service === s.service && isAsked(rollout.plan, b)),
    );
    const results = await Promise.all(
      needed.map(async (s) => ({
        service: s.service,
        result: await builder.build({
          app: release.app,
          service: s.service,
          sha: release.sha,
          recipe: s.build,
          signal,
          onLine: (line) => ports.onLine({ rollout: rollout.id, service: s.service, line }),
        }),
      })),
    );
    for (const { service, result } of results) {
      if (!result.ok) return { type: 'build-failed', effect: id, reason: buildReason(service, result) };
    }
    return { type: 'built', effect: id };
  }

  async function releaseCommand(what: {
    id: string;
    service: string;
    rollout: Rollout;
    release: Release;
    signal: AbortSignal;
  }): Promise<RolloutEvent> {
    const { id, service, release, signal } = what;
    const released = release.services.find((s) => s.service === service);
    const command = released?.releaseCommand;
    if (!released || !command) throw new Error(`${service} has no release command.`);
    const result = await runtime.run({
      id,
      workload: released.workload,
      command: command.run,
      env: await variables(released),
      timeout: command.timeout,
      epoch: plant.epoch,
      signal,
    });
    if (result.end === 'lost') return { type: 'command-lost', effect: id, reason: lostReason(service, command.run, result) };
    if (result.end === 'exited' && result.exitCode === 0) return { type: 'command-done', effect: id };
    return { type: 'command-failed', effect: id, reason: commandReason(service, command.run, command.timeout, result) };
  }

  /** @throws ACCESSORY_UNHEALTHY when one has no address (any more); tried again. */
  const variables = async ({ workload }: ReleasedService): Promise<Readonly<Record<string, string>>> => {
    const found = await addresses.variables(workload);
    if (found === null)
      throw new SignalboxError('ACCESSORY_UNHEALTHY', `An accessory that ${workload.service} refers to has no address.`);
    return found.env;
  };

  /** A check that failed because the runtime was away is made again. @throws RUNTIME_UNAVAILABLE */
  async function blamed(rollout: Rollout, outcome: RolloutEvent): Promise<RolloutEvent> {
    if (outcome.type !== 'smoke-failed' || (await ports.isSteady(rollout))) return outcome;
    throw new SignalboxError('RUNTIME_UNAVAILABLE', `${outcome.reason.message}; the runtime is away or has only just come back.`);
  }

  async function smoke(
    id: string,
    release: Release,
    checks: readonly SmokeCheck[],
    to: { baseUrl: string; headers: Readonly<Record<string, string>> },
  ): Promise<RolloutEvent> {
    const sights = await Promise.all(checks.map((check) => checkOnce(release, check, to)));
    const failed = sights.find((s) => !s.ok);
    if (!failed) return { type: 'smoke-passed', effect: id };
    const message = sights
      .filter((s) => !s.ok)
      .map((s) => s.detail)
      .join('; ');
    return {
      type: 'smoke-failed',
      effect: id,
      reason: { code: 'SMOKE_FAILED', message, ...(failed.service ? { service: failed.service } : {}) },
    };
  }

  async function checkOnce(
    release: Release,
    check: SmokeCheck,
    to: { baseUrl: string; headers: Readonly<Record<string, string>> },
  ) {
    const { host, service } = ownerOf(release, check);
    const request = {
      ...to,
      host,
      path: check.path,
      timeout: smokeTimeout,
      ...(check.status === undefined ? {} : { status: check.status }),
      ...(check.contains === undefined ? {} : { contains: check.contains }),
    };
    let sight = await prober.check(request);
    for (let attempt = 1; attempt < smokeAttempts && !sight.ok; attempt++) {
      await pause(smokePause);
      sight = await prober.check(request);
    }
    return { ...sight, service };
  }

  const pause = (wait: Millis): Promise<void> =>
    new Promise((resolve) => {
      clock.after(wait, resolve);
    });

  async function run(id: string, effect: Effect, rollout: Rollout): Promise<void> {
    const control = new AbortController();
    const commanded = effect.type === 'release-command' ? workloadOf(rollout, effect.service) : undefined;
    running.set(id, control);
    const began = clock.now();
    for (let wait = 250; !control.signal.aborted && !stopped; wait = Math.min(wait * 2, 5000)) {
      try {
        const outcome = await carryOut(id, effect, rollout, control.signal).catch((error: unknown) =>
          givenUp({ id, effect, error, since: clock.now() - began }),
        );
        if (!control.signal.aborted && !stopped) await ports.report(rollout.id, outcome);
        break;
      } catch (error) {
        // The effect is still asked for: it is idempotent, so it is tried again.
        ports.onFault(error);
        await pause(millis(wait));
      }
    }
    running.delete(id);
    if (commanded && !plant.rollout(rollout.id)) await forgetUnused(commanded).catch(ports.onFault);
  }

  const workloadOf = (rollout: Rollout, service: string): Workload | undefined =>
    plant
      .releases()
      .get(rollout.release)
      ?.services.find((s) => s.service === service)?.workload;

  /** Of a workload whose release command ended the rollout no instance ever ran: nobody else would find what it left. */
  async function forgetUnused({ id }: Workload): Promise<void> {
    const needed = [...plant.releases().values()].some((r) => r.services.some((s) => s.workload.id === id));
    const observed = await runtime.observe();
    if (!needed && !observed.some((o) => o.workload === id)) await runtime.forget(id);
  }

  return {
    sync: () => {
      if (stopped) return;
      const wanted = new Set<string>();
      for (const rollout of plant.rollouts()) {
        for (const { id, effect } of rollout.outstanding) {
          wanted.add(id);
          if (!running.has(id)) void run(id, effect, rollout);
        }
      }
      for (const [id, control] of running) if (!wanted.has(id)) control.abort();
    },
    stop: () => {
      // Nothing is aborted: what is under way is joined by the next control plane, a release command above all.
      stopped = true;
    },
  };
}

/** Host and service that a check is about: the longest route of the release that covers its path. */
function ownerOf(release: Release, check: SmokeCheck): { host: string; service: string | undefined } {
  const path = check.path.split('?')[0] ?? '/';
  const covering = release.services
    .flatMap((s) => s.routes.map((route) => ({ route, service: s.service })))
    .filter(({ route }) => (check.host === undefined || route.host === check.host) && covers(route.path, path))
    .sort((a, b) => b.route.path.length - a.route.path.length);
  const best = covering[0];
  const host = check.host ?? best?.route.host ?? 'localhost';
  return { host: host === '*' ? 'localhost' : host.replace('*', 'www'), service: best?.service };
}

const covers = (prefix: string, path: string): boolean =>
  prefix === '/' || path === prefix || path.startsWith(prefix.endsWith('/') ? prefix : `${prefix}/`);

function buildReason(service: string, result: BuildResult & { readonly ok: false }): Reason {
  if (result.because !== undefined) return { ...result.because, service, log: result.tail };
  const how =
    result.end === 'timed-out'
      ? 'took too long and was ended'
      : result.end === 'no-space'
        ? 'ran out of disk space'
        : result.end === 'cancelled'
          ? 'was cancelled'
          : `failed${result.exitCode === null ? '' : ` (exit ${result.exitCode})`}`;
  const code = result.end === 'no-space' ? 'NO_SPACE' : 'BUILD_FAILED';
  return { code, message: `The build of ${service} ${how}.`, service, log: result.tail };
}

/**
 * The outcome of an effect that cannot even be carried out: a source that is gone, an artifact that is damaged. Without it the
 * rollout would prepare for ever. @throws the error itself while trying again may help.
 */
function givenUp(what: { id: string; effect: Effect; error: unknown; since: number }): RolloutEvent {
  const { id, effect, error, since } = what;
  const known = error instanceof SignalboxError ? error : null;
  const forGood = known !== null && !catalogue[known.code].retryable && known.code !== 'STALE_EPOCH';
  const message = error instanceof Error ? error.message : String(error);
  if (effect.type === 'build' && (forGood || since >= buildPatience))
    return {
      type: 'build-failed',
      effect: id,
      reason: { code: known?.code ?? 'INTERNAL', message: `Nothing was built: ${message}` },
    };
  if (effect.type === 'release-command' && known !== null && neverStarted.has(known.code))
    return { type: 'command-failed', effect: id, reason: { code: known.code, message, service: effect.service } };
  throw error;
}

function commandReason(service: string, run: string, timeout: Millis, result: OneOffResult): Reason {
  if (result.end === 'timed-out') {
    return {
      code: 'COMMAND_TIMED_OUT',
      message: `"${run}" did not end within ${timeout / 1000} s and was ended.`,
      service,
      log: result.tail,
    };
  }
  const how = result.exitCode === null ? 'was ended' : `exited with ${result.exitCode}`;
  return { code: 'COMMAND_FAILED', message: `"${run}" ${how}.`, service, log: result.tail };
}

const lostReason = (service: string, run: string, result: OneOffResult): Reason => ({
  code: 'COMMAND_LOST',
  message: `"${run}" was started, and its end was not seen (the machine went down?).`,
  service,
  log: result.tail,
});
