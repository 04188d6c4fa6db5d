import { useEffect, useRef } from 'preact/hooks';
import { type Member, type Task, ask } from '../api.ts';
import { moment } from '../dates.ts';
import { useAction, useRemote } from '../remote.ts';
import { Comments } from './comments.tsx';
import { Failure, Loading } from './states.tsx';

interface Props {
  /** Address of the task in the API. */
  readonly at: string;
  readonly members: readonly Member[];
  readonly onChanged: () => void;
  readonly onClose: () => void;
}

/** One task, edited in place: each field is saved when it is left. */
export function TaskPanel({ at, members, onChanged, onClose }: Props) {
  const remote = useRemote(at, () => ask<Task>('GET', at));
  const task = remote.value;
  const close = useRef<HTMLButtonElement>(null);
  useEffect(() => close.current?.focus(), []);

  const save = useAction(async (changes: Record<string, unknown>) => {
    if (task === undefined) return;
    try {
      remote.set(await ask<Task>('PATCH', at, { ...changes, version: task.version }));
    } finally {
      onChanged();
    }
  });
  const remove = useAction(async () => {
    await ask('DELETE', at);
    onChanged();
    onClose();
  });
  const text = (name: 'title' | 'description') => (event: FocusEvent) => {
    const input = event.currentTarget as HTMLInputElement | HTMLTextAreaElement;
    if (input.value.trim() === task?.[name]) return;
    if (name === 'title' && input.value.trim() === '') input.value = task?.title ?? '';
    else void save.run({ [name]: input.value });
  };

  return (
    <aside class="panel" aria-label="Task">
      <div class="panel-head">
        <span class="number">{task && `#${task.number}`}</span>
        <span class="saved" role="status">
          {save.busy ? 'Saving…' : ''}
        </span>
        <button type="button" class="icon" ref={close} aria-label="Close" onClick={onClose}>
          ✕
        </button>
      </div>
      {task === undefined && (remote.error ? <Failure error={remote.error} {...(remote.error.status !== 404 && { retry: remote.reload })} /> : <Loading />)}
      {save.error && <Failure error={save.error} retry={remote.reload} />}
      {remove.error && <Failure error={remove.error} />}
      {task && (
        <>
          <label class="unseen" for="task-title">
            Title
          </label>
          <input
            id="task-title"
            class="task-title"
            key={`title ${task.version}`}
            defaultValue={task.title}
            maxLength={200}
            onBlur={text('title')}
            onKeyDown={(event) => event.key === 'Enter' && event.currentTarget.blur()}
          />
          <div class="facts">
            <label for="task-status">Status</label>
            <select id="task-status" value={task.status} onChange={(event) => void save.run({ status: event.currentTarget.value })}>
              <option value="open">Open</option>
              <option value="doing">In progress</option>
              <option value="done">Done</option>
            </select>
            <label for="task-assignee">Assigned to</label>
            <select id="task-assignee" value={task.assignee?.id ?? ''} onChange={(event) => void save.run({ assigneeId: event.currentTarget.value || null })}>
              <option value="">Nobody</option>
              {members.map(({ id, name }) => (
                <option key={id} value={id}>
                  {name}
                </option>
              ))}
            </select>
            <label for="task-due">Due</label>
            <input id="task-due" type="date" value={task.dueOn ?? ''} onChange={(event) => void save.run({ dueOn: event.currentTarget.value || null })} />
          </div>
          <label class="section" for="task-description">
            Description
          </label>
          <textarea
            id="task-description"
            key={`description ${task.version}`}
            defaultValue={task.description}
            rows={5}
            maxLength={10_000}
            placeholder="What does one need to know?"
            onBlur={text('description')}
          />
          <Comments at={`${at}/comments`} onChanged={onChanged} />
          <p class="origin">
            Added by {task.createdBy?.name ?? 'somebody who has left'} on {moment(task.createdAt)}
            <button type="button" class="danger" aria-busy={remove.busy} onClick={() => confirm(`Delete “${task.title}” with its comments?`) && void remove.run()}>
              Delete task
            </button>
          </p>
        </>
      )}
    </aside>
  );
}
