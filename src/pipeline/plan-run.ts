import type { RunStep } from '../domain/pipeline/run.ts';
import type { StepSpec } from '../domain/pipeline/spec.ts';
import { SignalboxError } from '../domain/errors.ts';
import type { BuildRecipe, ReleasedService } from '../domain/release.ts';
import type { AppSpec } from '../domain/spec.ts';
import type { Freezer } from '../ports/freezer.ts';
import type { PlanRequest, RunPlan, RunPlanner } from '../ports/pipeline.ts';
import type { Source } from '../ports/source.ts';
import { imageKey } from './build-key.ts';
import type { CommitReader } from './commit-reader.ts';
import { readerOf } from './freezer.ts';

export interface RunPlannerOptions {
  readonly source: Source;
  readonly freezer: Pick<Freezer, 'freeze'>;
  readonly loadSpec: (reader: CommitReader & { readonly folderName: string }) => Promise<{ readonly spec: AppSpec }>;
  /** Steps of an app that declares none. */
  readonly detectSteps: (reader: CommitReader & { readonly folderName: string }, spec: AppSpec) => Promise<readonly StepSpec[]>;
}

/** Builds of every service first, then the steps, each after the build that it runs in. */
export function createRunPlanner({ source, freezer, loadSpec, detectSteps }: RunPlannerOptions): RunPlanner {
  return {
    plan: async (request: PlanRequest): Promise<RunPlan> => {
      const frozen = await freezer.freeze(request);
      const reader = readerOf(source, request);
      const { spec } = await loadSpec(reader);
      const declared = spec.pipeline?.steps ?? (await detectSteps(reader, spec));
      return {
        subject: frozen.subject,
        steps: [...buildSteps(frozen.services), ...declared.map((step) => commandStep(step, frozen.services))],
        timeout: spec.pipeline?.timeout ?? presetTimeout,
      };
    },
  };
}

const presetTimeout = 3_600_000 as RunPlan['timeout'];

type Planned = Pick<RunStep, 'name' | 'work' | 'needs'>;

/** One for each different build, named after its first service. */
function buildSteps(services: readonly ReleasedService[]): readonly Planned[] {
  const first = [...new Map([...services].reverse().map((service) => [service.build.key, service] as const)).values()].reverse();
  return first.map(({ service, build }) => ({
    name: buildName(service),
    needs: [],
    work: { type: 'build', service, recipe: build },
  }));
}

/** A colon cannot be in the name of a declared step. */
const buildName = (service: string): string => `build:${service}`;

function commandStep(spec: StepSpec, services: readonly ReleasedService[]): Planned {
  const own = services.find(({ service }) => service === spec.service);
  if (own === undefined)
    throw new SignalboxError('CONFIG_INVALID', `The step ${spec.name} is for ${spec.service}, which is no service.`);
  const owner = services.find(({ build }) => build.key === own.build.key) ?? own;
  return {
    name: spec.name,
    needs: [buildName(owner.service), ...spec.needs],
    work: { type: 'command', spec, recipe: withTools(own.build) },
  };
}

/**
 * What a command runs in: the artifact itself. Of an image made for the stack it is the stage that builds, as the last one has neither
 * the sources nor what only tests need; both share their layers.
 */
function withTools(build: BuildRecipe): BuildRecipe {
  const image = build.image;
  if (image === undefined || !('text' in image.dockerfile) || !/^FROM \S+ AS build$/m.test(image.dockerfile.text)) return build;
  const recipe = { ...image, target: 'build' };
  return { ...build, key: imageKey({ recipe, trees: { of: build.key }, env: build.env }), image: recipe };
}
