import { existsSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { SignalboxError } from '../domain/errors.ts';
import { accessoriesIn } from '../domain/links.ts';
import type { ServiceSpec } from '../domain/spec.ts';
import type { AccessoryHost } from './accessories.ts';
import { planDevelopment } from './command.ts';
import { folderFacts, readEnvFiles, readExample, type ServicePlace, upwards } from './folder.ts';
import { type Installation, installations } from './install.ts';
import type { DevLog } from './log.ts';
import { type DevPlace, markerOf } from './place.ts';
import { shellArgv, startProgram } from './program.ts';
import { endedWords } from './service.ts';
import type { StackService } from './stack.ts';
import { serviceVariables, type ServiceVariables } from './variables.ts';

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
}

export interface Prepared extends StackService {
  /** Lines of Procfile.dev in its folder. */
  readonly procfile: Readonly<Record<string, string>>;
  readonly installation: Installation | undefined;
  readonly notes: readonly string[];
  readonly missing: ServiceVariables['missing'];
}

/** Decides how a service runs and what it lacks; starts nothing. @throws DEV_NOT_INSTALLED */
export async function prepareService(
  spec: ServiceSpec,
  around: Surroundings,
  given: { readonly install: boolean; readonly installed: (program: string) => boolean },
): Promise<Prepared> {
  const place: ServicePlace = { root: around.root, folder: join(around.root, spec.path) };
  if (!existsSync(place.folder))
    throw new SignalboxError('CONFIG_INVALID', `The folder ${spec.path} of ${spec.name} is not there.`);
  const facts = await folderFacts(place, given.installed);
  const plan = planDevelopment(spec, facts);
  const plainFiles = plan.kind === 'files' && plan.prepare === undefined;
  const install = plainFiles ? { needed: undefined } : installations(spec, place, { facts, allowed: given.install });
  const now = variablesOf(spec, place, around);
  return {
    spec,
    place,
    plan,
    procfile: facts.procfile,
    installation: install.needed,
    notes: [...(install.note === undefined ? [] : [install.note]), ...(plainFiles ? [] : now.notes)],
    missing: plainFiles ? [] : now.missing,
    variables: () => completeEnvironment(spec, place, around),
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
        installation: undefined,
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
function completeEnvironment(spec: ServiceSpec, place: ServicePlace, around: Surroundings): Record<string, string> {
  const { env, missing } = variablesOf(spec, place, around);
  if (missing.length > 0) throw missingError([{ service: spec.name, missing }]);
  const path = [
    ...upwards(place).map((folder) => join(folder, 'node_modules', '.bin')),
    join(place.folder, '.venv', 'bin'),
    env['PATH'] ?? '',
    dirname(process.execPath),
  ];
  const { FORCE_COLOR: _forced, NO_COLOR: _none, ...rest } = env;
  return {
    ...rest,
    PATH: path.join(delimiter),
    NODE_ENV: env['NODE_ENV'] ?? 'development',
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

/** Runs what has to be installed, one after another, each once, for everybody to see. @throws PROGRAM_FAILED */
export async function installAll(
  wanted: readonly Installation[],
  by: {
    readonly log: DevLog;
    readonly place: DevPlace;
    readonly env: Readonly<Record<string, string>>;
    readonly ended: () => boolean;
    readonly onProgram: (program: { end(graceMs: number): Promise<void> } | undefined) => void;
  },
): Promise<void> {
  const done = new Set<string>();
  for (const { service, command, cwd, because } of wanted) {
    const key = `${cwd}\0${command}`;
    if (done.has(key) || by.ended()) continue;
    done.add(key);
    by.log.note(service, `${because}: ${command}`);
    const program = startProgram({
      argv: shellArgv(command),
      cwd,
      env: by.env,
      marker: markerOf(by.place, `${service}.install`),
      onLine: (line) => by.log.line(service, line),
    });
    by.onProgram(program);
    const ended = await program.ended;
    by.onProgram(undefined);
    if (ended.code !== 0 && !by.ended())
      throw new SignalboxError('DEV_NOT_INSTALLED', `${command} for ${service} ${endedWords(ended)}; its output is above.`, {
        hint: `Run it in ${cwd} by hand and mend what it says.`,
      });
  }
}
