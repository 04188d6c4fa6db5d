import { expect } from 'vitest';
import { memoryHome, openMemoryStore } from '../../src/adapters/store/memory/store.ts';
import type { Accepted, RollbackRequest, StartRun } from '../../src/control-plane/commands.ts';
import { type ControlPlane, startControlPlane } from '../../src/control-plane/control-plane.ts';
import { activePhase } from '../../src/domain/desired.ts';
import { isRunOver, type Run } from '../../src/domain/pipeline/run.ts';
import type { StepSpec } from '../../src/domain/pipeline/spec.ts';
import type { Release } from '../../src/domain/release.ts';
import { isTerminal, type Rollout } from '../../src/domain/rollout/state.ts';
import type { AppName, EnvironmentName, ReleaseId, RolloutId } from '../../src/domain/values.ts';
import { createHealthMonitor } from '../../src/monitor/health-monitor.ts';
import { type ServiceSketch, type Sketch, sketchRelease } from '../domain/rollout/world.ts';
import { RecordingDataPlane } from './kit/data-plane.ts';
import { Violations } from './kit/fence.ts';
import { Life, mortal } from './kit/life.ts';
import { drawnPlanner, memoryLogs } from './kit/pipelines.ts';
import { MachineRuntime } from './kit/runtime.ts';
import { type Answers, Drawings, lookingProber, Workshop } from './kit/surroundings.ts';
import { clockOf, countedIds, ManualTime } from './kit/time.ts';

export const web = (version: number, more: Partial<ServiceSketch> = {}): ServiceSketch => ({
  name: 'web',
  kind: 'web',
  version,
  replicas: 1,
  ...more,
});
export const api = (version: number, more: Partial<ServiceSketch> = {}): ServiceSketch => ({
  ...web(version, more),
  name: 'api',
});
export const mailer = (version: number, more: Partial<ServiceSketch> = {}): ServiceSketch => ({
  ...web(version, more),
  name: 'mailer',
  kind: 'worker',
});

/** What a deploy brings; blue-green, warm, no smoke list and a bake of 10 s unless said otherwise. */
export type Source = Partial<Omit<Sketch, 'services'>> & { readonly services?: readonly ServiceSketch[] };

/** A whole control plane on a machine, a data plane and a store that outlive it, in virtual time. */
export class Installation {
  readonly time = new ManualTime();
  readonly violations = new Violations();
  readonly runtime = new MachineRuntime(this.time, this.violations);
  readonly dataPlane = new RecordingDataPlane(this.time, this.runtime, this.violations);
  readonly workshop = new Workshop(this.time);
  readonly answers = new Map<ReleaseId, Answers>();
  readonly home = memoryHome();
  /** Faults that the control plane reported and survived. */
  readonly faults: unknown[] = [];
  replaced = 0;
  memoryMb: number | null = null;
  /** What the pipelines of all commits consist of besides builds. */
  steps: readonly StepSpec[] = [];
  readonly logs = memoryLogs();
  life = new Life();
  /** How the next control planes are interfered with. */
  interfere: Life['interfere'] = () => undefined;
  readonly drawings = new Drawings(this.workshop.artifacts);
  readonly #ids = countedIds();
  #plane: ControlPlane | null = null;
  #shas = 0;

  /** Starts a control plane; it may die on the way. */
  async boot(): Promise<void> {
    const life = new Life();
    life.interfere = this.interfere;
    this.life = life;
    this.#plane = null;
    this.home.holder = null;
    this.dataPlane.restartCounts();
    const store = openMemoryStore(this.home);
    const { epoch, clockBase } = await store.acquire();
    const clock = clockOf(this.time, life, clockBase);
    const runtime = mortal('runtime', this.runtime.port(), life, ['watch', 'logs']);
    const prober = mortal('prober', lookingProber(this, this.answers), life);
    let plane: ControlPlane | null = null;
    void startControlPlane({
      epoch,
      store: mortal('store', store, life),
      runtime,
      dataPlane: mortal('dataPlane', this.dataPlane.port(), life, ['candidate', 'stats']),
      source: this.drawings.source(),
      builder: mortal('builder', this.workshop.port(), life),
      freezer: this.drawings.freezer(),
      planner: drawnPlanner(
        (sha) => this.release(sha),
        () => this.steps,
      ),
      stepLogs: this.logs,
      prober,
      clock,
      ids: this.#ids,
      createMonitor: (onChange) => createHealthMonitor({ runtime, prober, clock, onChange }),
      accessories: {
        runtime: 'process',
        passwords: { of: () => Promise.resolve('secret'), forget: () => Promise.resolve() },
        obstacle: () => null,
      },
      folderOf: (artifact) => `/artifacts/${artifact.key}`,
      availableMemory: () => this.memoryMb,
      retention: { releasesPerEnvironment: 50, events: 10_000, artifacts: 50, artifactBytes: 1e12 },
      onReplaced: () => {
        this.replaced += 1;
      },
      onFault: (error) => this.faults.push(error),
    }).then(
      (started) => {
        plane = started;
      },
      (error: unknown) => {
        this.faults.push(error);
        life.kill();
      },
    );
    await this.until(() => plane !== null || life.dead);
    this.#plane = plane;
  }

  get plane(): ControlPlane {
    if (!this.#plane) throw new Error('No control plane runs.');
    return this.#plane;
  }

  /** As `kill -9`: nothing is said or done any more, what runs goes on running. */
  kill(): void {
    this.life.kill();
  }

  async restart(): Promise<void> {
    this.kill();
    await this.time.pass(200);
    await this.boot();
  }

  /** Lets time pass until the condition holds. Fails after `limit` virtual milliseconds. */
  async until(condition: () => boolean, limit = 120_000): Promise<void> {
    const end = this.time.now + limit;
    while (!condition()) {
      if (this.time.now > end) throw new Error(`Not within ${limit} ms:\n${this.describe()}`);
      await this.time.step();
      this.#noticeTwoMoving();
    }
  }

  /** Two rollouts of an environment never move its traffic at the same time. */
  #noticeTwoMoving(): void {
    const moving = this.active().filter((r) => ['shifting', 'rolling-back'].includes(activePhase(r) ?? ''));
    const environments = moving.map((r) => r.environment);
    if (new Set(environments).size < moving.length)
      this.violations.add(`${moving.map((r) => r.release).join(' and ')} move traffic at the same time`);
  }

  /** A promise's result; time passes meanwhile. Undefined when the control plane died first. */
  async during<Result>(promise: Promise<Result>, limit = 120_000): Promise<Result | undefined> {
    let outcome: { readonly value?: Result; readonly error?: unknown } | null = null;
    void promise.then(
      (value) => {
        outcome = { value };
      },
      (error: unknown) => {
        outcome = { error };
      },
    );
    await this.until(() => outcome !== null || this.life.dead, limit);
    const settled = outcome as { readonly value?: Result; readonly error?: unknown } | null;
    if (settled && 'error' in settled) throw settled.error;
    return settled?.value;
  }

  /** The SHA of a commit with this content. */
  commit(source: Source): string {
    const release = sketchRelease(++this.#shas, {
      strategy: 'blue-green',
      warm: true,
      smoke: false,
      bake: 10_000,
      services: [web(this.#shas)],
      ...source,
    });
    this.drawings.add(release);
    return release.sha;
  }

  /** What a commit would be frozen to; `draw` replaces it. */
  release(sha: string): Release {
    return this.drawings.of(sha);
  }

  draw(release: Release): void {
    this.drawings.add(release);
  }

  async deploy(source: Source = {}): Promise<Accepted> {
    return this.accepted(this.plane.commands.deploy(this.request(this.commit(source), source.app)));
  }

  request(sha: string, app = 'shop', environment = 'production') {
    return {
      app: app as AppName,
      environment: environment as EnvironmentName,
      sha,
      dirty: false,
      folder: '.',
      folderName: app,
    };
  }

  rollback(options: Partial<RollbackRequest> = {}): Promise<Accepted> {
    const { app, environment } = this.request('');
    return this.accepted(this.plane.commands.rollback({ app, environment, force: false, ...options }));
  }

  async accepted(promise: Promise<Accepted>): Promise<Accepted> {
    const accepted = await this.during(promise);
    if (!accepted) throw new Error('The control plane died meanwhile.');
    return accepted;
  }

  async steer(verb: 'promote' | 'abort' | 'pause' | 'resume', rollout: string): Promise<void> {
    await this.during(this.plane.commands.steer({ target: { rollout: rollout as RolloutId }, verb }));
  }

  /** A run as it is on record. */
  run(id: string): Run {
    const run = this.home.tables.runs.get(id);
    if (!run) throw new Error(`Run ${id} is not on record.`);
    return run;
  }

  async startRun(source: Source = {}, more: Partial<StartRun> = {}): Promise<string> {
    const { environment, ...request } = this.request(this.commit(source), source.app);
    const started = await this.during(
      this.plane.commands.startRun({
        ...request,
        ref: 'refs/heads/main',
        environments: [environment],
        cause: { by: 'push', who: 'ada' },
        ...more,
      }),
    );
    if (!started) throw new Error('The control plane died meanwhile.');
    return started.run;
  }

  async runEnds(id: string, phase: string, limit?: number): Promise<Run> {
    await this.until(() => isRunOver(this.run(id).phase), limit);
    const run = this.run(id);
    expect(`${run.phase}: ${run.reason?.message ?? ''}`).toMatch(new RegExp(`^${phase}: `));
    this.sound();
    return run;
  }

  /** A rollout as it is on record. */
  rollout(id: string): Rollout {
    const rollout = this.home.tables.rollouts.get(id);
    if (!rollout) throw new Error(`Rollout ${id} is not on record.`);
    return rollout;
  }

  phase(id: string): string {
    return this.rollout(id).phase;
  }

  /** Lets time pass until the rollout is in (or held in) the phase, or has ended otherwise. */
  async reach(id: string, phase: string, limit?: number): Promise<Rollout> {
    await this.until(
      () => this.phase(id) === phase || activePhase(this.rollout(id)) === phase || isTerminal(this.rollout(id).phase),
      limit,
    );
    const rollout = this.rollout(id);
    if (rollout.phase !== phase && activePhase(rollout) !== phase)
      throw new Error(`${id} has ended ${rollout.phase} instead of reaching ${phase}: ${rollout.reason?.message}`);
    return rollout;
  }

  async ended(id: string, limit?: number): Promise<Rollout> {
    await this.until(() => isTerminal(this.rollout(id).phase), limit);
    return this.rollout(id);
  }

  /** Ends it as `phase`, and nothing that the interlocking prevents has happened. */
  async ends(id: string, phase: string, limit?: number): Promise<Rollout> {
    const rollout = await this.ended(id, limit);
    expect(`${rollout.phase}: ${rollout.reason?.message ?? ''}`).toMatch(new RegExp(`^${phase}: `));
    this.sound();
    return rollout;
  }

  /** First release, live and proven. */
  async live(source: Source = {}): Promise<Accepted> {
    const accepted = await this.deploy(source);
    await this.ends(accepted.rolloutId, 'succeeded');
    await this.calm();
    return accepted;
  }

  sound(): void {
    expect(this.violations.list).toEqual([]);
  }

  active(): readonly Rollout[] {
    return [...this.home.tables.rollouts.values()].filter((r) => !isTerminal(r.phase));
  }

  arms(): string {
    return this.dataPlane.arms();
  }

  /** Workloads that the live releases consist of. */
  needed(): readonly string[] {
    const { environments, releases } = this.home.tables;
    const ids = [...environments.values()].flatMap((e) =>
      e.arms.flatMap((a) => releases.get(a.release)?.services.filter((s) => s.workload.kind !== 'static') ?? []),
    );
    return [...new Set(ids.map((s) => s.workload.id as string))].sort();
  }

  /** Everything has come to rest: the machine runs exactly what the live releases consist of, and the served table says so. */
  async calm(): Promise<void> {
    const same = (): boolean => JSON.stringify(this.runtime.running()) === JSON.stringify(this.needed());
    const states = (): readonly { arms: readonly { release: string; weight: number }[]; key: string }[] => [
      ...this.home.tables.environments.values(),
    ];
    const served = (): boolean =>
      states().every((e) => {
        const arms = e.arms.map((a) => `${a.release.split('/').at(-1)}:${a.weight}`).join(' ');
        return this.dataPlane.arms(e.key) === arms;
      });
    await this.until(() => same() && served(), 60_000);
    this.sound();
  }

  describe(): string {
    const { rollouts } = this.home.tables;
    return [
      `at ${this.time.now}, ${this.life.dead ? 'dead' : 'alive'}`,
      ...[...rollouts.values()].map(
        (r) =>
          `${r.id} ${r.kind} ${r.release} ${r.phase}${r.heldIn ? `(${r.heldIn})` : ''} step ${r.step} deadline ${r.deadline} left ${r.clockLeft} ${JSON.stringify(r.health)} ${r.outstanding.map((o) => o.effect.type).join()} ${r.reason?.message ?? ''}`,
      ),
      `arms ${this.arms()}; running ${this.runtime.running().join(' ')}; needed ${this.needed().join(' ')}`,
      `journal ${this.runtime.journal.slice(-12).join(', ')}`,
      `faults ${this.faults.slice(-4).map(String).join(' | ')}`,
      `violations ${this.violations.list.join(' | ')}`,
    ].join('\n');
  }
}

/** An installation whose control plane runs. */
export async function install(): Promise<Installation> {
  const installation = new Installation();
  await installation.boot();
  return installation;
}

export const second = 'shop/production/v2' as ReleaseId;

/** An installation whose second release bakes. */
export async function baking(source: Source = {}): Promise<{ box: Installation; id: string }> {
  const box = await install();
  await box.live();
  const { rolloutId: id } = await box.deploy({ bake: 60_000, ...source });
  await box.reach(id, 'baking');
  return { box, id };
}
