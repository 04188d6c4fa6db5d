import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { chmod, lchown, mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Readable } from 'node:stream';
import type { Engine } from '../../../../engine/client.ts';
import type { ContainerSpec, Lasting } from '../protocol.ts';

/**
 * Folders that outlive containers lie below the installation's own folder; to the engine each is a volume on it, so that the engine
 * fills a new one with what the image has there, and cleaning up volumes removes nothing of what they hold.
 */
export const bindOf = (homeId: string, spec: ContainerSpec, { target, source }: Lasting): object => ({
  Type: 'volume',
  Source: `signalbox-${homeId}-${createHash('sha256').update(source).digest('hex').slice(0, 16)}`,
  Target: target,
  VolumeOptions: {
    Labels: Object.fromEntries(Object.entries(spec.labels).filter(([name]) => /\.(installation|app|environment)$/.test(name))),
    DriverConfig: { Name: 'local', Options: { type: 'none', o: 'bind', device: source } },
  },
});

/** Beside a folder that is not yet handed to its user: also after a crash it is known as new. */
const markOf = (source: string): string => `${source}.new`;

/** Makes the folders that are missing; whoever uses them gets them by `handOver`. */
export async function makeFolders(lasting: readonly Lasting[]): Promise<void> {
  for (const { source } of lasting) {
    if (existsSync(source)) continue;
    await mkdir(dirname(source), { recursive: true });
    // What an app keeps is nothing for other users of the machine.
    await chmod(dirname(source), 0o711);
    await writeFile(markOf(source), '');
    await mkdir(source);
  }
}

/** After the container was made, and new folders were filled from its image: they belong to the user whom the image starts as. */
export async function handOver(engine: Engine, container: string, { lasting, user }: ContainerSpec): Promise<void> {
  for (const { source } of lasting) {
    if (!existsSync(markOf(source))) continue;
    const owner = user === '' ? null : await ownerOf(engine, container, user);
    if (owner && process.getuid?.() === 0) await give(source, owner);
    else if (owner) await chmod(source, 0o777).catch(() => {});
    await rm(markOf(source), { force: true });
  }
}

interface Owner {
  readonly uid: number;
  readonly gid: number;
}

async function give(path: string, owner: Owner): Promise<void> {
  await lchown(path, owner.uid, owner.gid);
  const entries = await readdir(path, { withFileTypes: true }).catch(() => []);
  for (const entry of entries) {
    const inside = join(path, entry.name);
    if (entry.isDirectory()) await give(inside, owner);
    else await lchown(inside, owner.uid, owner.gid);
  }
}

/** Numbers of the image's user; null when its own list of users does not know it. */
async function ownerOf(engine: Engine, container: string, user: string): Promise<Owner | null> {
  const [name = '', group] = user.split(':');
  if (/^\d+$/.test(name)) return { uid: Number(name), gid: /^\d+$/.test(group ?? '') ? Number(group) : Number(name) };
  const query = { path: '/etc/passwd' };
  const archive = await engine.stream('GET', `/containers/${container}/archive`, { query }).catch(() => null);
  if (!archive) return null;
  // A tar of one short text file: its lines stand in it as they are.
  const line = new RegExp(`^${name.replaceAll(/\W/g, '\\$&')}:[^:]*:(\\d+):(\\d+):`, 'm').exec(
    `\n${(await beginningOf(archive)).replaceAll('\0', '\n')}`,
  );
  return line ? { uid: Number(line[1]), gid: Number(line[2]) } : null;
}

/** An image may bring a list of any length. */
const longestList = 1024 * 1024;
const readMs = 10_000;

async function beginningOf(archive: Readable): Promise<string> {
  const pieces: Buffer[] = [];
  let size = 0;
  const late = setTimeout(() => archive.destroy(), readMs);
  try {
    for await (const piece of archive) {
      pieces.push(piece as Buffer);
      size += (piece as Buffer).length;
      if (size >= longestList) break;
    }
  } catch {
    // What was read until then counts.
  } finally {
    clearTimeout(late);
    archive.destroy();
  }
  return Buffer.concat(pieces).toString('utf8');
}
