import { lstat, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SignalboxError } from '../../../domain/errors.ts';
import type { AppName } from '../../../domain/values.ts';
import type { FetchSource } from '../../../ports/fetch-source.ts';
import type { Source, SourceVersion } from '../../../ports/source.ts';
import { type FetchLimits, fetchRemote, remoteHead } from './fetch.ts';
import { type GitResult, git, gitReason } from './git.ts';
import { checkApp, checkPath, checkSha } from './names.ts';
import { type Place, receiveBundle } from './receive.ts';
import { openTurns, type Turns } from './turns.ts';

export interface GitSourceOptions {
  /** Folder of the repositories, `<app>.git` each. */
  readonly folder: string;
  /** PATH on which git is found. */
  readonly searchPath: string;
  /** Largest bundle. Default 2 GiB. */
  readonly maxBundleBytes?: number;
  /** Largest sum of the files of one checkout. Default 4 GiB. */
  readonly maxCheckoutBytes?: number;
  /** Most files of one checkout. Default 200,000. */
  readonly maxFiles?: number;
  /** For one git call, in milliseconds. Default 5 min. */
  readonly timeout?: number;
  /** Shared with whatever else writes into the repositories. */
  readonly turns?: Turns;
  /** Of fetches from other machines. Default: 2 GiB, no http://. */
  readonly fetching?: Partial<FetchLimits>;
}

/** Longest file that `readFile` gives out, in bytes. */
const maxFileBytes = 2 * 1024 * 1024;

interface TreeEntry {
  readonly mode: string;
  readonly type: string;
  readonly object: string;
  readonly size: number;
  readonly path: string;
}

/** Sources in bare git repositories on this machine. */
export function gitSource(options: GitSourceOptions): Source & FetchSource {
  const timeout = options.timeout ?? 300_000;
  const fetching: FetchLimits = { maxBytes: 2 * 1024 ** 3, plainHttp: false, environment: {}, ...options.fetching };
  const turns = options.turns ?? openTurns();
  const place = (app: AppName): Place => ({
    app,
    gitDir: join(options.folder, `${checkApp(app)}.git`),
    searchPath: options.searchPath,
    timeout,
  });
  const call = (app: AppName, args: readonly string[], more: { input?: string; maxOutput?: number } = {}): Promise<GitResult> =>
    git({ arguments: args, gitDir: place(app).gitDir, searchPath: options.searchPath, timeout, ...more });

  async function version(app: AppName, sha: string): Promise<SourceVersion> {
    await requireCommit(app, checkSha(sha));
    const shown = await call(app, ['log', '-1', '--no-show-signature', '--format=%H%x00%s%x00%an', sha]);
    const [id = sha, subject = '', author = ''] = shown.stdout.toString('utf8').trimEnd().split('\0');
    return { sha: id, subject, author };
  }

  async function requireCommit(app: AppName, sha: string): Promise<void> {
    const { gitDir } = place(app);
    const there = (await lstat(join(gitDir, 'HEAD')).catch(() => null)) !== null;
    const found = there ? await call(app, ['cat-file', '-e', `${sha}^{commit}`]) : undefined;
    if (found?.code !== 0)
      throw new SignalboxError('UNKNOWN_SOURCE', `The commit ${sha.slice(0, 12)} of ${app} is not kept here.`);
  }

  /** Entries at the paths themselves, or with `deep` everything below them. Modules (gitlinks) are left out. */
  async function entries(app: AppName, sha: string, request: { paths: readonly string[]; deep: boolean }): Promise<TreeEntry[]> {
    const paths = request.paths.map(checkPath);
    const everything = paths.includes('.');
    const listed = await call(app, [
      'ls-tree',
      '-z',
      '-l',
      '--full-tree',
      ...(request.deep ? ['-r'] : []),
      checkSha(sha),
      ...(everything ? [] : ['--', ...paths]),
    ]);
    if (listed.fault === 'too-much-output') throw new SignalboxError('BAD_BUNDLE', 'The source has too many files.');
    if (listed.code !== 0) {
      await requireCommit(app, sha);
      throw new SignalboxError('INTERNAL', `The source of ${app} cannot be read: ${gitReason(listed)}.`);
    }
    return listed.stdout.toString('utf8').split('\0').flatMap(parseEntry);
  }

  return {
    receive: (app, bundle) =>
      turns(app, async () => {
        const sha = await receiveBundle(place(app), { ...bundle, maxBytes: options.maxBundleBytes ?? 2 * 1024 ** 3 });
        return version(app, sha);
      }),

    fetch: (app, wanted) =>
      turns(app, async () => {
        const { expected, head } = await fetchRemote(place(app), wanted, fetching);
        if (head === null || !expected) return { found: 'other', head };
        return { found: 'expected', version: await version(app, head) };
      }),

    head: (app, wanted) => turns(app, () => remoteHead(place(app), wanted, fetching)),

    version,

    async trees(app, sha, paths) {
      await requireCommit(app, checkSha(sha));
      const specs = paths.map((path) => (checkPath(path) === '.' ? `${sha}^{tree}` : `${sha}:${checkPath(path)}`));
      const answered = await call(app, ['cat-file', '--batch-check=%(objectname) %(objecttype)'], {
        input: specs.map((spec) => `${spec}\n`).join(''),
      });
      if (answered.code !== 0)
        throw new SignalboxError('INTERNAL', `The source of ${app} cannot be read: ${gitReason(answered)}.`);
      const lines = answered.stdout.toString('utf8').split('\n');
      return Object.fromEntries(
        paths.map((path, index) => [path, /^([0-9a-f]{40}) (?:tree|blob)$/.exec(lines[index] ?? '')?.[1] ?? null]),
      );
    },

    async readFile(app, sha, path) {
      const [entry] = await entries(app, sha, { paths: [path], deep: false });
      if (entry?.path !== checkPath(path) || !entry.mode.startsWith('100') || entry.size > maxFileBytes) return null;
      const read = await call(app, ['cat-file', 'blob', entry.object], { maxOutput: maxFileBytes + 1 });
      return read.code === 0 ? read.stdout.toString('utf8') : null;
    },

    async list(app, sha, folder, limit) {
      const found = await entries(app, sha, { paths: [folder], deep: true });
      return found.slice(0, limit).map((entry) => entry.path);
    },

    async checkout(app, sha, paths, destination) {
      await requireCommit(app, checkSha(sha));
      if ((await readdir(destination)).length > 0) throw new SignalboxError('INTERNAL', `${destination} is not empty.`);
      const found = await entries(app, sha, { paths, deep: true });
      const bytes = found.reduce((sum, entry) => sum + entry.size, 0);
      if (found.length > (options.maxFiles ?? 200_000))
        throw new SignalboxError(
          'BAD_BUNDLE',
          `The source has ${found.length} files; at most ${options.maxFiles ?? 200_000} are taken.`,
        );
      if (bytes > (options.maxCheckoutBytes ?? 4 * 1024 ** 3))
        throw new SignalboxError('BAD_BUNDLE', `The source has ${Math.ceil(bytes / 1024 ** 2)} MiB, more than is taken.`);
      const scratch = await mkdtemp(join(tmpdir(), 'signalbox-index-'));
      try {
        const index = { indexFile: join(scratch, 'index'), gitDir: place(app).gitDir, searchPath: options.searchPath, timeout };
        const read = await git({ ...index, arguments: ['read-tree', sha] });
        if (read.code !== 0)
          throw new SignalboxError('BAD_BUNDLE', `The files of ${sha.slice(0, 12)} cannot be laid out: ${gitReason(read)}.`);
        const input = found.map((entry) => `${entry.path}\0`).join('');
        const written = await git({
          ...index,
          workTree: destination,
          arguments: ['checkout-index', '--force', '-z', '--stdin'],
          input,
        });
        if (written.code !== 0) throw layoutError(written);
      } finally {
        await rm(scratch, { recursive: true, force: true });
      }
    },
  };
}

const layoutError = (result: GitResult): SignalboxError =>
  /No space left|Disk quota/i.test(result.stderr)
    ? new SignalboxError('NO_SPACE', 'The disk is full; the source could not be laid out.')
    : new SignalboxError('INTERNAL', `The source could not be laid out: ${gitReason(result)}.`);

function parseEntry(line: string): TreeEntry[] {
  const match = /^(\d{6}) (\w+) ([0-9a-f]{40}) +(\d+|-)\t([\s\S]+)$/.exec(line);
  if (match === null || match[2] === 'commit') return [];
  const [, mode = '', type = '', object = '', size = '', path = ''] = match;
  return [{ mode, type, object, size: size === '-' ? 0 : Number(size), path }];
}
