import assert from 'node:assert/strict';
import { cpSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { query } from './support/postgres.js';
import { migrate } from './support/programs.js';
import { withServers } from './support/stack.js';

const root = join(import.meta.dirname, '..');
const count = readdirSync(join(root, 'database')).filter((file) => file.endsWith('.sql')).length;

withServers('migrations', ({ postgres }) => {
  const fresh = async () => {
    const DATABASE_URL = await postgres.createDatabase();
    return { env: { DATABASE_URL }, query: (sql) => query(DATABASE_URL, sql) };
  };
  /** A copy of the migrations that a test may add to. */
  const copyOfMigrations = (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'tasks-migrations-'));
    t.after(() => rmSync(folder, { recursive: true }));
    cpSync(join(root, 'database'), folder, { recursive: true, filter: (path) => !path.endsWith('.js') });
    return folder;
  };

  test('applies every file once, however often it runs', async () => {
    const database = await fresh();
    const first = await migrate(database.env);
    assert.equal(first.code, 0, first.output);
    assert.equal(first.output.match(/^applied /gm).length, count);
    const second = await migrate(database.env);
    assert.equal(second.code, 0, second.output);
    assert.doesNotMatch(second.output, /^applied /m);
    assert.equal((await database.query('SELECT name FROM schema_migrations')).length, count);
  });

  test('three at the same time apply every file once', async () => {
    const database = await fresh();
    const results = await Promise.all([migrate(database.env), migrate(database.env), migrate(database.env)]);
    for (const { code, output } of results) assert.equal(code, 0, output);
    assert.equal(results.flatMap(({ output }) => output.match(/^applied /gm) ?? []).length, count);
  });

  test('a failing file leaves no trace, exits 1 and is tried again', async (t) => {
    const database = await fresh();
    const env = { ...database.env, MIGRATIONS_DIR: copyOfMigrations(t) };
    const added = join(env.MIGRATIONS_DIR, '900_broken.sql');
    writeFileSync(added, 'CREATE TABLE half_done (id text);\nINSERT INTO nowhere VALUES (1);\n');
    const failed = await migrate(env);
    assert.equal(failed.code, 1);
    assert.match(failed.output, /900_broken\.sql: .*nowhere/);
    await assert.rejects(database.query('SELECT * FROM half_done'));
    writeFileSync(added, 'CREATE TABLE half_done (id text);\n');
    const repaired = await migrate(env);
    assert.equal(repaired.code, 0, repaired.output);
    assert.deepEqual(await database.query('SELECT * FROM half_done'), []);
  });

  test('refuses a file that was changed after it had been applied', async (t) => {
    const database = await fresh();
    const env = { ...database.env, MIGRATIONS_DIR: copyOfMigrations(t) };
    assert.equal((await migrate(env)).code, 0);
    writeFileSync(join(env.MIGRATIONS_DIR, '001_accounts.sql'), 'CREATE TABLE other (id text);\n');
    const refused = await migrate(env);
    assert.equal(refused.code, 1);
    assert.match(refused.output, /001_accounts\.sql was changed/);
  });
});

test('without its database the runner says so and exits 1', async () => {
  for (const [env, reason] of [
    [{}, /DATABASE_URL is not set/],
    [{ DATABASE_URL: 'postgresql://nobody@127.0.0.1:1/none' }, /ECONNREFUSED/],
  ]) {
    const { code, output } = await migrate(env);
    assert.equal(code, 1);
    assert.match(output, reason);
  }
});
