import { z } from 'zod';
import { day, line, prose } from '../input.ts';
import type { Sql } from '../postgres.ts';
import { refusedBy } from '../postgres.ts';
import { notFound, notValid } from '../problem.ts';

const status = () => z.enum(['open', 'doing', 'done'], { error: 'is not one of open, doing, done' });
const user = () => z.uuid({ error: 'is not the id of a member' }).nullable();

export const newTaskSchema = z.strictObject({
  title: line(200),
  description: prose(10_000).default(''),
  status: status().default('open'),
  assigneeId: user().default(null),
  dueOn: day().nullable().default(null),
});

export const changesSchema = z.strictObject({
  title: line(200).optional(),
  description: prose(10_000).optional(),
  status: status().optional(),
  assigneeId: user().optional(),
  dueOn: day().nullable().optional(),
  /** The version that was read: a change to an older one is refused. Without it the change is made in any case. */
  version: z.int({ error: 'is not a version' }).optional(),
});

export const columns = `t.number, t.title, t.description, t.status, t.due_on AS "dueOn", t.version,
  t.created_at AS "createdAt", t.updated_at AS "updatedAt",
  CASE WHEN a.id IS NULL THEN NULL ELSE json_build_object('id', a.id, 'name', a.name) END AS assignee,
  CASE WHEN c.id IS NULL THEN NULL ELSE json_build_object('id', c.id, 'name', c.name) END AS "createdBy",
  (SELECT count(*)::int FROM comments WHERE organisation_id = t.organisation_id AND task_number = t.number) AS comments`;
export const tables = 'tasks t LEFT JOIN users a ON a.id = t.assignee_id LEFT JOIN users c ON c.id = t.created_by';

export interface Task {
  number: number;
  title: string;
  description: string;
  status: 'open' | 'doing' | 'done';
  /** Such as 2026-03-31. */
  dueOn: string | null;
  version: number;
  createdAt: Date;
  updatedAt: Date;
  assignee: { id: string; name: string } | null;
  createdBy: { id: string; name: string } | null;
  /** How many. */
  comments: number;
}

/** The number in the address of a task. @throws Problem 404 when it is none. */
export function numberIn(params: unknown): number {
  const { number = '' } = params as { number?: string };
  if (!/^[1-9]\d{0,8}$/.test(number)) throw notFound('task');
  return Number(number);
}

/** @throws Problem 404. */
export async function readTask(sql: Sql, organisationId: string, number: number): Promise<Task> {
  const { rows } = await sql.query<Task & { [column: string]: unknown }>(
    `SELECT ${columns} FROM ${tables} WHERE t.organisation_id = $1 AND t.number = $2`,
    [organisationId, number],
  );
  if (rows[0] === undefined) throw notFound('task');
  return rows[0];
}

/** The database lets members alone be assigned. */
export function explainAssignee(error: unknown): never {
  throw refusedBy(error) === 'tasks_organisation_id_assignee_id_fkey' ? notValid('assigneeId', 'is not the id of a member') : error;
}
