import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { parse, prose } from '../input.ts';
import { membershipOf } from '../organisations/access.ts';
import type { Parts } from '../parts.ts';
import { notFound } from '../problem.ts';
import { refusedBy } from '../postgres.ts';
import { numberIn, readTask } from './task.ts';

const commentSchema = z.strictObject({ body: prose(5_000).refine((text) => text !== '', { error: 'is required' }) });

/** More than anybody reads; the oldest are left out. */
const MOST_SHOWN = 500;

const columns = `m.id, m.body, m.created_at AS "createdAt",
  CASE WHEN u.id IS NULL THEN NULL ELSE json_build_object('id', u.id, 'name', u.name) END AS author`;

export function addCommentRoutes(app: FastifyInstance, { database }: Parts): void {
  app.get('/organisations/:organisation/tasks/:number/comments', async (request) => {
    const { organisationId } = await membershipOf(database, request);
    const { number } = await readTask(database, organisationId, numberIn(request.params));
    const { rows } = await database.query(
      `SELECT ${columns} FROM comments m LEFT JOIN users u ON u.id = m.author_id
       WHERE organisation_id = $1 AND task_number = $2 ORDER BY m.created_at DESC, m.id LIMIT ${MOST_SHOWN}`,
      [organisationId, number],
    );
    return { comments: rows.reverse() };
  });

  app.post('/organisations/:organisation/tasks/:number/comments', async (request, reply) => {
    const { organisationId, userId } = await membershipOf(database, request);
    const { body } = parse(commentSchema, request.body);
    const { rows } = await database
      .query(
        `WITH m AS (
           INSERT INTO comments (organisation_id, task_number, author_id, body) VALUES ($1, $2, $3, $4) RETURNING *
         ) SELECT ${columns} FROM m LEFT JOIN users u ON u.id = m.author_id`,
        [organisationId, numberIn(request.params), userId, body],
      )
      .catch((error: unknown) => {
        throw refusedBy(error) === 'comments_organisation_id_task_number_fkey' ? notFound('task') : error;
      });
    return reply.code(201).send(rows[0]);
  });
}
