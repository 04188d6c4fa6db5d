import { type EnvEntry, expanded } from '../config/env-file.ts';
import type { ServiceSpec } from '../domain/spec.ts';

/** One file of variables that was read, weakest first in a list. */
export interface ReadEnvFile {
  /** As people know it, relative to the repository. */
  readonly name: string;
  readonly entries: readonly EnvEntry[];
}

export interface VariableSources {
  readonly service: ServiceSpec;
  /** Of `environments.dev` or `environments.development`. */
  readonly environment: Readonly<Record<string, string>>;
  /** Weakest first: `.env`, `.env.development`, `.env.local`, `.env.development.local`; the repository's before the service's. */
  readonly files: readonly ReadEnvFile[];
  /** Of the terminal. */
  readonly shell: Readonly<Record<string, string>>;
  /** Puts addresses in place of references; a text that stays the same had none. Undefined: it refers to what is not started. */
  readonly resolve: (value: string) => string | undefined;
  /** Entries of `.env.example`. */
  readonly example: readonly EnvEntry[];
}

export interface ServiceVariables {
  readonly env: Readonly<Record<string, string>>;
  /** What a person might not expect, in sentences. */
  readonly notes: readonly string[];
  readonly missing: readonly MissingVariable[];
  /** Names that signalbox.yaml, a file of variables or `.env.example` mentions; the others are the terminal's alone. */
  readonly named: ReadonlySet<string>;
}

export interface MissingVariable {
  readonly name: string;
  /** Who asks for it: `signalbox.yaml:12` or `.env.example:3`. */
  readonly asked: string;
}

/** Ours, and what decides where a service is reached. */
const notPassed = /^(?:SIGNALBOX_.*|PORT|HOST|NODE_ENV|OLDPWD|PWD|_|SHLVL|INIT_CWD|npm_(?!config_).*)$/;

/**
 * The whole environment of a service. Weakest first: the terminal's, what signalbox.yaml says, files of variables, the terminal's where a
 * file or signalbox.yaml names the same variable. What refers to another service or an accessory wins over all of it: at the desk
 * nothing talks to production by mistake.
 */
export function serviceVariables(sources: VariableSources): ServiceVariables {
  const { service, environment, files, shell, resolve } = sources;
  const notes: string[] = [];
  const passed = Object.fromEntries(Object.entries(shell).filter(([name]) => !notPassed.test(name)));
  const declared: Record<string, string> = { ...service.buildEnv, ...service.env, ...environment };
  const fromFiles: Record<string, string> = {};
  const fileOf = new Map<string, string>();
  for (const file of files)
    for (const entry of file.entries) {
      fromFiles[entry.name] = expanded(entry, { ...passed, ...fromFiles });
      fileOf.set(entry.name, file.name);
    }
  const local: Record<string, string> = {};
  const unmet: string[] = [];
  for (const [name, value] of Object.entries(declared)) {
    const resolved = resolve(value);
    if (resolved === undefined) unmet.push(name);
    else if (/\$\{(?:services|accessories)\./.test(value)) local[name] = resolved;
  }
  for (const name of Object.keys(local)) {
    const from = fileOf.get(name) ?? (Object.hasOwn(passed, name) ? 'the terminal' : undefined);
    if (from !== undefined) notes.push(`${name} of ${from} is not used: here it is what signalbox.yaml refers to`);
  }
  const named = new Set([...Object.keys(declared), ...Object.keys(fromFiles)]);
  const fromShell = Object.fromEntries(Object.entries(passed).filter(([name]) => named.has(name)));
  for (const name of unmet) delete declared[name];
  const env = { ...passed, ...declared, ...fromFiles, ...fromShell, ...local };
  const open = undecidedIn(sources, env);
  if (open.length > 0) notes.push(`${open.join(', ')} of .env.example ${open.length === 1 ? 'is' : 'are'} not set`);
  const asked = [...(service.requires ?? []), ...sources.example].map(({ name }) => name);
  return { env, notes, missing: missingOf(sources, env, unmet), named: new Set([...named, ...asked]) };
}

/** `requires`, and what `.env.example` marks as required, wants a value. */
function missingOf(
  { service, example }: VariableSources,
  env: Readonly<Record<string, string>>,
  unmet: readonly string[],
): MissingVariable[] {
  const empty = (name: string): boolean => (env[name] ?? '') === '' && !decidedByUs.has(name);
  const required = (service.requires ?? [])
    .filter(({ name }) => empty(name))
    .map(({ name, line }) => ({ name, asked: line === undefined ? 'signalbox.yaml' : `signalbox.yaml:${line}` }));
  const without = unmet
    .filter((name) => empty(name) && !required.some((one) => one.name === name))
    .map((name) => ({ name, asked: 'env in signalbox.yaml, by an accessory that is not started' }));
  const marked = example
    .filter(({ name, comment }) => /\brequired\b/i.test(comment) && !/\bnot required\b/i.test(comment) && empty(name))
    .filter(({ name }) => !required.some((one) => one.name === name))
    .map(({ name, line }) => ({ name, asked: `.env.example:${line}` }));
  return [...required, ...without, ...marked];
}

/** Names that `.env.example` leaves open and nobody has decided about, be it with an empty value: worth a word, no more. */
function undecidedIn({ service, example }: VariableSources, env: Readonly<Record<string, string>>): string[] {
  const asked = new Set((service.requires ?? []).map(({ name }) => name));
  return example
    .filter(({ name, value, comment }) => value === '' && !asked.has(name) && !/\b(?:required|optional)\b/i.test(comment))
    .map(({ name }) => name)
    .filter((name) => !Object.hasOwn(env, name) && !decidedByUs.has(name));
}

const decidedByUs = new Set(['PORT', 'HOST', 'NODE_ENV']);

/** Names of files with variables, weakest first. */
export const envFileNames = ['.env', '.env.development', '.env.local', '.env.development.local'] as const;
