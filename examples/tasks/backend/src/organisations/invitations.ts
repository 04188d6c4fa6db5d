import { createHash, randomBytes } from 'node:crypto';
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { userOf } from '../auth/gate.ts';
import { email, isUuid, parse } from '../input.ts';
import type { Limit } from '../limiter.ts';
import { invitationMail } from '../mail/messages.ts';
import type { Parts } from '../parts.ts';
import { Problem, notFound, notValid } from '../problem.ts';
import { membershipOf } from './access.ts';

const inviteSchema = z.strictObject({
  email: email(),
  role: z.enum(['admin', 'member'], { error: 'is not one of admin, member' }).default('member'),
});
const acceptSchema = z.strictObject({ token: z.string({ error: 'is required' }).max(200, { error: 'is not a token' }) });

const invitationLimit: Limit = { name: 'invitations', burst: 50, everyMs: 60_000 };

export function addInvitationRoutes(app: FastifyInstance, { database, limiter, mails, config }: Parts): void {
  app.get('/organisations/:organisation/invitations', async (request) => {
    const { organisationId } = await membershipOf(database, request, 'admin');
    const { rows } = await database.query(
      `SELECT id, email, role, expires_at AS "expiresAt" FROM invitations
       WHERE organisation_id = $1 AND expires_at > now() ORDER BY email`,
      [organisationId],
    );
    return { invitations: rows };
  });

  /** Invites, or invites again with a new token; the one in an older mail is void then. */
  app.post('/organisations/:organisation/invitations', async (request, reply) => {
    const { organisationId, userId } = await membershipOf(database, request, 'admin');
    const input = parse(inviteSchema, request.body);
    await limiter.take(invitationLimit, organisationId);
    // 192 bits; longer, and the link would not fit the 76 characters that a line of a mail may have.
    const token = randomBytes(24).toString('base64url');
    const invitation = await database.transaction(async (sql) => {
      const { rows: members } = await sql.query('SELECT FROM memberships JOIN users ON id = user_id WHERE organisation_id = $1 AND email = $2', [
        organisationId,
        input.email,
      ]);
      if (members.length > 0) throw notValid('email', 'is a member already');
      const { rows } = await sql.query<{ id: string; expiresAt: Date; organisation: string; inviter: string }>(
        `INSERT INTO invitations (organisation_id, email, role, token_hash, invited_by, expires_at)
         VALUES ($1, $2, $3, $4, $5, now() + interval '7 days')
         ON CONFLICT (organisation_id, email) DO UPDATE SET
           role = excluded.role, token_hash = excluded.token_hash, invited_by = excluded.invited_by, expires_at = excluded.expires_at
         RETURNING id, expires_at AS "expiresAt",
           (SELECT name FROM organisations WHERE id = $1) AS organisation, (SELECT name FROM users WHERE id = $5) AS inviter`,
        [organisationId, input.email, input.role, hashOf(token), userId],
      );
      const [row] = rows;
      if (row === undefined) throw notFound('organisation');
      // Before the commit: no invitation is stored without its mail. The other way round, the mail has a token that nobody knows.
      await mails.add(invitationMail({ to: input.email, organisation: row.organisation, inviter: row.inviter, link: `${config.publicUrl}/join#${token}` }));
      return row;
    });
    return reply.code(201).send({ id: invitation.id, ...input, expiresAt: invitation.expiresAt });
  });

  app.delete('/organisations/:organisation/invitations/:invitation', async (request, reply) => {
    const { organisationId } = await membershipOf(database, request, 'admin');
    const { invitation = '' } = request.params as { invitation?: string };
    if (!isUuid(invitation)) throw notFound('invitation');
    const { rowCount } = await database.query('DELETE FROM invitations WHERE id = $1 AND organisation_id = $2', [invitation, organisationId]);
    if (rowCount === 0) throw notFound('invitation');
    return reply.code(204).send();
  });

  /** For the account with the invited address alone: a forwarded mail lets nobody else in. */
  app.post('/invitations/accept', async (request) => {
    const { token } = parse(acceptSchema, request.body);
    return await database.transaction(async (sql) => {
      const { rows } = await sql.query<{ id: string; organisation_id: string; organisation: string; email: string; role: string; mine: boolean }>(
        `SELECT i.id, i.organisation_id, o.name AS organisation, i.email, i.role, u.email = i.email AS mine
         FROM invitations i JOIN organisations o ON o.id = i.organisation_id JOIN users u ON u.id = $2
         WHERE i.token_hash = $1 AND i.expires_at > now() FOR UPDATE OF i`,
        [hashOf(token), userOf(request)],
      );
      const [invitation] = rows;
      if (invitation === undefined) throw new Problem(404, 'invitation', 'This invitation has expired, was used, or was replaced by a newer one.');
      if (!invitation.mine) throw new Problem(403, 'other-address', `This invitation is for ${invitation.email}. Sign in with that address.`);
      await sql.query('INSERT INTO memberships (organisation_id, user_id, role) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING', [
        invitation.organisation_id,
        userOf(request),
        invitation.role,
      ]);
      await sql.query('DELETE FROM invitations WHERE id = $1', [invitation.id]);
      return { id: invitation.organisation_id, name: invitation.organisation, role: invitation.role };
    });
  });
}

const hashOf = (token: string): Buffer => createHash('sha256').update(token).digest();
