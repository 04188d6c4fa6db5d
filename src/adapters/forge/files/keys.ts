import { createHash, createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { AppName } from '../../../domain/values.ts';
import type { ForgeKeys } from '../../../ports/forge.ts';

/** Files (0600) below `<folder>/<app>/`: `secret`, `token`, `deploy-key`, and `known_hosts`, which ssh writes. */
export async function openForgeKeys(folder: string): Promise<ForgeKeys> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const secrets = new Map<string, string>();
  for (const app of await readdir(folder)) {
    const secret = await read(join(folder, app, 'secret'));
    if (secret !== null) secrets.set(app, secret);
  }
  /** Nobody has it: what is compared for an app that is not there. */
  const nobodys = randomBytes(32).toString('base64url');

  return {
    keep: async (app, { secret, token, deployKey }) => {
      const place = join(folder, app);
      await rm(place, { recursive: true, force: true });
      await mkdir(place, { recursive: true, mode: 0o700 });
      if (token !== undefined) await write(join(place, 'token'), token);
      // ssh takes no key without its last line end.
      if (deployKey !== undefined) await write(join(place, 'deploy-key'), `${deployKey.trimEnd()}\n`);
      // Last: a secret alone lets calls in.
      await write(join(place, 'secret'), secret);
      secrets.set(app, secret);
    },
    forget: async (app) => {
      secrets.delete(app);
      await rm(join(folder, app), { recursive: true, force: true });
    },
    verify: (app, { kind, proof, body }) => {
      const secret = secrets.get(app) ?? nobodys;
      if (kind === 'gitlab') return timingSafeEqual(digest(proof), digest(secret)) && secrets.has(app);
      const expected = createHmac('sha256', secret).update(body).digest('hex');
      return timingSafeEqual(digest(proof.toLowerCase().replace(/^sha256=/, '')), digest(expected)) && secrets.has(app);
    },
    access: async (app: AppName) => {
      const file = join(folder, app, 'deploy-key');
      const hasKey = (await read(file)) !== null;
      return {
        token: await read(join(folder, app, 'token')),
        key: hasKey ? { file, knownHosts: join(folder, app, 'known_hosts') } : null,
      };
    },
  };
}

/** Of equal length whatever was given, as the comparison needs it. */
const digest = (text: string): Buffer => createHash('sha256').update(text).digest();

async function write(file: string, text: string): Promise<void> {
  const draft = `${file}.new`;
  await writeFile(draft, text, { mode: 0o600, flush: true });
  await rename(draft, file);
}

const read = (file: string): Promise<string | null> =>
  readFile(file, 'utf8').catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === 'ENOENT' || cause.code === 'ENOTDIR') return null;
    throw cause;
  });
