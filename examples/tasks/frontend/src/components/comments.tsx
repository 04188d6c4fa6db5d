import { useRef } from 'preact/hooks';
import { type Comment, ask } from '../api.ts';
import { moment } from '../dates.ts';
import { useAction, useRemote } from '../remote.ts';
import { Avatar, Failure } from './states.tsx';

interface Props {
  /** Address of the comments in the API. */
  readonly at: string;
  readonly onChanged: () => void;
}

export function Comments({ at, onChanged }: Props) {
  const remote = useRemote(at, async () => (await ask<{ comments: Comment[] }>('GET', at)).comments);
  const text = useRef<HTMLTextAreaElement>(null);
  const send = useAction(async () => {
    const body = text.current?.value.trim();
    if (!body || !text.current) return;
    await ask('POST', at, { body });
    text.current.value = '';
    remote.reload();
    onChanged();
  });
  return (
    <section aria-labelledby="comments-title">
      <h2 id="comments-title" class="section">
        Comments
      </h2>
      {remote.error && <Failure error={remote.error} retry={remote.reload} />}
      <ol class="talk">
        {remote.value?.map((comment) => (
          <li key={comment.id}>
            <Avatar person={comment.author} />
            <div>
              <p class="by">
                <strong>{comment.author?.name ?? 'Somebody who has left'}</strong> <time dateTime={comment.createdAt}>{moment(comment.createdAt)}</time>
              </p>
              <p class="said">{comment.body}</p>
            </div>
          </li>
        ))}
      </ol>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          if (!send.busy) void send.run();
        }}
      >
        <label class="unseen" for="comment">
          Comment
        </label>
        <textarea
          id="comment"
          ref={text}
          rows={2}
          maxLength={5_000}
          placeholder="Write a comment"
          onKeyDown={(event) => event.key === 'Enter' && (event.ctrlKey || event.metaKey) && event.currentTarget.form?.requestSubmit()}
        />
        {send.error && <Failure error={send.error} />}
        <button type="submit" class="quiet" aria-busy={send.busy}>
          Comment
        </button>
      </form>
    </section>
  );
}
