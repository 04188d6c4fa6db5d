import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { usualBranches } from '../../../domain/branch-rules.ts';
import { SignalboxError } from '../../../domain/errors.ts';
import type { AppName } from '../../../domain/values.ts';
import type { PushedSource } from '../../../ports/pushed-source.ts';
import { type GitResult, git, gitReason } from './git.ts';
import { type Identity, readIdentity } from './identity.ts';
import { claim, noteShallow, type Place } from './receive.ts';

const call = (place: Place, args: readonly string[], input?: string): Promise<GitResult> =>
  git({
    arguments: args,
    gitDir: place.gitDir,
    searchPath: place.searchPath,
    timeout: place.timeout,
    ...(input === undefined ? {} : { input }),
  });

const keptPrefix = 'refs/signalbox/kept/';

/**
 * Keeps what a push has brought, whose objects are there already, and returns the commit that `object` leads to. Nothing becomes
 * visible before the identity is checked.
 * @throws BAD_BUNDLE, APP_TAKEN
 */
export async function keepPushed(place: Place, object: string): Promise<string> {
  const peeled = await call(place, ['rev-parse', '--verify', '--quiet', '--end-of-options', `${object}^{commit}`]);
  const sha = peeled.stdout.toString('latin1').trim();
  if (peeled.code !== 0 || !/^[0-9a-f]{40}$/.test(sha)) throw refused('What is pushed leads to no commit.');
  const missing = await missingHistory(place, sha);
  if (missing !== null) throw refused(`Parts of the history are missing: ${missing}.`);
  await claim(place, await identityOf(place, sha));
  const kept = await call(place, ['update-ref', `${keptPrefix}${sha}`, sha]);
  if (kept.code !== 0) throw new SignalboxError('INTERNAL', `The source cannot be kept: ${gitReason(kept)}.`);
  return sha;
}

/** A shallow history of a pusher ends at these commits: git has to know before it judges whether everything is there. */
export async function noteEnds(place: Place, shallow: readonly string[]): Promise<void> {
  const ends: string[] = [];
  for (const sha of shallow.slice(0, 1000)) if (!(await hasParents(place, sha))) ends.push(sha);
  await noteShallow(place, ends);
}

/** The commit is here, and so are those before it. */
async function hasParents(place: Place, sha: string): Promise<boolean> {
  const commit = await call(place, ['cat-file', 'commit', sha]);
  if (commit.code !== 0) return false;
  const head = commit.stdout.toString('latin1').split('\n\n')[0] ?? '';
  const parents = [...head.matchAll(/^parent ([0-9a-f]{40})$/gm)].map(([, parent = '']) => parent);
  const found = await call(place, ['cat-file', '--batch-check=%(objecttype)'], parents.map((one) => `${one}\n`).join(''));
  return !/ missing$/m.test(found.stdout.toString('latin1'));
}

/** Forgets those that have not come after all. */
export async function forgetEnds(place: Place, shallow: readonly string[]): Promise<void> {
  const noted = new Set(shallow);
  await dropEnds(place, async (sha) => noted.has(sha) && (await call(place, ['cat-file', '-e', sha])).code !== 0);
}

/** Null: everything that the commit leads to is here, or before the end of some pusher's history; else what is not. */
async function missingHistory(place: Place, sha: string): Promise<string | null> {
  const check = async (): Promise<string | null> => {
    const found = await call(place, ['rev-list', '--quiet', '--objects', sha, '--not', `--glob=${keptPrefix}*`]);
    return found.code === 0 ? null : gitReason(found);
  };
  // A history that ended for one pusher may have been completed by another, or may go on from what is here.
  const putBack = await dropEnds(place, (end) => hasParents(place, end));
  const missing = await check();
  if (missing === null || putBack === null) return missing;
  await putBack();
  return check();
}

/** Takes ends of histories away. @returns how to put them back; null: none were taken away. */
async function dropEnds(place: Place, which: (sha: string) => Promise<boolean>): Promise<(() => Promise<void>) | null> {
  const file = join(place.gitDir, 'shallow');
  const text = await readFile(file, 'utf8').catch(() => '');
  const lines = text.split('\n').filter((line) => line !== '');
  const kept: string[] = [];
  for (const line of lines) if (!(await which(line))) kept.push(line);
  if (kept.length === lines.length) return null;
  const write = async (content: string): Promise<void> => {
    if (content === '') return rm(file, { force: true });
    await writeFile(`${file}.new`, content);
    await rename(`${file}.new`, file);
  };
  await write(kept.map((line) => `${line}\n`).join(''));
  return () => write(text);
}

/** By the first commits of the whole history, where it is here, and by those at which it has ended for some pusher. */
async function identityOf(place: Place, sha: string): Promise<Identity> {
  const roots = async (...options: readonly string[]): Promise<string[]> => {
    const found = await call(place, [...options, 'rev-list', '--max-parents=0', sha]);
    return found.code === 0 ? found.stdout.toString('latin1').trim().split('\n') : [];
  };
  const whole = await roots('--shallow-file', '/dev/null');
  const ends = (await roots()).filter((end) => !whole.includes(end));
  // An end on record may lie in the middle of what is known by now.
  for (const mark of (await readIdentity(place.gitDir)) ?? []) {
    const end = /^shallow:([0-9a-f]{40})$/.exec(mark)?.[1];
    if (end !== undefined && (await call(place, ['merge-base', '--is-ancestor', end, sha])).code === 0) ends.push(end);
  }
  return new Set([...whole.map((root) => `root:${root}`), ...ends.map((end) => `shallow:${end}`)]);
}

const refused = (message: string): SignalboxError => new SignalboxError('BAD_BUNDLE', message);

/** What a ref is now; null: it is not there. */
export async function readRef(place: Place, ref: string): Promise<string | null> {
  const found = await call(place, ['rev-parse', '--verify', '--quiet', '--end-of-options', ref]);
  const sha = found.stdout.toString('latin1').trim();
  return found.code === 0 && /^[0-9a-f]{40}$/.test(sha) ? sha : null;
}

/** Moves a ref, or takes it away. @param expected what it has to be now; undefined: whatever it is. @returns why not, or null. */
export async function moveRef(
  place: Place,
  move: { readonly ref: string; readonly to: string | null; readonly expected?: string | null },
): Promise<string | null> {
  const { ref, to, expected } = move;
  const was = expected === undefined ? [] : [expected ?? '0'.repeat(40)];
  const moved = await call(place, to === null ? ['update-ref', '-d', ref, ...was] : ['update-ref', ref, to, ...was]);
  if (moved.code !== 0) return gitReason(moved);
  const usual = usualBranches.find((branch) => ref === `refs/heads/${branch}`);
  if (to !== null && usual !== undefined && (await defaultOf(place)) === null) await call(place, ['symbolic-ref', 'HEAD', ref]);
  return null;
}

/** HEAD leads to the usual branch that was pushed first; while that is not there, to none that counts. */
async function defaultOf(place: Place): Promise<string | null> {
  const head = await call(place, ['symbolic-ref', '--quiet', 'HEAD']);
  const branch = usualBranches.find((name) => head.stdout.toString('latin1').trim() === `refs/heads/${name}`);
  return branch !== undefined && (await readRef(place, `refs/heads/${branch}`)) !== null ? branch : null;
}

/** Beginning of what Git LFS leaves in place of a file. */
const pointerHead = 'version https://git-lfs.github.com/spec/v1';
/** Pointers are at most this long, in bytes, and no more files of that size are looked at. */
const pointerBytes = 1024;
const pointersLooked = 2000;

/** The same repositories, asked what a push is judged by. */
export function pushedSource(placeOf: (app: AppName) => Place): PushedSource {
  return {
    defaultBranch: (app) => defaultOf(placeOf(app)),
    contains: async (app, sha, ancestor) => (await call(placeOf(app), ['merge-base', '--is-ancestor', ancestor, sha])).code === 0,
    subject: async (app, sha) => {
      const shown = await call(placeOf(app), ['log', '-1', '--no-show-signature', '--format=%s', sha]);
      if (shown.code !== 0)
        throw new SignalboxError('UNKNOWN_SOURCE', `The commit ${sha.slice(0, 12)} of ${app} is not kept here.`);
      return shown.stdout.toString('utf8').trimEnd();
    },
    notFetched: async (app, sha, limit) => {
      const place = placeOf(app);
      const listed = await call(place, ['ls-tree', '-r', '-z', '-l', '--full-tree', sha]);
      const rows = listed.stdout.toString('utf8').split('\0');
      const found = rows.flatMap((row) => {
        const [, mode = '', object = '', size = '', path = ''] =
          /^(\d{6}) \w+ ([0-9a-f]{40}) +(\d+|-)\t([\s\S]+)$/.exec(row) ?? [];
        return path === '' ? [] : [{ mode, object, size, path }];
      });
      const modules = found.filter(({ mode }) => mode === '160000').map(({ path }) => path);
      const attributes = found.some(({ path }) => /(?:^|\/)\.gitattributes$/.test(path));
      const small = found.filter(({ size }) => size !== '-' && Number(size) >= 100 && Number(size) <= pointerBytes);
      const pointers = attributes ? await pointersAmong(place, small.slice(0, pointersLooked), limit) : [];
      return { modules: modules.slice(0, limit), pointers };
    },
  };
}

async function pointersAmong(
  place: Place,
  files: readonly { readonly object: string; readonly path: string }[],
  limit: number,
): Promise<readonly string[]> {
  const read = await call(place, ['cat-file', '--batch'], files.map(({ object }) => `${object}\n`).join(''));
  const pointing = new Set<string>();
  const text = read.stdout.toString('latin1');
  for (const [, object = ''] of text.matchAll(new RegExp(`^([0-9a-f]{40}) blob \\d+\\n${pointerHead}\\n`, 'gm')))
    pointing.add(object);
  return files
    .filter(({ object }) => pointing.has(object))
    .map(({ path }) => path)
    .slice(0, limit);
}
