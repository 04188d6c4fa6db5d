import { z } from 'zod';
import type { DevSpec, RequiredVariable } from '../domain/spec.ts';
import { repositoryPath } from './repository-path.ts';

/** Keys of a service for local development (`signalbox dev`), and the variables it cannot do without. */

const commandError = 'the command for development, a shell command';
const command = () =>
  z
    .string({ error: commandError })
    .max(4096, { error: commandError })
    .refine((value) => value.trim() !== '' && !value.includes('\0'), { error: commandError });

const pathError = 'a path relative to the service folder, not leaving the repository';
const watched = () => z.string({ error: pathError }).refine((value) => repositoryPath(value) !== undefined, { error: pathError });

const portError = 'a port from 1 to 65535';
const devError = 'a command such as npm run dev, or { run, watch, port }';

export const devSchema = z
  .strictObject(
    {
      run: command().optional().meta({
        description: 'Shell command run in `path` in place of `run`; gets PORT and HOST. Default: by framework, else `run`.',
      }),
      watch: z
        .union([z.boolean({ error: 'true, false or a list of paths' }), z.array(watched(), { error: 'a list of paths' })], {
          error: 'true, false or a list of paths',
        })
        .optional()
        .meta({
          description:
            'Restart on change: true for the service folder, or paths relative to it. Default: false with `run` under dev (it reloads itself), else by framework.',
        }),
      port: z
        .int({ error: portError })
        .min(1, { error: portError })
        .max(65_535, { error: portError })
        .optional()
        .meta({ description: 'Port that it listens on whatever PORT says. Default: PORT.' }),
    },
    { error: devError },
  )
  .meta({ id: 'dev', description: 'How the service runs under `signalbox dev`.' });

export const devKey = () =>
  z
    .union([command(), devSchema], { error: devError })
    .optional()
    .meta({ description: 'How the service runs under `signalbox dev`. Default: by framework, else `run`, restarted on change.' });

const requiredError = 'a variable name of letters, digits and _ that does not start with a digit';

export const requiresKey = () =>
  z
    .array(z.string({ error: requiredError }).regex(/^[A-Za-z_][A-Za-z0-9_]*$/, { error: requiredError }), {
      error: 'a list of variable names such as [STRIPE_KEY]',
    })
    .default([])
    .meta({
      description: 'Run-time variables that must have a value, else neither a deploy nor `signalbox dev` starts. Default: none.',
    });

export function completeDev(given: string | z.output<typeof devSchema>): DevSpec {
  if (typeof given === 'string') return { run: given };
  const { run, watch, port } = given;
  return {
    ...(run === undefined ? {} : { run }),
    ...(watch === undefined ? {} : { watch: Array.isArray(watch) ? watch.map((path) => repositoryPath(path) ?? '.') : watch }),
    ...(port === undefined ? {} : { port }),
  };
}

/** @param place of the name with this index in the file; undefined where the services were detected. */
export const completeRequires = (
  names: readonly string[],
  place?: (index: number) => { readonly line: number; readonly column: number },
): RequiredVariable[] => names.map((name, index) => ({ name, ...place?.(index) }));
