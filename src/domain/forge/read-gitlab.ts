import { type ForgeEvent, ignored, type PullRequest } from './event.ts';
import { at, text } from './payload.ts';
import { isSame, movedOrDeleted, pullRequest } from './read-github.ts';

/** Payloads of GitLab. They name their kind themselves. */
export function readGitlab(payload: unknown): ForgeEvent {
  const kind = at(payload, 'object_kind');
  if (kind === 'push' || kind === 'tag_push')
    return movedOrDeleted({
      ref: at(payload, 'ref'),
      before: at(payload, 'before'),
      after: at(payload, 'after'),
      commitUrl: lastCommitUrl(payload),
      pusher: at(payload, 'user_username') ?? at(payload, 'user_name'),
    });
  if (kind === 'merge_request') return readMergeRequest(payload);
  return ignored('Events of this kind say nothing that matters here.');
}

/** Commits come oldest first. */
function lastCommitUrl(payload: unknown): unknown {
  const commits = at(payload, 'commits');
  return Array.isArray(commits) ? at(commits.at(-1), 'url') : undefined;
}

function readMergeRequest(payload: unknown): ForgeEvent {
  const request = at(payload, 'object_attributes');
  const action = actionOf(at(request, 'action'), at(request, 'oldrev') !== undefined);
  if (action === null) return ignored('This change of a merge request moves no code.');
  return pullRequest({
    number: at(request, 'iid'),
    action,
    title: at(request, 'title'),
    sha: at(request, 'last_commit', 'id'),
    ref: at(request, 'source_branch'),
    repository: text(at(request, 'source', 'path_with_namespace')),
    base: at(request, 'target_branch'),
    sameRepository: isSame(at(request, 'source_project_id'), at(request, 'target_project_id')),
  });
}

/** `movesCode`: an update says so by the commit that was the head before. */
function actionOf(action: unknown, movesCode: boolean): PullRequest['action'] | null {
  if (action === 'open') return 'opened';
  if (action === 'reopen') return 'reopened';
  if (action === 'close' || action === 'merge') return 'closed';
  return action === 'update' && movesCode ? 'synchronised' : null;
}
