import { randomBytes } from 'node:crypto';
import { appendFile, lstat, mkdir, open, readdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { SignalboxError } from '../../../domain/errors.ts';
import { type GitResult, git, gitReason } from './git.ts';
import { type Identity, identityFile, isSame, readIdentity, writeIdentity } from './identity.ts';
import { checkRef } from './names.ts';

/** A repository that takes bundles. */
export interface Place {
  readonly app: string;
  readonly gitDir: string;
  readonly searchPath: string;
  /** Milliseconds for one git call. */
  readonly timeout: number;
}

/** Prefixes of refs that tell about the source rather than being it (see `cli/send-source.ts`). */
const shallowPrefix = 'refs/signalbox/shallow/';
export const originPrefix = 'refs/signalbox/origin/';
/** More packs than this are made one. */
const packsBeforeRepack = 12;

/**
 * Takes the bundle's ref into the repository and returns its SHA. Nothing becomes visible before the identity is checked.
 * @throws BAD_BUNDLE, APP_TAKEN
 */
export async function receiveBundle(place: Place, bundle: { file: string; ref: string; maxBytes: number }): Promise<string> {
  const ref = checkRef(bundle.ref);
  await checkFile(bundle.file, bundle.maxBytes);
  await ensureRepository(place);
  const heads = await readHeads(place, bundle.file);
  const sha = heads.get(ref);
  if (sha === undefined) throw bad(`The bundle has no ref ${ref}.`);
  await noteShallow(
    place,
    [...heads].filter(([name]) => name.startsWith(shallowPrefix)).map(([, end]) => end),
  );
  const incoming = `refs/incoming/${randomBytes(8).toString('hex')}`;
  try {
    const fetched = await call(place, [
      'fetch',
      '--quiet',
      '--no-tags',
      '--no-write-fetch-head',
      '--no-auto-maintenance',
      bundle.file,
      `+${ref}:${incoming}`,
    ]);
    if (fetched.code !== 0) throw bad(`The bundle cannot be read: ${gitReason(fetched)}.`);
    const type = await call(place, ['cat-file', '-t', incoming]);
    if (type.stdout.toString().trim() !== 'commit') throw bad(`${ref} is no commit.`);
    await claim(place, await identityOf(place, sha, heads));
    await keep(place, sha);
  } finally {
    await call(place, ['update-ref', '-d', incoming]);
  }
  await repackWhenDue(place);
  return sha;
}

/** From now on the commit and all that it needs stay. @throws BAD_BUNDLE */
export async function keep(place: Place, sha: string): Promise<void> {
  const kept = await call(place, ['update-ref', `refs/signalbox/kept/${sha}`, sha]);
  if (kept.code !== 0) throw bad(`The source cannot be kept: ${gitReason(kept)}.`);
}

async function checkFile(file: string, maxBytes: number): Promise<void> {
  const facts = await lstat(file).catch((cause: unknown) => {
    throw bad('The bundle file is not there.', cause);
  });
  if (!facts.isFile()) throw bad('The bundle is no ordinary file.');
  if (facts.size > maxBytes)
    throw bad(
      `The source is ${Math.ceil(facts.size / 1024 ** 2)} MiB; at most ${Math.floor(maxBytes / 1024 ** 2)} MiB are taken.`,
    );
  const handle = await open(file);
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(20), 0, 20, 0);
    if (!/^# v[23] git bundle\n/.test(buffer.subarray(0, bytesRead).toString('latin1'))) throw bad('The file is no git bundle.');
  } finally {
    await handle.close();
  }
}

/** Made aside and moved into place, so that there is a whole repository or none. */
export async function ensureRepository(place: Place): Promise<void> {
  if ((await lstat(join(place.gitDir, 'HEAD')).catch(() => null)) !== null) return;
  const aside = `${place.gitDir}.${randomBytes(6).toString('hex')}.new`;
  await mkdir(aside, { recursive: true, mode: 0o700 });
  const made = await git({
    arguments: ['init', '--quiet', '--bare', '--template=', '--object-format=sha1', aside],
    gitDir: aside,
    searchPath: place.searchPath,
  });
  if (made.code !== 0) {
    await rm(aside, { recursive: true, force: true });
    throw new SignalboxError('INTERNAL', `No repository could be made for ${place.app}: ${gitReason(made)}.`);
  }
  await rename(aside, place.gitDir);
}

async function readHeads(place: Place, file: string): Promise<Map<string, string>> {
  const listed = await call(place, ['bundle', 'list-heads', file]);
  if (listed.code !== 0) throw bad(`The file is no git bundle: ${gitReason(listed)}.`);
  const heads = new Map<string, string>();
  for (const line of listed.stdout.toString('utf8').split('\n')) {
    const match = /^([0-9a-f]{40}) (\S+)$/.exec(line);
    if (match?.[1] !== undefined && match[2] !== undefined) heads.set(match[2], match[1]);
  }
  return heads;
}

/** A shallow clone's oldest commits name parents that nobody has; git has to know that they end the history. */
export async function noteShallow(place: Place, boundary: readonly string[]): Promise<void> {
  if (boundary.length === 0) return;
  const file = join(place.gitDir, 'shallow');
  const known = new Set((await readFile(file, 'utf8').catch(() => '')).split('\n'));
  const fresh = boundary.filter((sha) => !known.has(sha));
  if (fresh.length > 0) await appendFile(file, `${fresh.join('\n')}\n`);
}

export async function identityOf(place: Place, sha: string, heads: Map<string, string>): Promise<Identity> {
  const marks = [...heads.keys()]
    .filter((ref) => ref.startsWith(originPrefix))
    .map((ref) => `origin:${ref.slice(originPrefix.length)}`);
  const roots = await call(place, ['--shallow-file', '/dev/null', 'rev-list', '--max-parents=0', sha]);
  if (roots.code === 0)
    marks.push(
      ...roots.stdout
        .toString()
        .trim()
        .split('\n')
        .map((root) => `root:${root}`),
    );
  if (marks.length === 0)
    marks.push(...[...heads].filter(([ref]) => ref.startsWith(shallowPrefix)).map(([, boundary]) => `shallow:${boundary}`));
  return new Set(marks);
}

/** @throws APP_TAKEN */
export async function claim(place: Place, given: Identity): Promise<void> {
  const known = await readIdentity(place.gitDir);
  if (known !== null && known.size > 0 && !isSame(known, given))
    throw new SignalboxError(
      'APP_TAKEN',
      `The app name ${place.app} belongs to another repository, the one that was deployed first under it.`,
      {
        hint: `Choose another name under \`app:\` in signalbox.yaml. If it is the same app, whose folder has become a repository or whose history was rewritten since, remove ${identityFile(place.gitDir)} on the machine that runs Signalbox and deploy again: the name then goes to the repository that is sent next.`,
      },
    );
  const all = new Set([...(known ?? []), ...given]);
  if (all.size !== (known?.size ?? -1)) await writeIdentity(place.gitDir, all);
}

export async function repackWhenDue(place: Place): Promise<void> {
  const entries = await readdir(join(place.gitDir, 'objects', 'pack')).catch(() => []);
  if (entries.filter((name) => name.endsWith('.pack')).length <= packsBeforeRepack) return;
  // Only disk space is at stake: when it fails the next receipt tries again.
  await call(place, ['repack', '-a', '-d', '-q']);
}

const call = (place: Place, args: readonly string[]): Promise<GitResult> =>
  git({ arguments: args, gitDir: place.gitDir, searchPath: place.searchPath, timeout: place.timeout });

const bad = (message: string, cause?: unknown): SignalboxError =>
  new SignalboxError('BAD_BUNDLE', message, cause === undefined ? {} : { cause });
