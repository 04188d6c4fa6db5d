'use strict';

const { mkdtempSync, rmSync } = require('node:fs');
const { tmpdir } = require('node:os');
const { join } = require('node:path');
const { after, describe } = require('node:test');
const { Client } = require('pg');
const Libsql = require('libsql');
const { findPostgres } = require('./postgres');

/**
 * Runs a suite on SQLite, and on PostgreSQL where there is one. The suite gets `fresh()`: a new empty database as
 * `{ env, query }`, where `env` is what the programs need to find it.
 */
function onEveryDatabase(name, suite) {
  describe(`${name}, SQLite`, () => {
    const folders = [];
    after(() => folders.forEach((folder) => rmSync(folder, { recursive: true, force: true })));
    suite({ kind: 'sqlite', fresh: async () => sqlite(folders) });
  });

  describe(`${name}, PostgreSQL`, async () => {
    const postgres = await findPostgres();
    if (postgres.skip) {
      console.log(`skipped on PostgreSQL: ${postgres.skip}`);
      describe('all of it', { skip: postgres.skip }, () => {});
      return;
    }
    after(() => postgres.stop());
    suite({
      kind: 'postgres',
      fresh: async () => {
        const url = await postgres.createDatabase();
        return { env: { DATABASE_URL: url }, query: (sql) => ask(url, sql) };
      },
    });
  });
}

function sqlite(folders) {
  const folder = mkdtempSync(join(tmpdir(), 'portfolio-'));
  folders.push(folder);
  const query = async (sql) => {
    const db = new Libsql(join(folder, 'portfolio.db'));
    db.pragma('busy_timeout = 10000');
    try {
      const statement = db.prepare(sql);
      return statement.reader ? statement.all() : void statement.run();
    } finally {
      db.close();
    }
  };
  return { env: { DATA_DIR: folder }, query };
}

async function ask(url, sql) {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query(sql)).rows;
  } finally {
    await client.end();
  }
}

module.exports = { onEveryDatabase };
