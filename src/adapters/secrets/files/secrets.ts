import { type FileHandle, mkdir, open, readdir, readFile, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { SignalboxError } from '../../../domain/errors.ts';
import {
  refuseUnusableSecret,
  type SecretSummary,
  type SecretVersion,
  secretMissing,
  secretNamePattern,
} from '../../../domain/secrets.ts';
import type { AppName, EnvironmentName, WallTime } from '../../../domain/values.ts';
import type { SecretId, SecretPlace, SecretRecord, Secrets } from '../../../ports/secrets.ts';
import { turns } from '../../../wire/turns.ts';
import { createFile, isDraft, replaceFile, syncFolder } from './disk.ts';
import { BadEnvelope, type InstallationKey, openEnvelope, readFacts, rewrapEnvelope, sealEnvelope } from './envelope.ts';
import { beginRotation, endRotation, nextFile, openKeyFile } from './key-file.ts';

export interface FileSecretsOptions {
  /** `<folder>/<app>/<environment>/<NAME>/<version>.secret`; `.removed` keeps the number of one that is gone. */
  readonly folder: string;
  /** The key of the installation. */
  readonly keyFile: string;
  /** Seals the key; null: it lies in its file, readable by its owner alone. */
  readonly passphrase: string | null;
  readonly wall: () => WallTime;
}

/**
 * Secrets as encrypted files. Finishes what was interrupted: drafts and removals are cleared away, a rotation goes on.
 * @throws SECRETS_LOCKED
 */
export async function openFileSecrets(options: FileSecretsOptions): Promise<Secrets> {
  const { folder, keyFile, passphrase, wall } = options;
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const all = await everyVersion(folder);
  const found = await openKeyFile(keyFile, passphrase, all.length === 0);
  /** Old ones, too: what was read before a rotation may be opened after it. */
  const keys = new Map<string, Buffer>();
  const learn = (key: InstallationKey): void => void keys.set(key.id, key.key);
  let current = found.current;
  learn(current);
  const keyOf = (id: string): Buffer | undefined => keys.get(id);
  const inTurn = turns();
  const alone = async <Result>(work: () => Promise<Result>): Promise<Result> => {
    const done: { result?: Result } = {};
    await inTurn('secrets', async () => {
      done.result = await work();
    });
    return done.result as Result;
  };

  const folderOf = ({ app, environment, name }: SecretId): string => join(folder, app, environment, name);
  const fileOf = (id: SecretId, version: number): string => join(folderOf(id), `${version}.secret`);

  async function finishRotation(next: InstallationKey): Promise<number> {
    learn(next);
    let count = 0;
    for (const place of await everyVersion(folder)) {
      const file = fileOf(place, place.version);
      const changed = await readFile(file)
        .then((content) => rewrapEnvelope(content, { place, keyOf }, next))
        .catch((cause: unknown) => {
          // It could not be opened before either; said to whoever asks for it.
          if (cause instanceof BadEnvelope || (cause as NodeJS.ErrnoException).code === 'ENOENT') return null;
          throw cause;
        });
      if (changed === null) continue;
      await replaceFile(file, changed);
      count += 1;
    }
    await endRotation(keyFile);
    current = next;
    return count;
  }

  async function keep(record: SecretRecord): Promise<boolean> {
    const facts = { place: record, createdAt: record.createdAt, variable: record.variable };
    return createFile(fileOf(record, record.version), sealEnvelope(record.value, facts, current));
  }

  async function revealed(id: SecretId, version: number): Promise<Buffer> {
    const file = fileOf(id, version);
    const where = `Version ${version} of the secret ${id.name} of ${id.app}/${id.environment}`;
    try {
      return openEnvelope(await readFile(file), { ...id, version }, keyOf);
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code === 'ENOENT')
        throw secretMissing({ ...id, name: `${id.name} (version ${version})` });
      const why = cause instanceof BadEnvelope ? cause.message : (cause as Error).message;
      throw new SignalboxError('SECRET_DAMAGED', `${where} cannot be read: ${why} (${file}).`, { cause });
    }
  }

  await clearAway(folder);
  for (const name of await namesIn(dirname(keyFile)))
    if (isDraft(name) && name.startsWith(basename(keyFile))) await rm(join(dirname(keyFile), name), { force: true });
  if (found.next !== null && found.next.id !== current.id) await finishRotation(found.next);
  else await rm(nextFile(keyFile), { force: true });

  return {
    set: (id, value) => {
      refuseUnusableSecret(id.name, value.length);
      return alone(async () => {
        for (;;) {
          const version = (await newestNumber(folderOf(id))) + 1;
          const made = { version, createdAt: wall(), bytes: value.length, variable: isVariable(value) };
          // Somebody else's may have come in between: the next number then.
          if (await keep({ ...id, ...made, value })) return made;
        }
      });
    },
    list: (place) => listed(folder, place),
    reveal: (id, version) => revealed(id, version),
    remove: (id, versions) =>
      alone(async () => {
        for (const version of versions) {
          const file = fileOf(id, version);
          await createFile(`${file.slice(0, -'.secret'.length)}.removed`, '');
          await rm(file, { force: true });
        }
        if (versions.length > 0) await syncFolder(folderOf(id)).catch(() => undefined);
      }),
    rotateKey: () => alone(async () => ({ rewrapped: await finishRotation(await beginRotation(keyFile, passphrase)) })),
    all: async (onDamaged) => {
      const records: SecretRecord[] = [];
      for (const id of await everyVersion(folder)) {
        try {
          const content = await readFile(fileOf(id, id.version));
          records.push({ ...id, ...readFacts(content), value: await revealed(id, id.version) });
        } catch (error) {
          if ((error as NodeJS.ErrnoException).code === 'ENOENT') continue;
          onDamaged(error instanceof BadEnvelope ? await revealed(id, id.version).catch((known: unknown) => known) : error);
        }
      }
      return records;
    },
    restore: (record) => {
      refuseUnusableSecret(record.name, record.value.length);
      return alone(async () => {
        if (await keep(record)) {
          await rm(join(folderOf(record), `${record.version}.removed`), { force: true });
          return true;
        }
        const there = await revealed(record, record.version);
        if (there.equals(record.value)) return false;
        throw new SignalboxError(
          'CONFLICT',
          `Version ${record.version} of ${record.name} of ${record.app}/${record.environment} is there already, with another value.`,
          { hint: 'Remove that secret first, or set the wanted value as a new version.' },
        );
      });
    },
  };
}

/** UTF-8 without NUL is what a variable can hold. */
export function isVariable(value: Uint8Array): boolean {
  if (value.includes(0)) return false;
  try {
    new TextDecoder('utf-8', { fatal: true }).decode(value);
    return true;
  } catch {
    return false;
  }
}

const versionFile = /^([1-9]\d{0,8})\.(secret|removed)$/;

async function newestNumber(folder: string): Promise<number> {
  return Math.max(0, ...(await namesIn(folder)).map((name) => Number(versionFile.exec(name)?.[1] ?? 0)));
}

async function listed(folder: string, { app, environment }: SecretPlace): Promise<readonly SecretSummary[]> {
  const summaries: SecretSummary[] = [];
  for (const name of await foldersIn(join(folder, app, environment))) {
    if (!secretNamePattern.test(name)) continue;
    const versions: SecretVersion[] = [];
    for (const version of await versionsIn(join(folder, app, environment, name))) {
      const facts = await headOf(join(folder, app, environment, name, `${version}.secret`));
      if (facts !== null) versions.push({ version, ...facts });
    }
    if (versions.length > 0) summaries.push({ name, versions });
  }
  return summaries;
}

/** A damaged one is listed, too: it is asked for by its number, and refused by its name. */
async function headOf(file: string): Promise<Omit<SecretVersion, 'version'> | null> {
  let handle: FileHandle | undefined;
  try {
    handle = await open(file, 'r');
    const head = Buffer.alloc(110);
    const { bytesRead } = await handle.read(head, 0, head.length, 0);
    return readFacts(head.subarray(0, bytesRead));
  } catch (cause) {
    if (cause instanceof BadEnvelope) return { createdAt: 0 as WallTime, bytes: 0, variable: true };
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw cause;
  } finally {
    await handle?.close();
  }
}

async function versionsIn(folder: string): Promise<readonly number[]> {
  return (await namesIn(folder))
    .flatMap((name) => {
      const match = versionFile.exec(name);
      return match?.[2] === 'secret' ? [Number(match[1])] : [];
    })
    .sort((a, b) => a - b);
}

async function everyVersion(folder: string): Promise<readonly (SecretId & { readonly version: number })[]> {
  const found: (SecretId & { readonly version: number })[] = [];
  for (const app of await foldersIn(folder))
    for (const environment of await foldersIn(join(folder, app)))
      for (const name of await foldersIn(join(folder, app, environment)))
        for (const version of await versionsIn(join(folder, app, environment, name)))
          found.push({ app: app as AppName, environment: environment as EnvironmentName, name, version });
  return found;
}

/** Drafts of a program that was killed, and values whose removal it had decided. */
async function clearAway(folder: string): Promise<void> {
  for (const app of await foldersIn(folder))
    for (const environment of await foldersIn(join(folder, app)))
      for (const name of await foldersIn(join(folder, app, environment))) {
        const place = join(folder, app, environment, name);
        const names = await namesIn(place);
        for (const file of names) {
          const removed = file.endsWith('.secret') && names.includes(file.replace(/secret$/, 'removed'));
          if (removed || isDraft(file)) await rm(join(place, file), { force: true });
        }
      }
}

const foldersIn = async (folder: string): Promise<readonly string[]> =>
  (await entriesOf(folder))
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => name)
    .sort();
const namesIn = async (folder: string): Promise<readonly string[]> => (await entriesOf(folder)).map(({ name }) => name);

const entriesOf = (folder: string) =>
  readdir(folder, { withFileTypes: true }).catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === 'ENOENT' || cause.code === 'ENOTDIR') return [];
    throw cause;
  });
