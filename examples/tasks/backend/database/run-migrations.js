// Applies the *.sql files of this folder that the database does not have yet, in the order of their names.
//
//   DATABASE_URL     the PostgreSQL address
//   MIGRATIONS_DIR   where the files are; default: this folder
//
// Each file runs in its own transaction together with its row in schema_migrations, so a failing file leaves no trace
// and the next run starts with it again. Running twice, or at the same time from two places, is safe.

import { createHash } from 'node:crypto';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';

/** Any fixed number: who holds it on a database is the one who migrates. */
const LOCK = 727_405_112;

const bookkeeping = `CREATE TABLE IF NOT EXISTS schema_migrations (
  name text PRIMARY KEY, checksum text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now()
)`;

function readMigrations(folder) {
  return readdirSync(folder)
    .filter((file) => file.endsWith('.sql'))
    .sort()
    .map((name) => {
      const sql = readFileSync(join(folder, name), 'utf8');
      return { name, sql, checksum: createHash('sha256').update(sql).digest('hex') };
    });
}

/** Those of `migrations` that are not in `applied` (name -> checksum). Refuses a history that was edited. */
function pending(migrations, applied) {
  for (const { name, checksum } of migrations) {
    if (applied.has(name) && applied.get(name) !== checksum) {
      throw new Error(`${name} was changed after it had been applied. Undo the change and add a new file instead.`);
    }
  }
  return migrations.filter(({ name }) => !applied.has(name));
}

async function apply(client, { name, sql, checksum }) {
  await client.query('BEGIN');
  try {
    await client.query(sql);
    await client.query('INSERT INTO schema_migrations (name, checksum) VALUES ($1, $2)', [name, checksum]);
    await client.query('COMMIT');
  } catch (error) {
    // A broken connection has rolled back by itself; its error is the one to tell.
    await client.query('ROLLBACK').catch(() => undefined);
    throw new Error(`${name}: ${error.message}`, { cause: error });
  }
  console.log(`applied ${name}`);
}

async function main() {
  const url = process.env.DATABASE_URL;
  if (!url) throw new Error('DATABASE_URL is not set: the address of PostgreSQL, such as postgresql://tasks:secret@127.0.0.1:5432/tasks');
  const migrations = readMigrations(process.env.MIGRATIONS_DIR || import.meta.dirname);
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 10_000 });
  client.on('error', () => undefined); // A connection lost between two queries fails the next one.
  await client.connect();
  try {
    // Held until the connection ends, however it ends.
    await client.query('SELECT pg_advisory_lock($1)', [LOCK]);
    await client.query(bookkeeping);
    const { rows } = await client.query('SELECT name, checksum FROM schema_migrations');
    for (const migration of pending(migrations, new Map(rows.map((row) => [row.name, row.checksum])))) await apply(client, migration);
  } finally {
    await client.end();
  }
  console.log(`The database is up to date: ${migrations.length} migrations`);
}

main().catch((error) => {
  console.error(`Migration failed. ${error.message || error.code}`);
  process.exitCode = 1;
});
