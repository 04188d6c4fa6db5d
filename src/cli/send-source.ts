import { createHash } from 'node:crypto';
import { appendFile, copyFile, mkdir, mkdtemp, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { SignalboxError } from '../domain/errors.ts';
import { type UserGitResult, userGit } from './git.ts';
import { findWorkTree, type Repository, type WorkTree } from './work-tree.ts';

export interface SourceRequest {
  /** Any folder of the app. */
  readonly folder: string;
  /** Branch, tag or SHA. Default HEAD. */
  readonly ref?: string;
  /** Send the files as they are now instead of a commit. */
  readonly dirty?: boolean;
  /** Commits that the receiver already keeps; their history is not sent again. */
  readonly known?: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
}

/** A git bundle, ready to be sent, and what it holds. */
export interface PreparedSource {
  readonly bundle: string;
  /** The ref of the bundle that is the source. */
  readonly ref: string;
  readonly sha: string;
  readonly subject: string;
  readonly dirty: boolean;
  readonly appRoot: string;
  /** Name of the app's folder; the app is called after it unless signalbox.yaml says otherwise. */
  readonly folderName: string;
  /** Changed or new files that are not part of what is sent; empty with `dirty`. */
  readonly leftOut: readonly string[];
  /** Removes the bundle. */
  dispose(): Promise<void>;
}

const sourceRef = 'refs/signalbox/source';
/** Commits that we make have no clock and no author of their own, so that the same content has the same SHA. */
const fixedAuthor = {
  GIT_AUTHOR_NAME: 'Signalbox',
  GIT_AUTHOR_EMAIL: 'snapshot@signalbox.invalid',
  GIT_AUTHOR_DATE: '946684800 +0000',
  GIT_COMMITTER_NAME: 'Signalbox',
  GIT_COMMITTER_EMAIL: 'snapshot@signalbox.invalid',
  GIT_COMMITTER_DATE: '946684800 +0000',
};

/**
 * Bundles a commit, or with `dirty` the files as they are. The user's index, refs and objects stay untouched: everything is made in
 * a temporary repository that borrows the user's objects. An app in a subfolder is sent as a commit of that folder alone.
 * @throws NO_SOURCE, NO_SPACE
 */
export async function prepareSource(request: SourceRequest): Promise<PreparedSource> {
  const tree = await findWorkTree(request.folder, request.environment);
  const scratch = await mkdtemp(join(tmpdir(), 'signalbox-source-')).catch((cause: unknown) => {
    throw noSpaceFor(cause) ?? cause;
  });
  const dispose = (): Promise<void> => rm(scratch, { recursive: true, force: true });
  try {
    const workshop = await openWorkshop(scratch, tree, request.environment);
    const made = request.dirty === true ? await workshop.snapshot() : await workshop.commit(request.ref ?? 'HEAD');
    const bundle = join(scratch, 'source.bundle');
    await workshop.bundle(bundle, made.sha, request.known ?? []);
    const leftOut =
      request.dirty === true || (request.ref ?? 'HEAD') !== 'HEAD' ? [] : await uncommitted(tree, request.environment);
    return {
      bundle,
      ref: sourceRef,
      ...made,
      dirty: request.dirty === true,
      appRoot: tree.appRoot,
      folderName: basename(tree.appRoot),
      leftOut,
      dispose,
    };
  } catch (error) {
    await dispose();
    throw noSpaceFor(error) ?? error;
  }
}

const noSpaceFor = (cause: unknown): SignalboxError | undefined =>
  ['ENOSPC', 'EDQUOT'].includes((cause as NodeJS.ErrnoException).code ?? '') ? noSpace(cause) : undefined;
const noSpace = (cause: unknown): SignalboxError =>
  new SignalboxError('NO_SPACE', `There is no room in ${tmpdir()} to pack the source.`, {
    cause,
    hint: 'Free some space there, or set TMPDIR to a folder with more.',
  });

/** Why git could not do it, in its own words. */
const gitFailed = (what: string, result: UserGitResult): SignalboxError =>
  /No space left on device|Out of diskspace|Disk quota exceeded/i.test(result.stderr)
    ? noSpace(result.stderr)
    : new SignalboxError('NO_SOURCE', `${what}: ${reason(result)}.`);

interface Workshop {
  commit(ref: string): Promise<{ sha: string; subject: string }>;
  snapshot(): Promise<{ sha: string; subject: string }>;
  bundle(file: string, sha: string, known: readonly string[]): Promise<void>;
}

async function openWorkshop(scratch: string, tree: WorkTree, environment: Readonly<Record<string, string>>): Promise<Workshop> {
  const gitDir = join(scratch, 'workshop.git');
  const { repository } = tree;
  const top = repository?.top ?? tree.appRoot;
  const run = (args: readonly string[], extra: Record<string, string> = {}, input?: string): Promise<UserGitResult> =>
    userGit(args, {
      cwd: top,
      environment,
      extra: { GIT_DIR: gitDir, ...fixedAuthor, ...extra },
      ...(input === undefined ? {} : { input }),
    });
  const must = async (what: string, args: readonly string[], extra?: Record<string, string>, input?: string): Promise<string> => {
    const result = await run(args, extra, input);
    if (result.code !== 0) throw gitFailed(what, result);
    return result.stdout.replace(/\n$/, '');
  };
  const made = await userGit(['init', '--quiet', '--bare', '--template=', '--object-format=sha1', gitDir], {
    cwd: scratch,
    environment,
  });
  if (made.code !== 0) throw gitFailed('No temporary repository could be made', made);
  await mkdir(join(gitDir, 'info'), { recursive: true });
  if (repository === null) await writeFile(join(gitDir, 'info', 'exclude'), 'node_modules/\n.venv/\n__pycache__/\n.next/\n');
  else await borrow(repository, gitDir);

  const subjectOf = (sha: string): Promise<string> => must('The commit cannot be read', ['log', '-1', '--format=%s', sha]);
  /** First commit of a history that we make: the same for the same app, so that its repository is known again. */
  const ownRoot = async (): Promise<string> => {
    const history =
      repository?.hasCommits === true && repository.shallow === null
        ? (await run(['rev-list', '--max-parents=0', 'refs/signalbox/head'])).stdout.trim()
        : '';
    const mark = history === '' ? (repository?.origin ?? `${hostname()}:${top}`) : history;
    const empty = await must('No tree could be made', ['mktree'], {}, '');
    return must('No commit could be made', ['commit-tree', empty, '-m', `Source of ${digest(mark)} ${repository?.prefix ?? ''}`]);
  };
  if (repository?.hasCommits === true)
    await must('HEAD cannot be read', ['update-ref', 'refs/signalbox/head', await resolveRef(repository, 'HEAD', environment)]);

  return {
    async commit(ref) {
      if (repository === null)
        throw new SignalboxError('NO_SOURCE', `${tree.appRoot} is in no git repository.`, {
          hint: 'Run `git init` and commit, or deploy the folder as it is with `--dirty`.',
        });
      if (!repository.hasCommits)
        throw new SignalboxError('NO_SOURCE', 'The repository has no commit yet.', {
          hint: 'Commit first, or deploy the folder as it is with `--dirty`.',
        });
      const sha = await resolveRef(repository, ref, environment);
      const subject = await subjectOf(sha);
      if (repository.prefix === '') return { sha, subject };
      const folder = await run(['rev-parse', '--verify', '--quiet', `${sha}:${repository.prefix}`]);
      if (folder.code !== 0)
        throw new SignalboxError('NO_SOURCE', `The folder ${repository.prefix} is not part of ${ref}.`, {
          hint: 'Commit it first, or deploy it as it is with `--dirty`.',
        });
      return {
        sha: await must('No commit could be made', [
          'commit-tree',
          folder.stdout.trim(),
          '-p',
          await ownRoot(),
          '-m',
          `${subject}\n\nFrom ${sha}`,
        ]),
        subject,
      };
    },
    async snapshot() {
      const index = { GIT_INDEX_FILE: join(scratch, 'index'), GIT_WORK_TREE: top };
      if (repository !== null) await copyIndex(repository.index, index.GIT_INDEX_FILE);
      const where = repository === null || repository.prefix === '' ? '.' : repository.prefix;
      await must(
        'The files cannot be read',
        ['-c', 'core.bare=false', '-c', 'advice.addEmbeddedRepo=false', '--literal-pathspecs', 'add', '--all', '--', where],
        index,
      );
      const whole = await must(
        'The files cannot be read',
        ['write-tree', ...(repository === null || repository.prefix === '' ? [] : [`--prefix=${repository.prefix}/`])],
        index,
      );
      const onHead = repository?.hasCommits === true && repository.prefix === '';
      const parent = onHead ? await resolveRef(repository, 'HEAD', environment) : await ownRoot();
      const subject = `Files of ${basename(tree.appRoot)} as they were${onHead ? ` on ${parent.slice(0, 7)}` : ''}`;
      return { sha: await must('No commit could be made', ['commit-tree', whole, '-p', parent, '-m', subject]), subject };
    },
    async bundle(file, sha, known) {
      await must('The source cannot be named', ['update-ref', sourceRef, sha]);
      const refs = [sourceRef, ...(await markRefs(repository, sha, must))];
      const there: string[] = [];
      for (const commit of known.slice(0, 50)) {
        if (!/^[0-9a-f]{40}$/.test(commit) || commit === sha) continue;
        if ((await run(['merge-base', '--is-ancestor', commit, sha])).code === 0) there.push(`^${commit}`);
      }
      await must('The source cannot be bundled', ['bundle', 'create', '--quiet', file, ...refs, ...there]);
    },
  };
}

/**
 * With its age: git takes a file for changed that is as young as the index, whatever its size and time say. Beside a younger copy
 * an edit of the same size, in the moment after a commit, would pass for the committed one.
 */
async function copyIndex(from: string, to: string): Promise<void> {
  const seen = await stat(from).catch(() => null);
  // No commit was ever prepared here: git begins with an empty one.
  if (seen === null) return;
  await copyFile(from, to);
  const second = Math.floor(seen.mtimeMs / 1000);
  await utimes(to, second, second);
}

/** Refs that tell the receiver where the source comes from and where a shallow history ends. */
async function markRefs(
  repository: Repository | null,
  sha: string,
  must: (what: string, args: readonly string[]) => Promise<string>,
): Promise<string[]> {
  if (repository === null) return [];
  const refs: string[] = [];
  const add = async (ref: string, target: string): Promise<void> => {
    await must('The source cannot be described', ['update-ref', ref, target]);
    refs.push(ref);
  };
  if (repository.origin !== null)
    await add(`refs/signalbox/origin/${digest(`${plainAddress(repository.origin)} ${repository.prefix}`)}`, sha);
  if (repository.shallow !== null && repository.prefix === '')
    for (const boundary of (await readFile(repository.shallow, 'utf8')).split('\n').filter((line) => /^[0-9a-f]{40}$/.test(line)))
      if ((await must('History cannot be read', ['rev-list', sha])).includes(boundary))
        await add(`refs/signalbox/shallow/${boundary}`, boundary);
  return refs;
}

async function borrow(repository: Repository, gitDir: string): Promise<void> {
  await appendFile(join(gitDir, 'objects', 'info', 'alternates'), `${quoted(repository.objects)}\n`);
  if (repository.shallow !== null) await copyFile(repository.shallow, join(gitDir, 'shallow'));
  const excludes = await readFile(repository.excludes, 'utf8').catch(() => '');
  await writeFile(join(gitDir, 'info', 'exclude'), excludes);
}

async function resolveRef(repository: Repository, ref: string, environment: Readonly<Record<string, string>>): Promise<string> {
  const found = ref.startsWith('-')
    ? undefined
    : await userGit(['rev-parse', '--verify', '--quiet', '--end-of-options', `${ref}^{commit}`], {
        cwd: repository.top,
        environment,
      });
  const sha = /^[0-9a-f]{40}$/m.exec(found?.stdout ?? '')?.[0];
  if (sha === undefined)
    throw new SignalboxError('NO_SOURCE', `There is no commit called ${ref}.`, {
      hint: 'Name a branch, tag or commit of this repository.',
    });
  return sha;
}

async function uncommitted(tree: WorkTree, environment: Readonly<Record<string, string>>): Promise<string[]> {
  const asked = await userGit(['status', '--porcelain=v1', '-z', '--no-renames', '--untracked-files=normal', '--', '.'], {
    cwd: tree.appRoot,
    environment,
  });
  return asked.stdout
    .split('\0')
    .filter((entry) => entry !== '')
    .map((entry) => entry.slice(3));
}

/** An address of a repository without what differs between two clones of it: protocol, user, password, `.git`. */
const plainAddress = (address: string): string =>
  address
    .replace(/^[a-z+]+:\/\//i, '')
    .replace(/^[^@/]+@/, '')
    .replace(/^([^/:]+):(?!\d)/, '$1/')
    .replace(/(?:\.git)?\/*$/, '')
    .toLowerCase();

const digest = (text: string): string => createHash('sha256').update(text).digest('hex').slice(0, 40);
const quoted = (path: string): string => (/^"|\n/.test(path) ? JSON.stringify(path) : path);
const reason = (result: UserGitResult): string =>
  result.stderr.trim().split('\n').slice(-2).join('; ') || `git ended with code ${String(result.code)}`;
