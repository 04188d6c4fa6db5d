import { homedir } from 'node:os';
import { isAbsolute, resolve } from 'node:path';
import { SignalboxError } from '../domain/errors.ts';
import { type DockerSettings, readDockerSettings, readRuntime, type RuntimeName } from './settings-docker.ts';
import { type EdgeSettings, readEdgeSettings } from './settings-edge.ts';
import { type ForgeSettings, readForgeSettings } from './settings-forge.ts';
import { readSecretSettings, type SecretSettings } from './settings-secrets.ts';
import { parseTrusted } from './trusted.ts';

/** What the operator of an installation decides, from the environment. The one place that reads it. */
export interface Settings {
  /** SIGNALBOX_HOME: absolute folder of everything Signalbox keeps. Default ~/.signalbox. */
  readonly home: string;
  /** Traffic. 0: any free port. */
  readonly http: {
    readonly host: string;
    readonly port: number;
    readonly httpsPort: number;
    /** SIGNALBOX_PUBLIC_HTTPS_PORT: what clients reach `httpsPort` by, where something in between maps it. Default: itself. */
    readonly publicHttpsPort: number | null;
  };
  /** API and dashboard. 0: any free port. */
  readonly api: { readonly host: string; readonly port: number };
  /** A control plane elsewhere (SIGNALBOX_URL, SIGNALBOX_TOKEN); null: the one of `home`. */
  readonly remote: { readonly url: string; readonly token: string | null } | null;
  /** Processes that carry traffic. Default 1. */
  readonly proxyWorkers: number;
  /** Addresses or CIDR ranges whose X-Forwarded-* is believed. Default: none. */
  readonly trustedProxies: readonly string[];
  readonly edge: EdgeSettings;
  readonly forge: ForgeSettings;
  /** Releases kept per app and environment (default 10), and bytes of artifacts kept over all apps (default 20 GiB). */
  readonly retention: { readonly releases: number; readonly artifactBytes: number };
  readonly runtime: RuntimeName;
  readonly docker: DockerSettings;
  readonly secrets: SecretSettings;
  /** False with NO_COLOR set to anything but an empty text. */
  readonly color: boolean;
}

type Variables = Readonly<Record<string, string | undefined>>;

const gib = 1024 ** 3;

/** @throws BAD_SETTING naming the variable, its value and what is expected. */
export function readSettings(
  variables: Variables,
  machine: { readonly root: boolean; readonly homeFolder: string; readonly cwd: string },
): Settings {
  const port = (name: string, preset: number): number =>
    integer(variables, { name, preset, least: 0, most: 65_535, what: 'a port from 0 (any free one) to 65535' });
  const url = text(variables, 'SIGNALBOX_URL');
  const token = text(variables, 'SIGNALBOX_TOKEN') ?? null;
  return {
    home: homeOf(variables, machine),
    http: {
      host: hostOf(variables, 'SIGNALBOX_HTTP_HOST'),
      port: port('SIGNALBOX_HTTP_PORT', machine.root ? 80 : 8080),
      httpsPort: port('SIGNALBOX_HTTPS_PORT', machine.root ? 443 : 8443),
      publicHttpsPort: port('SIGNALBOX_PUBLIC_HTTPS_PORT', 0) || null,
    },
    api: { host: hostOf(variables, 'SIGNALBOX_API_HOST'), port: port('SIGNALBOX_API_PORT', 7070) },
    remote: url === undefined ? null : { url: webAddress(url), token },
    proxyWorkers: integer(variables, {
      name: 'SIGNALBOX_PROXY_WORKERS',
      preset: 1,
      least: 1,
      most: 64,
      what: 'a whole number from 1 to 64',
    }),
    trustedProxies: parseTrusted('SIGNALBOX_TRUSTED_PROXIES', text(variables, 'SIGNALBOX_TRUSTED_PROXIES') ?? ''),
    edge: readEdgeSettings(variables),
    forge: readForgeSettings(variables),
    retention: {
      releases: integer(variables, {
        name: 'SIGNALBOX_KEEP_RELEASES',
        preset: 10,
        least: 2,
        most: 10_000,
        what: 'a whole number from 2 to 10000',
      }),
      artifactBytes: bytes(variables, 'SIGNALBOX_KEEP_ARTIFACT_BYTES', 20 * gib),
    },
    runtime: readRuntime(variables),
    docker: readDockerSettings(variables, machine),
    secrets: readSecretSettings(variables),
    color: (variables.NO_COLOR ?? '') === '',
  };
}

/** The settings of this process. @throws BAD_SETTING */
export const loadSettings = (): Settings =>
  readSettings(process.env, { root: process.getuid?.() === 0, homeFolder: homedir(), cwd: process.cwd() });

/** A copy of this process's environment for programs that run on the user's behalf (builds, git). */
export const processEnvironment = (): Readonly<Record<string, string>> =>
  Object.fromEntries(Object.entries(process.env).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])));

const bad = (name: string, value: string, expected: string): SignalboxError =>
  new SignalboxError('BAD_SETTING', `${name} is ${JSON.stringify(value)}; expected ${expected}.`, {
    details: { variable: name },
  });

/** An empty variable counts as unset. */
const text = (variables: Variables, name: string): string | undefined => {
  const value = variables[name]?.trim();
  return value === undefined || value === '' ? undefined : value;
};

function integer(
  variables: Variables,
  rule: { name: string; preset: number; least: number; most: number; what: string },
): number {
  const value = text(variables, rule.name);
  if (value === undefined) return rule.preset;
  const number = /^\d{1,6}$/.test(value) ? Number(value) : Number.NaN;
  if (!(number >= rule.least && number <= rule.most)) throw bad(rule.name, value, rule.what);
  return number;
}

function bytes(variables: Variables, name: string, preset: number): number {
  const value = text(variables, name);
  if (value === undefined) return preset;
  const match = /^(\d{1,6})(MiB|GiB|TiB)$/.exec(value);
  const unit = { MiB: 1024 ** 2, GiB: gib, TiB: 1024 * gib }[match?.[2] ?? ''];
  if (unit === undefined || Number(match?.[1]) === 0) throw bad(name, value, 'a size such as 500MiB, 20GiB or 1TiB');
  return Number(match?.[1]) * unit;
}

function homeOf(variables: Variables, machine: { homeFolder: string; cwd: string }): string {
  const value = text(variables, 'SIGNALBOX_HOME');
  if (value === undefined) return resolve(machine.homeFolder, '.signalbox');
  if (value.includes('\0')) throw bad('SIGNALBOX_HOME', value, 'a folder');
  if (value === '~' || value.startsWith('~/')) return resolve(machine.homeFolder, `.${value.slice(1)}`);
  return isAbsolute(value) ? resolve(value) : resolve(machine.cwd, value);
}

function hostOf(variables: Variables, name: string): string {
  const value = text(variables, name);
  if (value === undefined) return '127.0.0.1';
  if (!/^[A-Za-z0-9.:_-]+$/.test(value))
    throw bad(name, value, 'an address or host name to listen on, such as 127.0.0.1 or 0.0.0.0');
  return value;
}

function webAddress(value: string): string {
  const url = URL.canParse(value) ? new URL(value) : undefined;
  if (url === undefined || !['http:', 'https:'].includes(url.protocol) || url.username !== '' || url.search !== '')
    throw bad('SIGNALBOX_URL', value, 'an address such as https://signalbox.example.com');
  return url.href.replace(/\/$/, '');
}
