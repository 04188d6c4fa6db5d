import type { EnvironmentName } from './values.ts';

/** A branch name or a pattern: `*` and `?` stay within a `/`, `**` does not. False: no branch. */
export type BranchRule = string | false;

/** What git calls the thing that a push moves. */
export type PushedRef =
  | { readonly kind: 'branch'; readonly name: string }
  | { readonly kind: 'tag'; readonly name: string }
  | { readonly kind: 'refused'; readonly reason: string };

/** Bytes of a ref that a folder of every file system has room for, with what git adds to it. */
const longestRef = 200;
/** What git itself refuses in a ref, wherever it stands: see git-check-ref-format(1). */
const neverInRefs = /[\p{Cc}\p{Cf} ~^:?*[\\]|\.\.|@\{|\/\/|\/\.|\.lock(?:\/|$)|[./]$|\/-/u;

/** Which branch or tag a push is about. Names are hostile text: what git would not make is refused, and so is every other kind. */
export function pushedRef(ref: string): PushedRef {
  const refused = (reason: string): PushedRef => ({ kind: 'refused', reason });
  if (new TextEncoder().encode(ref).length > longestRef) return refused(`its name is longer than ${longestRef} bytes`);
  const found = /^refs\/(heads|tags)\/(.+)$/su.exec(ref);
  if (found?.[1] === undefined || found[2] === undefined) return refused('only branches and tags are taken');
  if (neverInRefs.test(ref) || found[2] === 'HEAD') return refused('its name is not one that git allows');
  return { kind: found[1] === 'heads' ? 'branch' : 'tag', name: found[2] };
}

/** Takes time in proportion to both lengths, whatever the pattern. */
export function matchesBranch(rule: BranchRule, branch: string): boolean {
  if (rule === false) return false;
  const tokens = rule.match(/\*\*|\*|\?|[^*?]/gsu) ?? [];
  const letters = Array.from(branch);
  // reached[i]: the tokens so far cover the first i letters.
  let reached = letters.map((): boolean => false);
  reached = [true, ...reached];
  for (const token of tokens) {
    const next = reached.map((): boolean => false);
    for (let at = 0; at <= letters.length; at += 1) {
      const letter = letters[at - 1];
      if (token === '**') next[at] = reached[at] === true || next[at - 1] === true;
      else if (token === '*') next[at] = reached[at] === true || (next[at - 1] === true && letter !== '/');
      else next[at] = reached[at - 1] === true && (token === '?' ? letter !== '/' : letter === token);
    }
    reached = next;
  }
  return reached.at(-1) === true;
}

/** Branches that production follows where nothing else is said; the first that is pushed counts. */
export const usualBranches = ['main', 'master'] as const;

/**
 * Environments that a push to the branch is deployed to, in this order, each only after the one before. Those that name a branch come
 * in the order of the file; production, where it names none, follows `defaultBranch` and comes last.
 * @param defaultBranch the one of `usualBranches` that was pushed first; null: none yet.
 */
export function environmentsOf(
  branch: string,
  environments: Readonly<Record<string, { readonly branch?: BranchRule }>>,
  defaultBranch: string | null,
): readonly EnvironmentName[] {
  const named = Object.entries(environments).filter(
    ([, environment]) => environment.branch !== undefined && matchesBranch(environment.branch, branch),
  );
  const usual = defaultBranch === null ? (usualBranches as readonly string[]).includes(branch) : branch === defaultBranch;
  const implied = usual && environments['production'] !== undefined && environments['production'].branch === undefined;
  return [...named.map(([name]) => name), ...(implied ? ['production'] : [])] as EnvironmentName[];
}
