import { pushedRef, usualBranches } from '../../../../domain/branch-rules.ts';
import { SignalboxError } from '../../../../domain/errors.ts';
import { plainText } from '../../../../domain/plain-text.ts';
import type { Pushes } from '../../../../ports/pushes.ts';
import { keepPushed, moveRef, readRef } from '../pushed.ts';
import type { Place } from '../receive.ts';
import type { Turns } from '../turns.ts';
import type { RefUpdate, Verdicts } from './conversation.ts';

export interface PushContext {
  readonly place: Place;
  readonly turns: Turns;
  readonly pushes: Pick<Pushes, 'receive'>;
  readonly pusher: string;
  readonly onFault: (error: unknown) => void;
}

export interface ArrivedPush {
  readonly updates: readonly RefUpdate[];
  readonly say: (line: string) => void;
}

/** Refs of one push: each costs some calls of git. */
const mostRefs = 200;
const stale = 'it was moved here meanwhile; fetch first, then push again';

/** Decides each ref of a push by itself, one after the other, and moves those that are to be moved. Never rejects. */
export async function decidePush(context: PushContext, push: ArrivedPush): Promise<Verdicts> {
  const verdicts = new Map<string, string | null>();
  for (const [index, update] of [...push.updates].sort(usualFirst).entries()) {
    const say = (line: string): void => push.say(printable(line));
    const verdict =
      index < mostRefs
        ? await decideOne(context, { ...push, say, update }).catch((error: unknown) => explained(error, context, say))
        : `more than ${mostRefs} refs are not taken at once`;
    verdicts.set(update.ref, verdict === null ? null : plainText(verdict, 300));
  }
  return verdicts;
}

/** Which branch counts as the usual one shall not depend on the order in which they are sent. */
const usualFirst = (a: RefUpdate, b: RefUpdate): number => rankOf(a.ref) - rankOf(b.ref);
const rankOf = (ref: string): number => {
  const rank = usualBranches.findIndex((branch) => ref === `refs/heads/${branch}`);
  return rank === -1 ? usualBranches.length : rank;
};

async function decideOne(
  { place, turns, pushes, pusher }: PushContext,
  { update, say }: Omit<ArrivedPush, 'updates'> & { readonly update: RefUpdate },
): Promise<string | null> {
  const { ref, before, after } = update;
  const named = pushedRef(ref);
  if (named.kind === 'refused') return named.reason;
  if ((await readRef(place, ref)) !== before) return stale;
  if (after === null && before === null) return 'there is nothing here by that name';
  const commit = after === null ? null : await turns(place.app, () => keepPushed(place, after));
  if (after !== null && commit !== after && named.kind === 'branch') return 'a branch leads to a commit';
  const app = place.app as Parameters<Pushes['receive']>[0]['app'];
  const answer = await pushes.receive({ app, ref, before, after: commit, pusher }, say);
  if (!answer.ok) return answer.reason;
  const fault = await turns(place.app, () => moveRef(place, { ref, to: after, expected: before }));
  if (fault === null) return null;
  if (!answer.deployed) return (await readRef(place, ref)) === before ? fault : stale;
  // It serves: the branch says so, whatever another push has made of it meanwhile.
  const forced = await turns(place.app, () => moveRef(place, { ref, to: after }));
  if (forced === null) say('another push has moved the branch meanwhile; this one is live, so the branch is here now');
  return forced;
}

function explained(error: unknown, { onFault }: PushContext, say: (line: string) => void): string {
  if (!(error instanceof SignalboxError)) {
    onFault(error);
    return 'Signalbox could not look at it; its log says why [INTERNAL]';
  }
  say(error.message);
  if (error.hint !== '') say(`to do: ${error.hint}`);
  return `${plainText(error.message, 200)} [${error.code}]`;
}

/** On one line, nothing that a terminal acts on; how far it is indented stays. */
const printable = (line: string): string => `${/^ {0,6}/.exec(line)?.[0] ?? ''}${plainText(line, 600)}`;
