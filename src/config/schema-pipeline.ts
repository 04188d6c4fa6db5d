import { z } from 'zod';
import type { PipelineSpec, StepSpec } from '../domain/pipeline/spec.ts';
import { millis, type ServiceName } from '../domain/values.ts';
import { durationPattern, parseDuration } from './duration.ts';

/** The keys of `pipeline:` in signalbox.yaml. */

const presetTimeout = '15m';
const presetWhole = '1h';

const limit = () => {
  const error = 'a duration with its unit, such as 30s, 5m or 1h, from 1s to 24h';
  return z
    .string({ error })
    .regex(durationPattern, { error })
    .refine((value) => (parseDuration(value) ?? 0) >= 1000 && (parseDuration(value) ?? Infinity) <= 86_400_000, { error });
};
const command = () => {
  const error = 'a shell command';
  return z
    .string({ error })
    .min(1, { error })
    .max(4096, { error })
    .refine((value) => value.trim() !== '' && !value.includes('\0'), { error });
};

const stepKeys = (name: () => z.ZodString) =>
  z.strictObject(
    {
      run: command().meta({
        description: 'Shell command. Runs in a copy of the build of `service`, in the folder of that service.',
      }),
      service: name().optional().meta({ description: 'Whose build it runs in. Default: the only service.' }),
      needs: z
        .array(name(), { error: 'a list of steps' })
        .default([])
        .meta({ description: 'Steps that have to have passed before.' }),
      env: z
        .record(
          z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/, {
            error: 'a variable name of letters, digits and _ that does not start with a digit',
          }),
          z.union([z.string(), z.number(), z.boolean()], { error: "text, a number or true/false ('' for an empty value)" }),
          { error: 'variables as NAME: value' },
        )
        .default({})
        .meta({ description: 'Variables of the command; it gets none of those of the service.' }),
      timeout: limit().default(presetTimeout).meta({ description: 'Longest time of one try.' }),
      retries: z
        .int({ error: 'a whole number from 0 to 5' })
        .min(0, { error: 'a whole number from 0 to 5' })
        .max(5, { error: 'a whole number from 0 to 5' })
        .default(0)
        .meta({ description: 'How often it is tried again when it fails.' }),
      optional: z
        .boolean({ error: 'true or false' })
        .default(false)
        .meta({ description: 'Its failure is told and stops nothing.' }),
    },
    { error: 'a step: a shell command, or { run, service, needs, … }' },
  );

export const pipelineKey = (name: () => z.ZodString) =>
  z
    .strictObject(
      {
        steps: z
          .record(
            name(),
            z.union([command(), stepKeys(name)], { error: 'a step: a shell command, or { run, service, needs, … }' }),
            {
              error: 'steps as name: { run, … }',
            },
          )
          .optional()
          .meta({
            description:
              'What has to succeed after the builds and before anything ships. Default: the lint and test scripts of each service; {} for none.',
          }),
        timeout: limit().default(presetWhole).meta({ description: 'Longest time of all builds and steps of a run together.' }),
      },
      { error: 'a pipeline: { steps, timeout }' },
    )
    .meta({ id: 'pipeline' })
    .optional()
    .meta({ description: 'What happens to a pushed commit before it ships.' });

export type PipelineFile = z.output<ReturnType<typeof pipelineKey>>;

/** @param services of the app, in the order of the file. A step that names none runs in the first; `cross-checks.ts` asks for a name where there are several. */
export function completePipeline(file: PipelineFile, services: readonly string[]): PipelineSpec {
  const steps = Object.entries(file?.steps ?? {}).map(([name, given]): StepSpec => {
    const step = typeof given === 'string' ? { run: given, needs: [], env: {}, retries: 0, optional: false } : given;
    return {
      name,
      run: step.run,
      service: (('service' in step ? step.service : undefined) ?? services[0] ?? '') as ServiceName,
      needs: step.needs,
      env: Object.fromEntries(Object.entries(step.env).map(([key, value]) => [key, String(value)])),
      timeout: duration('timeout' in step ? step.timeout : presetTimeout),
      retries: step.retries,
      optional: step.optional,
    };
  });
  return { ...(file?.steps === undefined ? {} : { steps }), timeout: duration(file?.timeout ?? presetWhole) };
}

const duration = (text: string) => millis(parseDuration(text) ?? 0);
