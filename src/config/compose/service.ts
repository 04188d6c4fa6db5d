import { posix } from 'node:path';
import type { DetectedService } from '../detect/finding.ts';
import { repositoryPath } from '../repository-path.ts';
import { convertVariable, holdsSecret, type Neighbours } from './environment.ts';
import { httpHealth } from './health.ts';
import { commandOf, listOf, mountOf, pairsOf, portOf, textOf, type Values, valuesOf } from './shapes.ts';

/** Why something of a service does not carry over; the place is the key, or a path below the service. */
export interface Reason {
  readonly at: readonly PropertyKey[];
  readonly why: string;
}

export interface ConvertedService {
  readonly entry: Record<string, unknown>;
  readonly reasons: readonly Reason[];
  /** It answers requests. */
  readonly listens: boolean;
}

/** Neither its folder nor a Dockerfile says how it starts. */
export const isUnknown = ({ service, detected, dockerfile }: ServiceToConvert): boolean =>
  detected === undefined && dockerfile === undefined && commandOf(service['command']) === undefined;

export interface ServiceToConvert {
  readonly name: string;
  readonly service: Values;
  /** Folder of the build, from the repository's root. */
  readonly path: string;
  /** What lies in the folder; undefined: nothing is recognised there. */
  readonly detected: DetectedService | undefined;
  /** Text of its Dockerfile. */
  readonly dockerfile: string | undefined;
  readonly neighbours: Neighbours;
  /** Variables that have no value anywhere, by name of the variable that they stand in. */
  readonly open: ReadonlySet<string>;
}

const development = /\b(?:dev|develop|nodemon|--reload|--watch|watch|runserver)\b/;

/** A service that is built from the repository, in the words of signalbox.yaml, without its route. */
export function convertService(given: ServiceToConvert): ConvertedService {
  const { service, path, detected } = given;
  const build = typeof service['build'] === 'string' ? { context: service['build'] } : valuesOf(service['build']);
  const reasons: Reason[] = [];
  const file = repositoryPath(posix.join(path, textOf(build['dockerfile']) ?? 'Dockerfile'));
  const target = textOf(build['target']);
  const command = commandOf(service['command']);
  const entrypoint = commandOf(service['entrypoint']);
  const written = entrypoint === undefined ? command : [entrypoint, command].filter((one) => one !== undefined).join(' ');
  const whole = written === undefined || holdsSecret(written) ? undefined : written;
  if (whole !== written)
    reasons.push({
      at: [entrypoint === undefined ? 'command' : 'entrypoint'],
      why: 'it looks as if it held a secret and was not copied; write `run` by hand, with a variable in its place',
    });
  const forDevelopment = whole !== undefined && development.test(whole);
  const run = whole === undefined || forDevelopment ? undefined : whole;
  const usual = file === posix.join(path, 'Dockerfile');
  const useFile =
    given.dockerfile !== undefined && file !== undefined && (detected === undefined || !usual || target !== undefined);
  const health = httpHealth(service['healthcheck']);
  const ports = [...listOf(service['ports']), ...listOf(service['expose'])].map(portOf).filter((one) => one !== undefined);
  const port = health?.port ?? ports[0]?.target;
  if (ports.length > 1 && ports.some(({ target: other }) => other !== port))
    reasons.push({ at: ['ports'], why: `a service has one port here, ${port ?? '?'}; the others are not reached` });
  if (service['healthcheck'] !== undefined && health === undefined && valuesOf(service['healthcheck'])['disable'] !== true)
    reasons.push({ at: ['healthcheck'], why: 'it asks nothing over HTTP; the port of the service has to answer instead' });
  if (forDevelopment) reasons.push({ at: ['command'], why: `${JSON.stringify(whole)} is for development; it is under \`dev\`` });
  const variables = variablesOf(given, reasons);
  const args = argumentsOf(build, reasons);
  const listens = ports.length > 0 || health !== undefined || detected?.route !== undefined;
  if (run === undefined && !useFile && detected?.static !== undefined)
    return {
      listens: true,
      reasons: [...reasons, ...mountReasons(given)],
      entry: {
        ...(path === '.' ? {} : { path }),
        ...(detected.build === undefined ? {} : { build: detected.build }),
        static: detected.static,
      },
    };
  const start = run ?? detected?.run;
  const check = health?.path ?? detected?.health;
  return {
    listens,
    reasons: [...reasons, ...mountReasons(given)],
    entry: {
      ...(path === '.' ? {} : { path }),
      ...(useFile ? { dockerfile: file } : {}),
      ...(useFile && target !== undefined ? { target } : {}),
      ...(start === undefined || detected?.build === undefined ? {} : { build: detected.build }),
      ...(detected?.release === undefined ? {} : { release: detected.release }),
      ...(start === undefined ? {} : { run: start }),
      ...(forDevelopment && !whole.startsWith('docker') ? { dev: whole } : {}),
      ...(port === undefined || !listens ? {} : { port }),
      ...(check === undefined || !listens ? {} : { health: check }),
      ...replicasOf(service),
      ...resourcesOf(service),
      ...graceOf(textOf(service['stop_grace_period']) ?? ''),
      ...variables,
      ...(Object.keys(args).length === 0 ? {} : { buildEnv: args }),
      ...persistOf(given),
    },
  };
}

function variablesOf(given: ServiceToConvert, reasons: Reason[]): Record<string, unknown> {
  const { service, neighbours, open } = given;
  const pairs = pairsOf(service['environment'], ['environment']);
  const all = new Map([...pairs].flatMap(([name, { value }]) => (value === null ? [] : [[name, value] as const])));
  const env: Record<string, string> = {};
  const requires: string[] = [];
  for (const [name, { value, path }] of pairs) {
    if (/^(?:PORT|HOST|NODE_ENV)$/.test(name)) continue;
    if (!/^[A-Za-z_]\w*$/.test(name)) {
      reasons.push({ at: path, why: `${JSON.stringify(name)} is no name of a variable` });
      continue;
    }
    const converted = convertVariable(name, value ?? '', all, neighbours);
    if (converted.kind === 'given') reasons.push({ at: path, why: `${name} is set by the accessory ${converted.by}` });
    else if (converted.kind === 'secret') {
      requires.push(name);
      reasons.push({
        at: path,
        why: `the value of ${name} looks like a secret and was not copied; give it in .env or by the environment`,
      });
    } else if (value === null || open.has(name)) {
      if (converted.value !== (value ?? '') && converted.value !== '') env[name] = converted.value;
      else requires.push(name);
    } else if (/\$\{[^}]*\./.test(value))
      reasons.push({ at: path, why: `${name} would be read as a reference; write it by hand` });
    else env[name] = converted.value;
  }
  return { ...(Object.keys(env).length === 0 ? {} : { env }), ...(requires.length === 0 ? {} : { requires }) };
}

function argumentsOf(build: Values, reasons: Reason[]): Record<string, string> {
  const args: Record<string, string> = {};
  for (const [name, { value, path }] of pairsOf(build['args'], ['build', 'args'])) {
    if (value === null || value === '') continue;
    const converted = convertVariable(name, value, new Map(), { accessories: [], services: {} });
    if (converted.kind === 'value' && /^[A-Za-z_]\w*$/.test(name)) args[name] = value;
    else reasons.push({ at: path, why: `the value of ${name} looks like a secret and was not copied` });
  }
  return args;
}

const workFolder = (dockerfile: string | undefined): string =>
  [...(dockerfile ?? '').matchAll(/^\s*WORKDIR\s+(\S+)/gim)].at(-1)?.[1] ?? '/app';

/** Named volumes below the folder that the app runs in; dependencies are none. */
function persistOf({ service, dockerfile }: ServiceToConvert): Record<string, unknown> {
  const work = workFolder(dockerfile);
  const folders = listOf(service['volumes'])
    .map(mountOf)
    .flatMap((mount) => (mount?.type === 'volume' && mount.source !== undefined ? [posix.relative(work, mount.target)] : []))
    .filter(
      (folder) => folder !== '' && !folder.startsWith('..') && repositoryPath(folder) !== undefined && !isDependencies(folder),
    );
  return folders.length === 0 ? {} : { persist: [...new Set(folders)] };
}

const isDependencies = (folder: string): boolean =>
  /(?:^|\/)(?:node_modules|\.next|vendor|\.venv|venv|target|\.cache|\.turbo)(?:\/|$)/.test(folder);

function mountReasons({ service, dockerfile, path }: ServiceToConvert): Reason[] {
  const work = workFolder(dockerfile);
  return listOf(service['volumes']).flatMap((value, index): Reason[] => {
    const mount = mountOf(value);
    const at = ['volumes', index];
    if (mount === undefined) return [{ at, why: 'it is of no form that is understood' }];
    if (isDependencies(mount.target)) return [];
    if (mount.type === 'volume' && mount.source === undefined) return [];
    if (mount.type === 'bind') {
      const source = repositoryPath(mount.source ?? '');
      if (mount.target.endsWith('docker.sock')) return [{ at, why: 'the socket of the engine is not handed to services' }];
      if (source !== undefined && (source === path || source.startsWith(`${path}/`) || path === '.'))
        return [
          { at, why: 'source is not mounted: a release is built from a commit, and `signalbox dev` uses the folder itself' },
        ];
      return [
        {
          at,
          why: `the folder ${mount.source ?? ''} of the machine is not mounted; files that the app needs belong into the repository`,
        },
      ];
    }
    const inside = posix.relative(work, mount.target);
    return mount.type === 'volume' && !inside.startsWith('..')
      ? []
      : [{ at, why: `${mount.target} is outside of the folder that the app runs in (${work}); let it write below that` }];
  });
}

function replicasOf(service: Values): Record<string, unknown> {
  const wanted = Number(textOf(valuesOf(service['deploy'])['replicas']) ?? textOf(service['scale']) ?? Number.NaN);
  return Number.isInteger(wanted) && wanted > 1 && wanted <= 64 ? { replicas: wanted } : {};
}

function resourcesOf(service: Values): Record<string, unknown> {
  const limits = valuesOf(valuesOf(valuesOf(service['deploy'])['resources'])['limits']);
  const memory = megabytes(textOf(limits['memory']) ?? textOf(service['mem_limit']) ?? '');
  const cpus = Number(textOf(limits['cpus']) ?? textOf(service['cpus']) ?? Number.NaN);
  const resources = {
    ...(memory === undefined || memory < 16 ? {} : { memoryMb: memory }),
    ...(cpus >= 0.05 && cpus <= 256 ? { cpus } : {}),
  };
  return Object.keys(resources).length === 0 ? {} : { resources };
}

function megabytes(text: string): number | undefined {
  const [, amount, unit = 'b'] = /^(\d+(?:\.\d+)?)\s*([bkmg])?b?$/i.exec(text) ?? [];
  if (amount === undefined) return undefined;
  const factor = { b: 1 / 1_048_576, k: 1 / 1024, m: 1, g: 1024 }[unit.toLowerCase() as 'b' | 'k' | 'm' | 'g'];
  return Math.floor(Number(amount) * factor);
}

/** `1m30s` has two units, which a duration here has not. */
function graceOf(text: string): Record<string, unknown> {
  const units = { h: 3600, m: 60, s: 1 } as const;
  const parts = [...text.matchAll(/(\d+)(h|m|s)(?!s)/g)];
  const seconds = parts.reduce((sum, [, amount, unit]) => sum + Number(amount) * units[unit as 'h' | 'm' | 's'], 0);
  return seconds > 0 && seconds <= 3600 ? { grace: `${seconds}s` } : {};
}
