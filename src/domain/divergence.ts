import { SignalboxError } from './errors.ts';

/** How a branch and the one it follows stand to each other, as far as is known without asking anybody. */
export interface Tracked {
  readonly branch: string;
  /** Short name of what it follows: `origin/main`. */
  readonly upstream: string;
  /** Commits that only the branch has, and that only the upstream has. */
  readonly ahead: number;
  readonly behind: number;
  /** It is the branch that is checked out. */
  readonly current: boolean;
}

/**
 * Refuses a branch that lacks commits of its upstream: what it ships would take others' work back. One that is only ahead is fine.
 * @throws SOURCE_DIVERGED with the commands that help
 */
export function refuseDiverged(tracked: Tracked): void {
  const { branch, upstream, ahead, behind, current } = tracked;
  if (behind === 0) return;
  const lacks = `lacks ${commits(behind)} of ${upstream}`;
  const goThere = current ? '' : `git switch ${shellWord(branch)} && `;
  const way =
    ahead === 0
      ? `\`${goThere}git merge --ff-only ${shellWord(upstream)}\` brings it up to date`
      : `\`${goThere}git rebase ${shellWord(upstream)}\` puts yours on top of theirs (\`git merge ${shellWord(upstream)}\` joins both)`;
  throw new SignalboxError(
    'SOURCE_DIVERGED',
    ahead === 0
      ? `The branch ${branch} ${lacks}: an older state would be shipped.`
      : `The branch ${branch} ${lacks} and has ${commits(ahead)} of its own: what others have done since would not be shipped.`,
    { hint: `${way}; then try again. \`--diverged\` goes on as it is.`, details: { branch, upstream, ahead, behind } },
  );
}

/** A branch as it would be pushed over one of a remote's. */
export interface PushedBranch {
  /** Its name there. */
  readonly branch: string;
  readonly remote: string;
  /** What the remote has is known here. */
  readonly known: boolean;
  /** What the remote has is part of what is pushed. */
  readonly forward: boolean;
}

/** Refuses a push that takes commits of others away. @throws SOURCE_DIVERGED with the commands that help */
export function refusePush({ branch, remote, known, forward }: PushedBranch): void {
  if (known && forward) return;
  throw new SignalboxError(
    'SOURCE_DIVERGED',
    `${remote} has commits on ${branch} that ${known ? 'are not part of what is pushed' : 'are not known here'}: they would be lost.`,
    {
      hint: `\`git fetch ${shellWord(remote)} && git rebase ${shellWord(`${remote}/${branch}`)}\` puts yours on top of them; then push again. \`git push --no-verify\` goes past the hooks.`,
      details: { branch, remote },
    },
  );
}

const commits = (count: number): string => (count === 1 ? '1 commit' : `${count} commits`);

/** One word of a shell. Names of branches may hold quotes and dollar signs. */
const shellWord = (text: string): string => (/^[\w./@-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`);
