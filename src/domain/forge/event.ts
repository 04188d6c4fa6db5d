/** The forges whose webhooks are understood; `gitea` stands for Forgejo, too. */
export const forgeKinds = ['github', 'gitlab', 'gitea'] as const;
export type ForgeKind = (typeof forgeKinds)[number];

/**
 * What a forge says has happened. All of it is the text of strangers: SHAs and refs are of a plain form, other texts are bounded
 * and without control characters, links lead to http or https. It is still only a claim: what a branch holds is asked of the repository.
 */
export type ForgeEvent = MovedRef | DeletedRef | PullRequest | { readonly type: 'ping' } | Ignored;

/** A branch or tag points to another commit. */
export interface MovedRef {
  readonly type: 'moved';
  /** `refs/heads/…` or `refs/tags/…`. */
  readonly ref: string;
  /** Null: the ref is new. */
  readonly before: string | null;
  readonly after: string;
  readonly commitUrl: string | null;
  readonly pusher: string | null;
}

export interface DeletedRef {
  readonly type: 'deleted';
  readonly ref: string;
  /** Null where the forge does not say. */
  readonly before: string | null;
}

export interface PullRequest {
  readonly type: 'pull-request';
  readonly number: number;
  readonly action: 'opened' | 'synchronised' | 'reopened' | 'closed';
  readonly title: string;
  readonly head: { readonly sha: string; readonly ref: string; readonly repository: string | null };
  /** Branch that it is to go into. */
  readonly base: string;
  /** Its commits are those of people who may not push here, or it is not known whose. Nothing of it is ever trusted. */
  readonly fromFork: boolean;
}

export interface Ignored {
  readonly type: 'ignored';
  readonly reason: string;
}

export const ignored = (reason: string): Ignored => ({ type: 'ignored', reason });
