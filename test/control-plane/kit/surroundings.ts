import type { Release, ReleasedService } from '../../../src/domain/release.ts';
import type { BuildKey, EnvironmentName, ReleaseId, WorkloadId } from '../../../src/domain/values.ts';
import type { Builder, BuildResult } from '../../../src/ports/builder.ts';
import type { Freezer, FreezeRequest, Frozen } from '../../../src/ports/freezer.ts';
import type { Prober, Sight } from '../../../src/ports/prober.ts';
import type { Source } from '../../../src/ports/source.ts';
import type { RecordingDataPlane } from './data-plane.ts';
import type { MachineRuntime } from './runtime.ts';
import type { ManualTime } from './time.ts';

const noAnswer = (): Promise<never> => new Promise(() => undefined);

/** Builds take 300 ms. Keys in `failing` fail; the next `throwing` calls throw. */
export class Workshop {
  readonly artifacts = new Set<string>();
  readonly built: string[] = [];
  readonly failing = new Set<string>();
  throwing = 0;
  readonly #time: ManualTime;

  constructor(time: ManualTime) {
    this.#time = time;
  }

  port(): Builder {
    return {
      build: async ({ recipe, service }): Promise<BuildResult> => {
        if (this.throwing > 0) {
          this.throwing -= 1;
          throw new Error('The build room is locked.');
        }
        if (this.artifacts.has(recipe.key)) return { ok: true, cached: true, duration: 0 as never, bytes: 1 };
        await this.#time.sleep(300);
        if (this.failing.has(service)) return { ok: false, end: 'failed', exitCode: 2, tail: ['syntax error'] };
        this.artifacts.add(recipe.key);
        this.built.push(recipe.key);
        return { ok: true, cached: false, duration: 300 as never, bytes: 1 };
      },
      has: async (_app, recipe) => this.artifacts.has(recipe.key),
      prune: async () => 0,
    };
  }
}

/** What the smoke list sees: by release, separately as a candidate and on the public route. Default: 200. */
export interface Answers {
  readonly candidate?: number;
  readonly route?: number;
}

/** Probes the machine's programs, and asks the table that is served for routes. */
export function lookingProber(
  world: { time: ManualTime; runtime: MachineRuntime; dataPlane: RecordingDataPlane },
  answers: ReadonlyMap<ReleaseId, Answers>,
): Prober {
  const { time, runtime, dataPlane } = world;
  return {
    health: async (target, spec) => {
      const well = runtime.healthAt(target.port);
      if (well === 'hangs') {
        await time.sleep(spec.timeout);
        return { ok: false, detail: `GET ${spec.path} did not answer within ${spec.timeout} ms` };
      }
      await time.sleep(2);
      if (well === undefined) return { ok: false, detail: `GET ${spec.path} was refused` };
      return { ok: well, detail: `GET ${spec.path} answered ${well ? 200 : 503}` };
    },
    check: async (request): Promise<Sight> => {
      await time.sleep(3);
      const asked = request.headers['x-signalbox-candidate']?.split(':')[0] as ReleaseId | '*' | undefined;
      // `*` is the public route, by somebody who may look at it.
      const candidate = asked === '*' ? undefined : asked;
      const key = `${request.host.split('.')[0]}/production`;
      const split = dataPlane.split(key);
      const reached = split?.arms.find((a) => (candidate === undefined ? a.weight > 0 : a.release === candidate));
      if (!reached) return { ok: false, detail: `GET ${request.path} answered 404` };
      if (candidate === undefined && split && split.mode.kind !== 'open' && !split.mode.healthPaths.includes(request.path))
        return { ok: false, detail: `GET ${request.path} answered 503` };
      const known = answers.get(reached.release);
      const status = (candidate === undefined ? known?.route : known?.candidate) ?? 200;
      return { ok: status === 200, detail: `GET ${request.host}${request.path} answered ${status}, expected 2xx` };
    },
    close: async () => undefined,
  };
}

/** Sources by SHA, frozen in advance. */
export class Drawings {
  readonly #bySha = new Map<string, { release: Release; notes: readonly string[] }>();
  readonly #artifacts: ReadonlySet<string>;
  /** Every request to freeze, in order. */
  readonly asked: FreezeRequest[] = [];
  /** Services that are built otherwise from now on: another version of a program, say. */
  readonly otherBuilds = new Set<string>();

  constructor(artifacts: ReadonlySet<string>) {
    this.#artifacts = artifacts;
  }

  add(release: Release): void {
    this.#bySha.set(release.sha, { release, notes: [] });
  }

  of(sha: string): Release {
    const drawn = this.#bySha.get(sha);
    if (!drawn) throw new Error(`Nothing is known of ${sha}.`);
    return drawn.release;
  }

  freezer(): Freezer {
    return {
      freeze: async (request): Promise<Frozen> => {
        const { sha, environment } = request;
        this.asked.push(request);
        const drawn = this.of(sha);
        const services = drawn.services.map((s) => placed(s, environment, this.otherBuilds));
        const cached = services.map((s) => s.build.key).filter((key) => this.#artifacts.has(key));
        return {
          services,
          ...(drawn.schedule === undefined ? {} : { schedule: drawn.schedule }),
          ...(drawn.accessories === undefined ? {} : { accessories: drawn.accessories }),
          smoke: drawn.smoke,
          strategy: { ...drawn.strategy, type: drawn.strategy.type === 'static' ? 'blue-green' : drawn.strategy.type },
          subject: drawn.subject,
          cached: new Set(cached),
          notes: [],
        };
      },
    };
  }

  source(): Source {
    return {
      receive: noAnswer,
      version: async (_app, sha) => ({ sha, subject: this.#bySha.get(sha)?.release.subject ?? '', author: 'A' }),
      trees: async () => ({}),
      readFile: async () => null,
      list: async () => [],
      checkout: async () => undefined,
    };
  }
}

/** As it is in an environment: production as drawn, elsewhere under another id and host. */
function placed(s: ReleasedService, environment: EnvironmentName, otherBuilds: ReadonlySet<string>): ReleasedService {
  const key = (otherBuilds.has(s.service) ? `${s.build.key.slice(0, 60)}else` : s.build.key) as BuildKey;
  const build = { ...s.build, key };
  const workload = { ...s.workload, environment, artifact: { ...s.workload.artifact, key } };
  if (environment === 'production') return { ...s, build, workload };
  const id = s.workload.id.replace('-production-', `-${environment}-`) as WorkloadId;
  const routes = s.routes.map((route) => ({ ...route, host: `${environment}.${route.host}` }));
  return { ...s, build, workload: { ...workload, id }, routes };
}
