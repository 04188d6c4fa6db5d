import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { userOf } from '../auth/gate.ts';
import { line, parse } from '../input.ts';
import type { Parts } from '../parts.ts';
import { notFound } from '../problem.ts';
import { type Role, membershipOf } from './access.ts';

const nameSchema = z.strictObject({ name: line(100) });

export function addOrganisationRoutes(app: FastifyInstance, { database }: Parts): void {
  app.get('/organisations', async (request) => {
    const { rows } = await database.query<{ id: string; name: string; role: Role }>(
      `SELECT id, name, role FROM organisations JOIN memberships ON organisation_id = id
       WHERE user_id = $1 ORDER BY lower(name), id`,
      [userOf(request)],
    );
    return { organisations: rows };
  });

  app.post('/organisations', async (request, reply) => {
    const { name } = parse(nameSchema, request.body);
    const id = await database.transaction(async (sql) => {
      const { rows } = await sql.query<{ id: string }>('INSERT INTO organisations (name) VALUES ($1) RETURNING id', [name]);
      const created = rows[0]?.id;
      await sql.query("INSERT INTO memberships (organisation_id, user_id, role) VALUES ($1, $2, 'owner')", [created, userOf(request)]);
      return created;
    });
    return reply.code(201).send({ id, name, role: 'owner' });
  });

  app.get('/organisations/:organisation', async (request) => {
    const { organisationId, role } = await membershipOf(database, request);
    const { rows } = await database.query<{ name: string; open: number; doing: number; done: number }>(
      `SELECT name,
         count(number) FILTER (WHERE status = 'open')::int AS open,
         count(number) FILTER (WHERE status = 'doing')::int AS doing,
         count(number) FILTER (WHERE status = 'done')::int AS done
       FROM organisations LEFT JOIN tasks ON organisation_id = id WHERE id = $1 GROUP BY id`,
      [organisationId],
    );
    if (rows[0] === undefined) throw notFound('organisation');
    const { name, ...tasks } = rows[0];
    return { id: organisationId, name, role, tasks };
  });

  app.patch('/organisations/:organisation', async (request) => {
    const { organisationId, role } = await membershipOf(database, request, 'admin');
    const { name } = parse(nameSchema, request.body);
    await database.query('UPDATE organisations SET name = $2 WHERE id = $1', [organisationId, name]);
    return { id: organisationId, name, role };
  });
}
