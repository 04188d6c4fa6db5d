import type { Tracked } from '../domain/divergence.ts';
import { userGit } from './git.ts';

/**
 * How the branch of a ref stands to its upstream, by what was last fetched; nobody is asked. Undefined when there is nothing to
 * compare: a tag, a commit, no repository, a branch that follows none or one that is gone.
 */
export async function trackedBranch(
  folder: string,
  ref: string,
  environment: Readonly<Record<string, string>>,
): Promise<Tracked | undefined> {
  const ask = async (...args: string[]): Promise<string> => {
    const asked = await userGit(args, { cwd: folder, environment });
    return asked.code === 0 ? asked.stdout.replace(/\n$/, '') : '';
  };
  if (ref.startsWith('-')) return undefined;
  const head = await ask('symbolic-ref', '--quiet', 'HEAD');
  const full = ref === 'HEAD' ? head : await ask('rev-parse', '--symbolic-full-name', '--verify', '--quiet', ref);
  if (!full.startsWith('refs/heads/')) return undefined;
  const [upstream = '', short = ''] = (
    await ask('for-each-ref', '--count=1', '--format=%(upstream)%00%(upstream:short)', '--', full)
  ).split('\0');
  if (upstream === '') return undefined;
  const counts = /^(\d+)\s+(\d+)$/.exec(
    await ask('rev-list', '--left-right', '--count', '--end-of-options', `${full}...${upstream}`, '--'),
  );
  if (counts === null) return undefined;
  return {
    branch: full.slice('refs/heads/'.length),
    upstream: short,
    ahead: Number(counts[1]),
    behind: Number(counts[2]),
    current: full === head,
  };
}
