import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { isUuid, parse } from '../input.ts';
import type { Parts } from '../parts.ts';
import type { Sql } from '../postgres.ts';
import { Problem, notFound } from '../problem.ts';
import { type Role, membershipOf } from './access.ts';

const roleSchema = z.strictObject({ role: z.enum(['owner', 'admin', 'member'], { error: 'is not one of owner, admin, member' }) });

interface MemberRow {
  id: string;
  name: string;
  email: string;
  role: Role;
}

export function addMemberRoutes(app: FastifyInstance, { database }: Parts): void {
  app.get('/organisations/:organisation/members', async (request) => {
    const { organisationId } = await membershipOf(database, request);
    const { rows } = await database.query<MemberRow>(
      `SELECT id, name, email, role FROM users JOIN memberships ON user_id = id
       WHERE organisation_id = $1 ORDER BY lower(name), id`,
      [organisationId],
    );
    return { members: rows };
  });

  app.patch('/organisations/:organisation/members/:user', async (request) => {
    const { role } = parse(roleSchema, request.body);
    return await database.transaction(async (sql) => {
      const { organisationId } = await membershipOf(sql, request, 'owner');
      const user = await lockMember(sql, organisationId, request.params);
      await sql.query('UPDATE memberships SET role = $3 WHERE organisation_id = $1 AND user_id = $2', [organisationId, user.id, role]);
      await keepAnOwner(sql, organisationId);
      return { id: user.id, role };
    });
  });

  /** Members leave, admins remove members, owners remove anybody. */
  app.delete('/organisations/:organisation/members/:user', async (request, reply) => {
    await database.transaction(async (sql) => {
      const asking = await membershipOf(sql, request);
      const user = await lockMember(sql, asking.organisationId, request.params);
      const allowed = user.id === asking.userId || asking.role === 'owner' || (asking.role === 'admin' && user.role === 'member');
      if (!allowed) throw new Problem(403, 'role', 'Your role does not allow to remove this member.');
      await sql.query('DELETE FROM memberships WHERE organisation_id = $1 AND user_id = $2', [asking.organisationId, user.id]);
      await keepAnOwner(sql, asking.organisationId);
    });
    return reply.code(204).send();
  });
}

/** Changes of an organisation's members wait for each other: else two owners could remove one another. */
async function lockMember(sql: Sql, organisationId: string, params: unknown): Promise<{ id: string; role: Role }> {
  const { user = '' } = params as { user?: string };
  if (!isUuid(user)) throw notFound('member');
  await sql.query('SELECT FROM organisations WHERE id = $1 FOR UPDATE', [organisationId]);
  const { rows } = await sql.query<{ role: Role }>('SELECT role FROM memberships WHERE organisation_id = $1 AND user_id = $2', [organisationId, user]);
  if (rows[0] === undefined) throw notFound('member');
  return { id: user, role: rows[0].role };
}

async function keepAnOwner(sql: Sql, organisationId: string): Promise<void> {
  const { rows } = await sql.query("SELECT FROM memberships WHERE organisation_id = $1 AND role = 'owner' LIMIT 1", [organisationId]);
  if (rows.length === 0) throw new Problem(409, 'last-owner', 'An organisation needs an owner. Make somebody else one first.');
}
