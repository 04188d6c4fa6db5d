'use strict';

// Applies the *.sql files of this folder that the database does not have yet, in the order of their names.
//
//   DATABASE_URL     a PostgreSQL address; without it SQLite in DATA_DIR (default "data")
//   MIGRATIONS_DIR   where the files are; default: this folder
//
// Each file runs in its own transaction together with its row in schema_migrations, so a failing file leaves no trace
// and the next run starts with it again. Running twice, or at the same time from two places, is safe.

const { createHash } = require('node:crypto');
const { mkdirSync, readFileSync, readdirSync } = require('node:fs');
const { join } = require('node:path');

/** Any fixed number: who holds it on a PostgreSQL database is the one who migrates. */
const LOCK = 727_201_119;

const bookkeeping = `CREATE TABLE IF NOT EXISTS schema_migrations (
  name TEXT PRIMARY KEY, checksum TEXT NOT NULL, applied_at TEXT NOT NULL
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

const byName = (rows) => new Map(rows.map((row) => [row.name, row.checksum]));

async function migratePostgres(url, migrations) {
  const { Client } = require('pg');
  const client = new Client({ connectionString: url, connectionTimeoutMillis: 10_000 });
  await client.connect();
  try {
    await client.query('SELECT pg_advisory_lock($1)', [LOCK]);
    await client.query(bookkeeping);
    const { rows } = await client.query('SELECT name, checksum FROM schema_migrations');
    for (const { name, sql, checksum } of pending(migrations, byName(rows))) {
      await client.query('BEGIN');
      try {
        await client.query(sql);
        await client.query('INSERT INTO schema_migrations VALUES ($1, $2, $3)', [name, checksum, new Date().toISOString()]);
        await client.query('COMMIT');
      } catch (error) {
        await client.query('ROLLBACK');
        throw new Error(`${name}: ${error.message}`, { cause: error });
      }
      console.log(`applied ${name}`);
    }
  } finally {
    await client.end();
  }
}

function migrateSqlite(folder, migrations) {
  const Database = require('libsql');
  mkdirSync(folder, { recursive: true });
  const db = new Database(join(folder, 'portfolio.db'));
  try {
    db.pragma('busy_timeout = 30000');
    db.pragma('journal_mode = WAL');
    db.exec(bookkeeping);
    for (const { name, sql, checksum } of migrations) {
      db.exec('BEGIN IMMEDIATE');
      try {
        const applied = byName(db.prepare('SELECT name, checksum FROM schema_migrations').all());
        const isPending = pending(migrations, applied).some((migration) => migration.name === name);
        if (isPending) {
          db.exec(sql);
          db.prepare('INSERT INTO schema_migrations VALUES (?, ?, ?)').run(name, checksum, new Date().toISOString());
        }
        db.exec('COMMIT');
        if (isPending) console.log(`applied ${name}`);
      } catch (error) {
        db.exec('ROLLBACK');
        throw new Error(`${name}: ${error.message}`, { cause: error });
      }
    }
  } finally {
    db.close();
  }
}

async function main() {
  const migrations = readMigrations(process.env.MIGRATIONS_DIR ?? __dirname);
  const url = process.env.DATABASE_URL;
  if (url) await migratePostgres(url, migrations);
  else migrateSqlite(process.env.DATA_DIR ?? 'data', migrations);
  console.log(`${url ? 'PostgreSQL' : 'SQLite'} is up to date: ${migrations.length} migrations`);
}

main().catch((error) => {
  console.error(`Migration failed. ${error.message}`);
  process.exitCode = 1;
});
