import type { FastifyRequest } from 'fastify';
import { userOf } from '../auth/gate.ts';
import { isUuid } from '../input.ts';
import type { Sql } from '../postgres.ts';
import { Problem, notFound } from '../problem.ts';

export type Role = 'owner' | 'admin' | 'member';

const rank: Readonly<Record<Role, number>> = { member: 0, admin: 1, owner: 2 };

export interface Membership {
  readonly organisationId: string;
  readonly userId: string;
  readonly role: Role;
}

/**
 * The asking user's membership in the organisation that the address names: the only way for a route to learn its id.
 * @throws Problem 404 to whoever is no member, whether or not it exists; 403 when the role is lower than `least`.
 */
export async function membershipOf(sql: Sql, request: FastifyRequest, least: Role = 'member'): Promise<Membership> {
  const { organisation: organisationId = '' } = request.params as { organisation?: string };
  const userId = userOf(request);
  if (!isUuid(organisationId)) throw notFound('organisation');
  const { rows } = await sql.query<{ role: Role }>('SELECT role FROM memberships WHERE organisation_id = $1 AND user_id = $2', [
    organisationId,
    userId,
  ]);
  const role = rows[0]?.role;
  if (role === undefined) throw notFound('organisation');
  if (rank[role] < rank[least]) throw new Problem(403, 'role', `Only an ${least} of the organisation may do this.`);
  return { organisationId, userId, role };
}
