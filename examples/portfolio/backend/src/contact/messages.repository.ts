import { randomUUID } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { Database } from '../database/database';
import type { Message, MessageInput } from './message';

@Injectable()
export class MessagesRepository {
  constructor(private readonly database: Database) {}

  async add({ name, email, message }: MessageInput): Promise<string> {
    const id = randomUUID();
    await this.database.query('INSERT INTO messages (id, name, email, body, created_at) VALUES ($1, $2, $3, $4, $5)', [
      id,
      name,
      email,
      message,
      new Date().toISOString(),
    ]);
    return id;
  }

  /** The newest 100. */
  async list(): Promise<Message[]> {
    const rows = await this.database.query('SELECT * FROM messages ORDER BY created_at DESC LIMIT 100');
    return rows.map((row) => ({
      id: String(row.id),
      name: String(row.name),
      email: String(row.email),
      body: String(row.body),
      createdAt: String(row.created_at),
    }));
  }

  async remove(id: string): Promise<void> {
    await this.database.query('DELETE FROM messages WHERE id = $1', [id]);
  }
}
