import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import { type Member, type Organisation, type Task, type User, ask } from '../api.ts';
import { TaskList } from '../components/task-list.tsx';
import { TaskPanel } from '../components/task-panel.tsx';
import { Failure, Loading } from '../components/states.tsx';
import { useAction, useRemote } from '../remote.ts';
import { navigate } from '../router.tsx';

interface Props {
  readonly organisation: Organisation;
  readonly user: User;
  /** Number of the task that is shown beside the list. */
  readonly selected: number | undefined;
}

const views = [
  ['active', 'To do'],
  ['done', 'Done'],
  ['', 'All'],
] as const;

interface Page {
  readonly tasks: readonly Task[];
  readonly next: number | null;
}

export function TasksPage({ organisation, user, selected }: Props) {
  const at = `/organisations/${organisation.id}`;
  const home = `/o/${organisation.id}`;
  const [status, setStatus] = useState<string>('active');
  const [assignee, setAssignee] = useState('');
  const [search, setSearch] = useState('');
  const query = new URLSearchParams(Object.entries({ status, assignee, search: useSettled(search.trim(), 200) }).filter(([, value]) => value !== ''));
  const list = useRemote(`${at}?${query}`, () => ask<Page>('GET', `${at}/tasks?${query}`));
  const members = useRemote(at, async () => (await ask<{ members: Member[] }>('GET', `${at}/members`)).members);
  const counts = useRemote(`${at} counts`, async () => (await ask<{ tasks: Record<Task['status'], number> }>('GET', at)).tasks);
  const add = useRef<HTMLInputElement>(null);
  const find = useRef<HTMLInputElement>(null);

  const changed = () => {
    list.reload();
    counts.reload();
  };
  const create = useAction(async (title: string) => {
    const task = await ask<Task>('POST', `${at}/tasks`, { title, assigneeId: assignee === 'me' ? user.id : null });
    if (add.current) add.current.value = '';
    setSearch('');
    if (status === 'done') setStatus('active');
    if (list.value) list.set({ ...list.value, tasks: [task, ...list.value.tasks] });
    changed();
  });
  const setDone = useAction(async (task: Task) => {
    await ask('PATCH', `${at}/tasks/${task.number}`, { status: task.status === 'done' ? 'open' : 'done', version: task.version });
    changed();
  });
  const more = useAction(async () => {
    if (list.value?.next == null) return;
    query.set('after', String(list.value.next));
    const page = await ask<Page>('GET', `${at}/tasks?${query}`);
    list.set({ tasks: [...list.value.tasks, ...page.tasks], next: page.next });
  });

  // Before the next key can come: Escape closes what is seen.
  useLayoutEffect(() => {
    const press = (event: KeyboardEvent) => {
      if (event.key === 'Escape' && selected !== undefined) return navigate(home);
      if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
      const target = { n: add, '/': find }[event.key];
      if (target === undefined) return;
      event.preventDefault();
      target.current?.focus();
    };
    addEventListener('keydown', press);
    return () => removeEventListener('keydown', press);
  }, [selected, home]);

  const total = counts.value && counts.value.open + counts.value.doing + counts.value.done;
  const countOf = { active: counts.value && counts.value.open + counts.value.doing, done: counts.value?.done, '': total };
  const error = create.error ?? setDone.error ?? more.error;
  return (
    <div class={selected === undefined ? 'workspace' : 'workspace split'}>
      <section class="tasks" aria-labelledby="tasks-title">
        <h1 id="tasks-title" class="unseen">
          Tasks of {organisation.name}
        </h1>
        <form
          class="add"
          onSubmit={(event) => {
            event.preventDefault();
            const title = add.current?.value.trim();
            if (title && !create.busy) void create.run(title);
          }}
        >
          <label class="unseen" for="add-task">
            New task
          </label>
          <input id="add-task" ref={add} placeholder="What is to be done?" maxLength={200} autoComplete="off" aria-keyshortcuts="n" />
          <button type="submit" class="primary" aria-busy={create.busy}>
            Add task
          </button>
        </form>
        {error && <Failure error={error} />}
        <div class="filters">
          <div class="choice" role="group" aria-label="Which tasks">
            {views.map(([value, label]) => (
              <button key={value} type="button" aria-pressed={status === value} onClick={() => setStatus(value)}>
                {label} <span class="count">{countOf[value]}</span>
              </button>
            ))}
          </div>
          <label class="unseen" for="by-assignee">
            Assigned to
          </label>
          <select id="by-assignee" value={assignee} onChange={(event) => setAssignee(event.currentTarget.value)}>
            <option value="">Everybody</option>
            <option value="me">Mine</option>
            <option value="none">Nobody’s</option>
            {members.value
              ?.filter(({ id }) => id !== user.id)
              .map(({ id, name }) => (
                <option key={id} value={id}>
                  {name}
                </option>
              ))}
          </select>
          <label class="unseen" for="search">
            Search
          </label>
          <input
            id="search"
            ref={find}
            type="search"
            placeholder="Search"
            maxLength={200}
            aria-keyshortcuts="/"
            value={search}
            onInput={(event) => setSearch(event.currentTarget.value)}
          />
        </div>
        {list.value === undefined && (list.error ? <Failure error={list.error} retry={list.reload} /> : <Loading />)}
        {list.value && list.error && <Failure error={list.error} retry={list.reload} />}
        {list.value && list.value.tasks.length > 0 && (
          <TaskList tasks={list.value.tasks} home={home} selected={selected} onToggle={(task) => void setDone.run(task)} />
        )}
        {list.value?.tasks.length === 0 && <Empty hasTasks={(total ?? 1) > 0} isSearch={search !== '' || assignee !== ''} isDone={status === 'done'} />}
        {list.value?.next != null && (
          <button type="button" class="quiet more" aria-busy={more.busy} onClick={() => void more.run()}>
            Show older tasks
          </button>
        )}
        <p class="keys">
          <kbd>n</kbd> new task <kbd>/</kbd> search <kbd>Esc</kbd> close
        </p>
      </section>
      {selected !== undefined && (
        <TaskPanel key={selected} at={`${at}/tasks/${selected}`} members={members.value ?? []} onChanged={changed} onClose={() => navigate(home)} />
      )}
    </div>
  );
}

function Empty({ hasTasks, isSearch, isDone }: { hasTasks: boolean; isSearch: boolean; isDone: boolean }) {
  const [title, text] = !hasTasks
    ? ['No tasks yet', 'Write down the first thing that has to be done, and press Enter.']
    : isSearch
      ? ['Nothing found', 'No task has these words or belongs to this person.']
      : isDone
        ? ['Nothing done yet', 'Tasks that you tick off are kept here.']
        : ['All done', 'There is nothing left to do. Enjoy it.'];
  return (
    <div class="empty">
      <h2>{title}</h2>
      <p>{text}</p>
    </div>
  );
}

/** The value once it has not changed for so many milliseconds. */
function useSettled(value: string, ms: number): string {
  const [settled, setSettled] = useState(value);
  useEffect(() => {
    const timer = setTimeout(() => setSettled(value), ms);
    return () => clearTimeout(timer);
  }, [value, ms]);
  return settled;
}

const isTyping = (target: EventTarget | null): boolean => target instanceof Element && target.matches('input, textarea, select, [contenteditable]');
