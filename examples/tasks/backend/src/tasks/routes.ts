import type { FastifyInstance } from 'fastify';
import { parse } from '../input.ts';
import { assignmentMail } from '../mail/messages.ts';
import { tasksCreated } from '../metrics.ts';
import { type Membership, membershipOf } from '../organisations/access.ts';
import type { Parts } from '../parts.ts';
import type { Sql } from '../postgres.ts';
import { Problem, notFound } from '../problem.ts';
import { conditionOf, querySchema } from './search.ts';
import { type Task, changesSchema, columns, explainAssignee, newTaskSchema, numberIn, readTask, tables } from './task.ts';

export function addTaskRoutes(app: FastifyInstance, { database, mails, config }: Parts): void {
  /** Newest first; `next` is the `after` of the next page, null on the last. */
  app.get('/organisations/:organisation/tasks', async (request) => {
    const member = await membershipOf(database, request);
    const query = parse(querySchema, request.query);
    const { where, values } = conditionOf(member, query);
    const { rows } = await database.query<Task & { [column: string]: unknown }>(
      `SELECT ${columns} FROM ${tables} WHERE ${where} ORDER BY t.number DESC LIMIT ${query.limit + 1}`,
      values,
    );
    const tasks = rows.slice(0, query.limit);
    return { tasks, next: rows.length > tasks.length ? (tasks.at(-1)?.number ?? null) : null };
  });

  app.post('/organisations/:organisation/tasks', async (request, reply) => {
    const member = await membershipOf(database, request);
    const input = parse(newTaskSchema, request.body);
    const task = await database.transaction(async (sql) => {
      const { rows } = await sql.query<{ number: number }>(
        'UPDATE organisations SET last_task_number = last_task_number + 1 WHERE id = $1 RETURNING last_task_number AS number',
        [member.organisationId],
      );
      if (rows[0] === undefined) throw notFound('organisation');
      await sql
        .query(
          `INSERT INTO tasks (organisation_id, number, title, description, status, assignee_id, due_on, created_by)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
          [member.organisationId, rows[0].number, input.title, input.description, input.status, input.assigneeId, input.dueOn, member.userId],
        )
        .catch(explainAssignee);
      const made = await readTask(sql, member.organisationId, rows[0].number);
      await tellAssignee(sql, member, made);
      return made;
    });
    tasksCreated.inc();
    return reply.code(201).send(task);
  });

  app.get('/organisations/:organisation/tasks/:number', async (request) => {
    const { organisationId } = await membershipOf(database, request);
    return await readTask(database, organisationId, numberIn(request.params));
  });

  app.patch('/organisations/:organisation/tasks/:number', async (request) => {
    const member = await membershipOf(database, request);
    const number = numberIn(request.params);
    const { version, ...changes } = parse(changesSchema, request.body);
    return await database.transaction(async (sql) => {
      const locked = await sql.query('SELECT FROM tasks WHERE organisation_id = $1 AND number = $2 FOR UPDATE', [member.organisationId, number]);
      if (locked.rowCount === 0) throw notFound('task');
      const before = await readTask(sql, member.organisationId, number);
      if (version !== undefined && version !== before.version) {
        throw new Problem(409, 'changed-meanwhile', 'Somebody else has changed this task meanwhile. Look at it again.');
      }
      const after = { ...before, assigneeId: before.assignee?.id ?? null, ...changes };
      await sql
        .query(
          `UPDATE tasks SET title = $3, description = $4, status = $5, assignee_id = $6, due_on = $7, version = version + 1, updated_at = now()
           WHERE organisation_id = $1 AND number = $2`,
          [member.organisationId, number, after.title, after.description, after.status, after.assigneeId, after.dueOn],
        )
        .catch(explainAssignee);
      const changed = await readTask(sql, member.organisationId, number);
      if (changed.assignee?.id !== before.assignee?.id) await tellAssignee(sql, member, changed);
      return changed;
    });
  });

  app.delete('/organisations/:organisation/tasks/:number', async (request, reply) => {
    const { organisationId } = await membershipOf(database, request);
    const { rowCount } = await database.query('DELETE FROM tasks WHERE organisation_id = $1 AND number = $2', [
      organisationId,
      numberIn(request.params),
    ]);
    if (rowCount === 0) throw notFound('task');
    return reply.code(204).send();
  });

  /** A mail to whoever was given the task by somebody else. */
  async function tellAssignee(sql: Sql, { organisationId, userId }: Membership, task: Task): Promise<void> {
    if (task.assignee === null || task.assignee.id === userId) return;
    const { rows } = await sql.query<{ to: string; by: string; organisation: string }>(
      `SELECT a.email AS to, b.name AS by, o.name AS organisation FROM users a, users b, organisations o
       WHERE a.id = $1 AND b.id = $2 AND o.id = $3`,
      [task.assignee.id, userId, organisationId],
    );
    if (rows[0] === undefined) return;
    const link = `${config.publicUrl}/o/${organisationId}/tasks/${task.number}`;
    await mails.add(assignmentMail({ ...rows[0], task: `#${task.number} ${task.title}`, link }));
  }
}
