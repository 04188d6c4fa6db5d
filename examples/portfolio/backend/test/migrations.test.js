'use strict';

const assert = require('node:assert/strict');
const { cpSync, mkdtempSync, readdirSync, rmSync, writeFileSync } = require('node:fs');
const { tmpdir } = require('node:os');
const { join } = require('node:path');
const { test } = require('node:test');
const { onEveryDatabase } = require('./support/databases');
const { migrate } = require('./support/programs');

const source = join(__dirname, '..', 'database');
const count = readdirSync(source).filter((file) => file.endsWith('.sql')).length;

/** A copy of the migrations that a test may add to. */
function copyOfMigrations(t) {
  const folder = mkdtempSync(join(tmpdir(), 'portfolio-migrations-'));
  t.after(() => rmSync(folder, { recursive: true }));
  cpSync(source, folder, { recursive: true });
  return folder;
}

onEveryDatabase('migrations', ({ fresh }) => {
  test('applies every file once, however often it runs', async () => {
    const { env, query } = await fresh();
    const first = await migrate(env);
    assert.equal(first.code, 0, first.output);
    assert.equal(first.output.match(/^applied /gm).length, count);
    const second = await migrate(env);
    assert.equal(second.code, 0, second.output);
    assert.doesNotMatch(second.output, /^applied /m);
    assert.equal((await query('SELECT name FROM schema_migrations')).length, count);
    assert.equal((await query('SELECT slug FROM projects')).length, 3);
  });

  test('three at the same time apply every file once', async () => {
    const { env, query } = await fresh();
    const results = await Promise.all([migrate(env), migrate(env), migrate(env)]);
    for (const { code, output } of results) assert.equal(code, 0, output);
    assert.equal(results.flatMap(({ output }) => output.match(/^applied /gm) ?? []).length, count);
    assert.equal((await query('SELECT name FROM schema_migrations')).length, count);
  });

  test('a failing file leaves no trace, exits 1 and is tried again', async (t) => {
    const { env, query } = await fresh();
    const folder = copyOfMigrations(t);
    writeFileSync(join(folder, '900_broken.sql'), 'CREATE TABLE half_done (id TEXT);\nINSERT INTO nowhere VALUES (1);\n');
    const failed = await migrate({ ...env, MIGRATIONS_DIR: folder });
    assert.equal(failed.code, 1);
    assert.match(failed.output, /900_broken\.sql: .*nowhere/);
    assert.equal((await query('SELECT name FROM schema_migrations')).length, count);
    await assert.rejects(query('SELECT * FROM half_done'));
    writeFileSync(join(folder, '900_broken.sql'), 'CREATE TABLE half_done (id TEXT);\n');
    const repaired = await migrate({ ...env, MIGRATIONS_DIR: folder });
    assert.equal(repaired.code, 0, repaired.output);
    assert.deepEqual(await query('SELECT * FROM half_done'), []);
  });

  test('refuses a file that was changed after it had been applied', async (t) => {
    const { env } = await fresh();
    const folder = copyOfMigrations(t);
    assert.equal((await migrate({ ...env, MIGRATIONS_DIR: folder })).code, 0);
    writeFileSync(join(folder, '001_projects.sql'), 'CREATE TABLE other (id TEXT);\n');
    const refused = await migrate({ ...env, MIGRATIONS_DIR: folder });
    assert.equal(refused.code, 1);
    assert.match(refused.output, /001_projects\.sql was changed/);
  });
});

test('without its database the runner says so and exits 1', async () => {
  const { code, output } = await migrate({ DATABASE_URL: 'postgresql://nobody@127.0.0.1:1/none' });
  assert.equal(code, 1);
  assert.match(output, /Migration failed\..*ECONNREFUSED/);
});
