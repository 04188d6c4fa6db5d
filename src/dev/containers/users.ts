import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { buffer } from 'node:stream/consumers';
import type { Engine } from '../../engine/client.ts';
import { removeContainer } from './container.ts';

/** A user of this machine inside of an image. */
export interface Developer {
  readonly uid: number;
  readonly gid: number;
  /** In the container. */
  readonly home: string;
}

/**
 * Writes the image's list of users, with whoever develops in it: without a name, `os.userInfo()`, git and database clients fail.
 * @param file is written once for an image.
 * @returns it; null where the image knows the user.
 */
export async function writeUsers(
  engine: Engine,
  of: {
    readonly image: string;
    readonly user: Developer;
    readonly file: string;
    readonly labels: Readonly<Record<string, string>>;
  },
): Promise<string | null> {
  if (existsSync(of.file)) return of.file;
  const created = await engine.call<{ readonly Id: string }>('POST', '/containers/create', {
    body: { Image: of.image, Entrypoint: ['true'], Labels: of.labels },
  });
  if (!created.ok) return null;
  try {
    const text = withUser(await fileIn(engine, created.body.Id), of.user);
    if (text === null) return null;
    mkdirSync(dirname(of.file), { recursive: true });
    writeFileSync(of.file, text, { mode: 0o644 });
    return of.file;
  } finally {
    await removeContainer(engine, created.body.Id);
  }
}

/** Pure: the lines of /etc/passwd; null when the user is among them. */
export function withUser(passwd: string, { uid, gid, home }: Developer): string | null {
  const lines = passwd.split('\n').filter((line) => line !== '');
  if (lines.some((line) => line.split(':')[2] === String(uid))) return null;
  return [...lines, `dev:x:${uid}:${gid}:Signalbox dev:${home}:/bin/sh`, ''].join('\n');
}

/** Empty where there is none. The engine answers with an archive of one file: a block of 512 bytes names its size in octal. */
async function fileIn(engine: Engine, container: string): Promise<string> {
  const stream = await engine
    .stream('GET', `/containers/${container}/archive`, { query: { path: '/etc/passwd' } })
    .catch(() => null);
  if (stream === null) return '';
  const archive = await buffer(stream);
  const size = Number.parseInt(archive.toString('latin1', 124, 136), 8);
  return Number.isFinite(size) ? archive.toString('utf8', 512, 512 + size) : '';
}
