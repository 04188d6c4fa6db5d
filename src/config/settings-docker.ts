import { isAbsolute, resolve } from 'node:path';
import { SignalboxError } from '../domain/errors.ts';

/** What runs the instances of an installation. SIGNALBOX_RUNTIME, default `process`. */
export type RuntimeName = 'process' | 'docker';

export interface DockerSettings {
  /** SIGNALBOX_DOCKER_HOST: socket of the engine. Default /var/run/docker.sock. */
  readonly socket: string;
  /** SIGNALBOX_BASE_IMAGE: base of generated Dockerfiles, one for all or `node=…,python=…`. What is not named: by stack. */
  readonly baseImages: BaseImages;
  /** SIGNALBOX_REGISTRY; null: images stay on this machine. */
  readonly registry: RegistrySettings | null;
  /** File with the logins of registries, `$DOCKER_CONFIG/config.json`. Default ~/.docker/config.json; it need not exist. */
  readonly configFile: string;
}

export interface BaseImages {
  readonly node?: string;
  readonly python?: string;
}

export interface RegistrySettings {
  /** `host` or `host:port`. */
  readonly host: string;
  /** What comes before the names of repositories; may be empty. */
  readonly prefix: string;
  /** SIGNALBOX_REGISTRY_USER and SIGNALBOX_REGISTRY_PASSWORD_FILE; null: from the file of logins, or no login at all. */
  readonly login: { readonly user: string; readonly passwordFile: string } | null;
}

type Variables = Readonly<Record<string, string | undefined>>;
type Machine = { readonly homeFolder: string; readonly cwd: string };

/** @throws BAD_SETTING */
export function readRuntime(variables: Variables): RuntimeName {
  const value = text(variables, 'SIGNALBOX_RUNTIME') ?? 'process';
  if (value === 'process' || value === 'docker') return value;
  throw bad('SIGNALBOX_RUNTIME', value, 'process or docker');
}

/** @throws BAD_SETTING */
export function readDockerSettings(variables: Variables, machine: Machine): DockerSettings {
  const folder = text(variables, 'DOCKER_CONFIG') ?? resolve(machine.homeFolder, '.docker');
  return {
    socket: socketOf(variables),
    baseImages: baseImagesOf(variables),
    registry: registryOf(variables, machine),
    configFile: resolve(machine.cwd, folder, 'config.json'),
  };
}

function socketOf(variables: Variables): string {
  const value = text(variables, 'SIGNALBOX_DOCKER_HOST') ?? 'unix:///var/run/docker.sock';
  const path = value.startsWith('unix://') ? value.slice('unix://'.length) : '';
  if (!isAbsolute(path) || path.includes('\0'))
    throw bad('SIGNALBOX_DOCKER_HOST', value, 'a socket on this machine such as unix:///var/run/docker.sock');
  return path;
}

const name = '[a-z0-9]+(?:[._-]+[a-z0-9]+)*';
const host = '[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?(?::\\d{1,5})?';
const imagePattern = new RegExp(
  `^(?:${host}/)?${name}(?:/${name})*(?::[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?(?:@sha256:[0-9a-f]{64})?$`,
);
const registryPattern = new RegExp(`^(${host})((?:/${name})*)/?$`);

function baseImagesOf(variables: Variables): BaseImages {
  const value = text(variables, 'SIGNALBOX_BASE_IMAGE');
  if (value === undefined) return {};
  const images = value.split(',').map((part) => /^(?:(node|python)=)?(.*)$/.exec(part.trim()) ?? []);
  const usable = ([, , image = '']: readonly (string | undefined)[]): boolean =>
    imagePattern.test(image) && /[:@]/.test(image.slice(image.lastIndexOf('/') + 1));
  if (!images.every(usable) || (images.length > 1 && images.some(([, stack]) => stack === undefined)))
    throw bad(
      'SIGNALBOX_BASE_IMAGE',
      value,
      'an image with its version, such as node:20-bookworm-slim, or one for each stack: node=node:20-bookworm-slim,python=python:3.12-slim',
    );
  const named = images.flatMap(([, stack, image = '']): [string, string][] =>
    stack === undefined
      ? [
          ['node', image],
          ['python', image],
        ]
      : [[stack, image]],
  );
  return Object.fromEntries(named);
}

function registryOf(variables: Variables, { cwd }: Machine): RegistrySettings | null {
  const value = text(variables, 'SIGNALBOX_REGISTRY');
  const user = text(variables, 'SIGNALBOX_REGISTRY_USER');
  const passwordFile = text(variables, 'SIGNALBOX_REGISTRY_PASSWORD_FILE');
  if (value === undefined) {
    if (user !== undefined) throw bad('SIGNALBOX_REGISTRY_USER', user, 'SIGNALBOX_REGISTRY beside it');
    return null;
  }
  const match = registryPattern.exec(value);
  // The engine takes a name without dot, port or "localhost" for a repository on Docker Hub.
  if (match?.[1] === undefined || !/[.:]|^localhost$/.test(match[1]))
    throw bad('SIGNALBOX_REGISTRY', value, 'a registry such as registry.example.com/team or 127.0.0.1:5000');
  if ((user === undefined) !== (passwordFile === undefined))
    throw bad(
      user === undefined ? 'SIGNALBOX_REGISTRY_PASSWORD_FILE' : 'SIGNALBOX_REGISTRY_USER',
      user ?? passwordFile ?? '',
      'SIGNALBOX_REGISTRY_USER and SIGNALBOX_REGISTRY_PASSWORD_FILE together',
    );
  return {
    host: match[1],
    prefix: (match[2] ?? '').replace(/^\//, ''),
    login: user === undefined || passwordFile === undefined ? null : { user, passwordFile: resolve(cwd, passwordFile) },
  };
}

/** An empty variable counts as unset. */
const text = (variables: Variables, key: string): string | undefined => {
  const value = variables[key]?.trim();
  return value === undefined || value === '' ? undefined : value;
};

const bad = (variable: string, value: string, expected: string): SignalboxError =>
  new SignalboxError('BAD_SETTING', `${variable} is ${JSON.stringify(value)}; expected ${expected}.`, { details: { variable } });
