// A PostgreSQL for the tests: the server at DATABASE_URL_TEST, or one of our own in a temporary folder.

import { execFileSync, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { chownSync, existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import pg from 'pg';

const HOW = 'set DATABASE_URL_TEST, or install PostgreSQL (Debian: apt-get install postgresql)';

/**
 * Starts or finds a server. Returns `{ skip: reason }`, or `{ createDatabase, stop }`: `createDatabase()` makes an empty
 * database and returns its address.
 */
export async function findPostgres() {
  if (process.env.DATABASE_URL_TEST) return existing(process.env.DATABASE_URL_TEST);
  const bin = folderOf('postgres');
  if (!bin) return { skip: `no PostgreSQL here: ${HOW}` };
  const user = unprivilegedUser();
  if (!user) return { skip: 'PostgreSQL refuses to run as root, and there is no user "postgres" or "nobody" to run it as' };
  return ownCluster(bin, user);
}

function folderOf(program) {
  const debian = '/usr/lib/postgresql';
  const versions = existsSync(debian) ? readdirSync(debian).map((version) => join(debian, version, 'bin')) : [];
  return [...versions, ...(process.env.PATH ?? '').split(delimiter)].find(
    (folder) => existsSync(join(folder, program)) && existsSync(join(folder, 'initdb')),
  );
}

/** Whom to run the server as: ourselves, unless we are root. */
export function unprivilegedUser() {
  if (process.getuid() !== 0) return {};
  for (const name of ['postgres', 'nobody']) {
    try {
      const id = (flag) => Number(execFileSync('id', [flag, name], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }));
      return { uid: id('-u'), gid: id('-g') };
    } catch {
      // The next one, then.
    }
  }
  return undefined;
}

async function ownCluster(bin, user) {
  const folder = mkdtempSync(join(tmpdir(), 'tasks-pg-'));
  if (user.uid !== undefined) chownSync(folder, user.uid, user.gid);
  const env = { PATH: process.env.PATH, LC_ALL: 'C' };
  const data = join(folder, 'data');
  execFileSync(join(bin, 'initdb'), ['-D', data, '-U', 'postgres', '-A', 'trust', '-E', 'UTF8', '--no-sync'], {
    ...user,
    env,
    cwd: folder,
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  // A socket in our folder instead of a TCP port: nobody else can take or reach it.
  const settings = { listen_addresses: '', unix_socket_directories: folder, fsync: 'off', max_connections: '40' };
  const flags = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  const server = spawn(join(bin, 'postgres'), ['-D', data, ...flags], { ...user, env, cwd: folder, stdio: 'ignore' });
  const ended = once(server, 'exit');
  const address = (database) => `postgresql://postgres@localhost/${database}?host=${encodeURIComponent(folder)}`;
  const stop = async () => {
    server.kill('SIGINT');
    await ended;
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    await untilReady(address('postgres'), server);
  } catch (error) {
    await stop();
    throw error;
  }
  return { stop, createDatabase: () => createDatabase(address('postgres'), address) };
}

async function untilReady(url, server) {
  const deadline = Date.now() + 30_000;
  for (;;) {
    const client = new pg.Client({ connectionString: url });
    try {
      await client.connect();
      await client.end();
      return;
    } catch (error) {
      if (Date.now() > deadline || server.exitCode !== null) throw error;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
}

function existing(url) {
  const made = [];
  const address = (database) => {
    const changed = new URL(url);
    changed.pathname = `/${database}`;
    return changed.href;
  };
  return {
    createDatabase: async () => {
      const created = await createDatabase(url, address);
      made.push(new URL(created).pathname.slice(1));
      return created;
    },
    stop: () => onServer(url, made.map((name) => `DROP DATABASE IF EXISTS ${name} WITH (FORCE)`)),
  };
}

async function createDatabase(url, address) {
  const name = `tasks_test_${randomBytes(6).toString('hex')}`;
  await onServer(url, [`CREATE DATABASE ${name}`]);
  return address(name);
}

async function onServer(url, statements) {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    for (const statement of statements) await client.query(statement);
  } finally {
    await client.end();
  }
}

/** Rows of one statement. */
export async function query(url, sql) {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query(sql)).rows;
  } finally {
    await client.end();
  }
}

/** A connection for several statements; `until` waits until a statement finds something. */
export async function openSession(url) {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  const until = async (sql) => {
    const deadline = Date.now() + 10_000;
    while ((await client.query(sql)).rowCount === 0) {
      if (Date.now() > deadline) throw new Error(`nothing found: ${sql}`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  };
  return { query: (sql) => client.query(sql), until, end: () => client.end() };
}
