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
      // Paths of a frozen build are those of the repository, not of the app's folder.
      const read: CommitReader['read'] = (path) => source.readFile(request.app, request.sha, path);
      const commands = await Promise.all(declared.map((step) => commandStep(step, { services: frozen.services, read })));
      return {
        subject: frozen.subject,
        steps: [...buildSteps(frozen.services), ...commands],
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

async function commandStep(
  spec: StepSpec,
  of: { services: readonly ReleasedService[]; read: CommitReader['read'] },
): Promise<Planned> {
  const own = of.services.find(({ service }) => service === spec.service);
  if (own === undefined)
    throw new SignalboxError('CONFIG_INVALID', `The step ${spec.name} is for ${spec.service}, which is no service.`);
  const owner = of.services.find(({ build }) => build.key === own.build.key) ?? own;
  return {
    name: spec.name,
    needs: [buildName(owner.service), ...spec.needs],
    work: { type: 'command', spec, recipe: await withTools(own.build, of.read) },
  };
}

/**
 * What a command runs in: the artifact itself. Of an image it is the stage called `test`, else of a Dockerfile made for the stack the one
 * that builds, as the last one has neither the sources nor what only tests need; they share their layers.
 */
async function withTools(build: BuildRecipe, read: CommitReader['read']): Promise<BuildRecipe> {
  const { image } = build;
  if (image === undefined) return build;
  const text = 'text' in image.dockerfile ? image.dockerfile.text : await read(image.dockerfile.path);
  const target = stageFor(text ?? '', 'text' in image.dockerfile);
  if (target === null || target === image.target) return build;
  const recipe = { ...image, target };
  return { ...build, key: imageKey({ recipe, trees: { of: build.key }, env: build.env }), image: recipe };
}

function stageFor(dockerfile: string, ours: boolean): string | null {
  const has = (stage: string): boolean => new RegExp(`^FROM\\s+\\S+\\s+AS\\s+${stage}\\s*$`, 'im').test(dockerfile);
  if (has('test')) return 'test';
  return (ours || /^# signalbox:generated /m.test(dockerfile)) && has('build') ? 'build' : null;
}
