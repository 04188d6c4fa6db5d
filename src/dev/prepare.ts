import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { SignalboxError } from '../domain/errors.ts';
import { accessoriesIn } from '../domain/links.ts';
import type { ServiceSpec } from '../domain/spec.ts';
import type { AccessoryHost } from './accessories.ts';
import { planDevelopment } from './command.ts';
import { folderFacts, readEnvFiles, readExample, type ServicePlace, upwards } from './folder.ts';
import { type Installation, type Installations, installations } from './install.ts';
import type { StackService } from './stack.ts';
import { serviceVariables, type ServiceVariables } from './variables.ts';
import type { Workplaces } from './workplace.ts';

export interface Surroundings {
  readonly root: string;
  /** Variables of the environment for development. */
  readonly environment: Readonly<Record<string, string>>;
  readonly environmentName: string;
  readonly app: string;
  readonly shell: Readonly<Record<string, string>>;
  /** Release-local address of a service. */
  readonly urlOf: (service: string) => string;
  /** Null before they have been started. */
  readonly accessories: () => AccessoryHost | null;
  /** Those that are started, or will be. */
  readonly accessoryNames: readonly string[];
  readonly colour: boolean;
  /** Variables for development servers, weaker than all others. */
  readonly presets: Readonly<Record<string, string>>;
}

export interface Prepared extends StackService {
  /** Lines of Procfile.dev in its folder. */
  readonly procfile: Readonly<Record<string, string>>;
  /** Looked at anew at each call. */
  readonly installation: () => Installation | undefined;
  readonly notes: readonly string[];
  readonly missing: ServiceVariables['missing'];
  /** Files as they are: nothing runs for it. */
  readonly idle: boolean;
}

/** Decides how a service runs and what it lacks; starts nothing. @throws DEV_NOT_INSTALLED */
export async function prepareService(
  spec: ServiceSpec,
  around: Surroundings,
  given: { readonly install: boolean; readonly workplaces: Workplaces },
): Promise<Prepared> {
  const place: ServicePlace = { root: around.root, folder: join(around.root, spec.path) };
  if (!existsSync(place.folder))
    throw new SignalboxError('CONFIG_INVALID', `The folder ${spec.path} of ${spec.name} is not there.`);
  const workplace = await given.workplaces.of(spec);
  const facts = await folderFacts(place, (program) => workplace.has(program));
  const plan = planDevelopment(spec, facts);
  const plainFiles = plan.kind === 'files' && plan.prepare === undefined;
  const look = (): Installations =>
    plainFiles ? { needed: undefined } : installations(spec, place, { facts, allowed: given.install, workplace });
  const install = look();
  const now = variablesOf(spec, place, around);
  return {
    spec,
    place,
    plan,
    workplace,
    procfile: facts.procfile,
    installation: () => look().needed,
    notes: [...(install.note === undefined ? [] : [install.note]), ...(plainFiles ? [] : now.notes)],
    missing: plainFiles ? [] : now.missing,
    idle: plainFiles,
    variables: () => completeEnvironment({ spec, place, workplace }, around),
  };
}

/** What Procfile.dev starts beside the services, such as a compiler of styles: once per folder, as workers. */
export function procfileExtras(prepared: Prepared, services: readonly ServiceSpec[]): Prepared[] {
  const { spec, procfile } = prepared;
  const [first] = services.filter(({ path }) => path === spec.path);
  if (first?.name !== spec.name) return [];
  return Object.entries(procfile)
    .filter(([name]) => !services.some((service) => service.name === name) && name !== 'release')
    .map(([name, line]) => {
      const { release: _release, static: _static, ...rest } = spec;
      return {
        ...prepared,
        spec: { ...rest, name: name as ServiceSpec['name'], kind: 'worker' as const, run: line, routes: [], requires: [] },
        plan: { kind: 'command' as const, run: line, says: line, because: 'Procfile.dev', reloads: true, env: {} },
        installation: () => undefined,
        notes: [],
        missing: [],
      };
    });
}

const reference = /\$\{services\.([a-z0-9-]+)\.url\}/g;

function variablesOf(spec: ServiceSpec, place: ServicePlace, around: Surroundings): ServiceVariables {
  const accessories = around.accessories();
  const resolve = (value: string): string | undefined => {
    const local = value.replaceAll(reference, (_, name: string) => around.urlOf(name));
    if (accessoriesIn({ local }).some((name) => !around.accessoryNames.includes(name))) return undefined;
    return accessories?.resolve(local) ?? local;
  };
  return serviceVariables({
    service: spec,
    environment: around.environment,
    files: readEnvFiles(place),
    shell: around.shell,
    resolve,
    example: readExample(place),
  });
}

/** @throws VARIABLE_MISSING */
function completeEnvironment(
  { spec, place, workplace }: Pick<Prepared, 'spec' | 'place' | 'workplace'>,
  around: Surroundings,
): Record<string, string> {
  const variables = variablesOf(spec, place, around);
  if (variables.missing.length > 0) throw missingError([{ service: spec.name, missing: variables.missing }]);
  const programs = [...upwards(place).map((folder) => join(folder, 'node_modules', '.bin')), join(place.folder, '.venv', 'bin')];
  const { FORCE_COLOR: _forced, NO_COLOR: _none, ...rest } = workplace.environment(variables, programs);
  return {
    ...around.presets,
    ...rest,
    NODE_ENV: rest['NODE_ENV'] ?? 'development',
    PYTHONUNBUFFERED: '1',
    npm_config_update_notifier: 'false',
    ...(around.colour ? { FORCE_COLOR: '1', CLICOLOR_FORCE: '1' } : { NO_COLOR: '1' }),
    SIGNALBOX_APP: around.app,
    SIGNALBOX_ENVIRONMENT: around.environmentName,
    SIGNALBOX_SERVICE: spec.name,
  };
}

/** All that is missing, by name and by who asks for it. */
export function missingError(
  all: readonly { readonly service: string; readonly missing: ServiceVariables['missing'] }[],
): SignalboxError {
  const words = all.map(
    ({ service, missing }) => `${service} needs ${missing.map(({ name, asked }) => `${name} (${asked})`).join(', ')}`,
  );
  const example = all.some(({ missing }) => missing.some(({ asked }) => asked.startsWith('.env.example')));
  return new SignalboxError('VARIABLE_MISSING', `Variables are missing: ${words.join('; ')}.`, {
    hint: `Write them into .env beside signalbox.yaml${example ? ' (`cp .env.example .env` is a start)' : ''}.`,
    details: { missing: all.map(({ service, missing }) => ({ service, names: missing.map(({ name }) => name) })) },
  });
}
