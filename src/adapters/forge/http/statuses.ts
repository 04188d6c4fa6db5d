import { readCloneUrl } from '../../../domain/forge/clone-url.ts';
import { statusRequest } from '../../../domain/forge/status-request.ts';
import type { CommitStatuses, Written } from '../../../ports/forge.ts';

const answerWithin = 15_000;
/** Of what a forge says when it refuses, characters. */
const longestReason = 200;

/** Tells forges over their HTTP API. Redirects are not followed: nobody else is sent the token. */
export function httpCommitStatuses({ userAgent }: { readonly userAgent: string }): CommitStatuses {
  return {
    write: async (hook, token, status): Promise<Written> => {
      const clone = readCloneUrl(hook.url, { plainLoopback: true });
      const request = 'fault' in clone ? null : statusRequest({ kind: hook.kind, clone, api: hook.api }, status);
      if (request === null) return { done: false, again: false, reason: `${hook.url} names no repository of ${hook.kind}` };
      const { url, method, credential, body } = request;
      try {
        const answer = await fetch(url, {
          method,
          headers: {
            [credential.header]: `${credential.prefix}${token}`,
            accept: 'application/json',
            'content-type': 'application/json',
            'user-agent': userAgent,
          },
          body: JSON.stringify(body),
          redirect: 'manual',
          signal: AbortSignal.timeout(answerWithin),
        });
        if (answer.ok) {
          await answer.body?.cancel();
          return { done: true };
        }
        const said = (await answer.text())
          .slice(0, 10_000)
          .replaceAll(token, '***')
          .replaceAll(/\p{Cc}+/gu, ' ');
        // GitLab refuses to be told the same thing twice.
        if (hook.kind === 'gitlab' && answer.status === 400 && /cannot transition status/i.test(said)) return { done: true };
        const again = answer.status === 429 || answer.status >= 500;
        return { done: false, again, reason: `${new URL(url).host} answered ${answer.status}: ${said.slice(0, longestReason)}` };
      } catch (error) {
        const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
        const reason = cause instanceof Error ? cause.message : String(cause);
        return { done: false, again: true, reason: `${new URL(url).host} does not answer (${reason.slice(0, longestReason)})` };
      }
    },
  };
}
