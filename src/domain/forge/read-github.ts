import { type DeletedRef, type ForgeEvent, ignored, type MovedRef, type PullRequest } from './event.ts';
import { at, branch, commit, count, link, none, ref, text } from './payload.ts';

/** Payloads of GitHub, and of Gitea and Forgejo, which took over their form. @param name the event's, as the forge's header has it */
export function readGithub(name: string, payload: unknown): ForgeEvent {
  if (name === 'ping') return { type: 'ping' };
  if (name === 'push') return readPush(payload);
  if (name === 'pull_request' || name === 'pull_request_sync') return readPullRequest(payload);
  return ignored('Events of this kind say nothing that matters here.');
}

/** Gitea says by an event of its own that a branch or tag is gone; GitHub says it by both, and its push is enough. */
export function readGiteaDelete(payload: unknown): ForgeEvent {
  const kind = at(payload, 'ref_type') === 'tag' ? 'tags' : 'heads';
  const name = at(payload, 'ref');
  const gone = typeof name === 'string' ? ref(name.startsWith('refs/') ? name : `refs/${kind}/${name}`) : null;
  return gone === null ? ignored(noRef) : { type: 'deleted', ref: gone, before: null };
}

export const noRef = 'The name of the branch or tag has characters that are not taken here.';
export const noCommit = 'It names no commit of a form that is known here.';
export const nothingMoved = 'Nothing has moved.';

function readPush(payload: unknown): ForgeEvent {
  return movedOrDeleted({
    ref: at(payload, 'ref'),
    before: at(payload, 'before'),
    after: at(payload, 'after'),
    commitUrl: at(payload, 'head_commit', 'url'),
    pusher: at(payload, 'pusher', 'name') ?? at(payload, 'pusher', 'login') ?? at(payload, 'sender', 'login'),
  });
}

/** What every forge's push comes down to. */
export function movedOrDeleted(push: Readonly<Record<keyof Omit<MovedRef, 'type'>, unknown>>): ForgeEvent {
  const name = ref(push.ref);
  if (name === null) return ignored(noRef);
  const before = commit(push.before);
  const after = commit(push.after);
  if (after === null || before === null) return ignored(noCommit);
  const known = before === none ? null : before;
  if (after === none) return { type: 'deleted', ref: name, before: known } satisfies DeletedRef;
  if (after === before) return ignored(nothingMoved);
  return { type: 'moved', ref: name, before: known, after, commitUrl: link(push.commitUrl), pusher: text(push.pusher) };
}

const actions: Readonly<Record<string, PullRequest['action']>> = {
  opened: 'opened',
  synchronize: 'synchronised',
  synchronized: 'synchronised',
  reopened: 'reopened',
  closed: 'closed',
};

function readPullRequest(payload: unknown): ForgeEvent {
  const action = at(payload, 'action');
  const known = typeof action === 'string' && Object.hasOwn(actions, action) ? actions[action] : undefined;
  if (known === undefined) return ignored('This change of a pull request moves no code.');
  const head = at(payload, 'pull_request', 'head');
  const base = at(payload, 'pull_request', 'base');
  const from = text(at(head, 'repo', 'full_name'));
  return pullRequest({
    number: at(payload, 'number') ?? at(payload, 'pull_request', 'number'),
    action: known,
    title: at(payload, 'pull_request', 'title'),
    sha: at(head, 'sha'),
    ref: at(head, 'ref'),
    repository: from,
    base: at(base, 'ref'),
    sameRepository: isSame(at(head, 'repo', 'id'), at(base, 'repo', 'id')) && from === text(at(base, 'repo', 'full_name')),
  });
}

/** Both are there and equal: what is missing (a fork that was deleted) is never the same. */
export const isSame = (one: unknown, other: unknown): boolean => count(one) !== null && one === other;

/** What every forge's pull request comes down to. */
export function pullRequest(
  facts: Readonly<Record<'number' | 'title' | 'sha' | 'ref' | 'base', unknown>> & {
    readonly action: PullRequest['action'];
    readonly repository: string | null;
    readonly sameRepository: boolean;
  },
): ForgeEvent {
  const number = count(facts.number);
  const sha = commit(facts.sha);
  const head = branch(facts.ref);
  const base = branch(facts.base);
  if (number === null || sha === null || sha === none) return ignored(noCommit);
  if (head === null || base === null) return ignored(noRef);
  return {
    type: 'pull-request',
    number,
    action: facts.action,
    title: text(facts.title) ?? '',
    head: { sha, ref: head, repository: facts.repository },
    base,
    fromFork: !facts.sameRepository,
  };
}
