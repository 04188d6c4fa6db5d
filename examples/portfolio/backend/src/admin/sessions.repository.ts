import { createHash, createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { Database } from '../database/database';

const EIGHT_HOURS = 8 * 3_600_000;

/** Sessions live in the database, so that every process knows them; only hashes of their tokens do. */
@Injectable()
export class SessionsRepository {
  constructor(private readonly database: Database) {}

  /** Opens a session and returns the token for the cookie. Forgets the expired ones. */
  async open(): Promise<{ token: string; maxAgeMs: number }> {
    const token = randomBytes(32).toString('base64url');
    const now = Date.now();
    await this.database.query('DELETE FROM sessions WHERE expires_at <= $1', [iso(now)]);
    await this.database.query('INSERT INTO sessions (token_hash, created_at, expires_at) VALUES ($1, $2, $3)', [
      hash(token),
      iso(now),
      iso(now + EIGHT_HOURS),
    ]);
    return { token, maxAgeMs: EIGHT_HOURS };
  }

  async isOpen(token: string): Promise<boolean> {
    const rows = await this.database.query('SELECT 1 AS open FROM sessions WHERE token_hash = $1 AND expires_at > $2', [
      hash(token),
      iso(Date.now()),
    ]);
    return rows.length > 0;
  }

  async close(token: string): Promise<void> {
    await this.database.query('DELETE FROM sessions WHERE token_hash = $1', [hash(token)]);
  }
}

/** What a form of this session has to send along. Another site cannot know it: it follows from the cookie's token. */
export function csrfTokenOf(token: string): string {
  return createHmac('sha256', token).update('csrf').digest('base64url');
}

export function isCsrfTokenOf(token: string, candidate: unknown): boolean {
  const expected = Buffer.from(csrfTokenOf(token));
  const actual = Buffer.from(typeof candidate === 'string' ? candidate : '');
  return expected.length === actual.length && timingSafeEqual(expected, actual);
}

const hash = (token: string): string => createHash('sha256').update(token).digest('hex');
const iso = (time: number): string => new Date(time).toISOString();
