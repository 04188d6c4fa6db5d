import type { Task } from '../api.ts';
import { daysUntil, inWords } from '../dates.ts';
import { Link } from '../router.tsx';
import { Avatar } from './states.tsx';

interface Props {
  readonly tasks: readonly Task[];
  readonly home: string;
  readonly selected: number | undefined;
  readonly onToggle: (task: Task) => void;
}

export const TaskList = ({ tasks, home, selected, onToggle }: Props) => (
  <ul class="list">
    {tasks.map((task) => (
      <li key={task.number} class={`${task.status}${task.number === selected ? ' selected' : ''}`}>
        <button type="button" class="tick" role="checkbox" aria-checked={task.status === 'done'} aria-label={`Done: ${task.title}`} onClick={() => onToggle(task)}>
          <svg viewBox="0 0 16 16" aria-hidden="true">
            <path d="M3.5 8.5l3 3 6-6.5" />
          </svg>
        </button>
        <Link href={`${home}/tasks/${task.number}`} current={task.number === selected} class="title">
          {task.title}
        </Link>
        {task.status === 'doing' && <span class="pill doing">In progress</span>}
        {task.comments > 0 && (
          <span class="comments">
            <svg viewBox="0 0 16 16" aria-hidden="true">
              <path d="M2.5 3.5h11v7.5h-6l-3 2.5v-2.5h-2z" />
            </svg>
            {task.comments}
            <span class="unseen"> comments</span>
          </span>
        )}
        {task.dueOn && <Due task={task} dueOn={task.dueOn} />}
        <span class="number">#{task.number}</span>
        <span title={task.assignee?.name ?? 'Nobody'}>
          <Avatar person={task.assignee} />
          <span class="unseen">{task.assignee ? `assigned to ${task.assignee.name}` : 'not assigned'}</span>
        </span>
      </li>
    ))}
  </ul>
);

function Due({ task, dueOn }: { task: Task; dueOn: string }) {
  const days = daysUntil(dueOn);
  const urgency = task.status === 'done' ? '' : days < 0 ? 'late' : days === 0 ? 'soon' : '';
  return (
    <time class={`due ${urgency}`} dateTime={dueOn}>
      {urgency === 'late' && <span class="unseen">late: </span>}
      {inWords(dueOn)}
    </time>
  );
}
