import { randomUUID } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { Database, type Row } from '../database/database';
import type { Project, ProjectInput } from './project';

@Injectable()
export class ProjectsRepository {
  constructor(private readonly database: Database) {}

  /** Newest first. */
  async list(): Promise<Project[]> {
    return (await this.database.query('SELECT * FROM projects ORDER BY year DESC, title')).map(toProject);
  }

  async find(slug: string): Promise<Project | undefined> {
    return first(await this.database.query('SELECT * FROM projects WHERE slug = $1', [slug]));
  }

  /** Throws DuplicateError when the slug is taken; so does `replace`. */
  async create(input: ProjectInput): Promise<Project> {
    const now = new Date().toISOString();
    const rows = await this.database.query(
      `INSERT INTO projects (id, slug, title, summary, url, tags, year, created_at, updated_at)
       VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8) RETURNING *`,
      [randomUUID(), input.slug, input.title, input.summary, input.url ?? null, JSON.stringify(input.tags), input.year, now],
    );
    return toProject(rows[0] as Row);
  }

  async replace(slug: string, input: ProjectInput): Promise<Project | undefined> {
    const rows = await this.database.query(
      `UPDATE projects SET slug = $2, title = $3, summary = $4, url = $5, tags = $6, year = $7, updated_at = $8
       WHERE slug = $1 RETURNING *`,
      [slug, input.slug, input.title, input.summary, input.url ?? null, JSON.stringify(input.tags), input.year, new Date().toISOString()],
    );
    return first(rows);
  }

  /** False when there was none. */
  async remove(slug: string): Promise<boolean> {
    return (await this.database.query('DELETE FROM projects WHERE slug = $1 RETURNING id', [slug])).length > 0;
  }
}

function first(rows: Row[]): Project | undefined {
  return rows[0] && toProject(rows[0]);
}

function toProject(row: Row): Project {
  return {
    id: String(row.id),
    slug: String(row.slug),
    title: String(row.title),
    summary: String(row.summary),
    url: row.url === null || row.url === undefined ? null : String(row.url),
    tags: JSON.parse(String(row.tags)) as string[],
    year: Number(row.year),
    createdAt: String(row.created_at),
    updatedAt: String(row.updated_at),
  };
}
