import assert from 'node:assert/strict';
import { request } from 'node:http';
import { test } from 'node:test';
import { organisationOf, signUp } from './support/people.js';
import { run, startApi } from './support/programs.js';
import { openSession, query } from './support/postgres.js';
import { withServers } from './support/stack.js';

withServers('operation', ({ freshEnv, redis, postgres }) => {
  const start = async (t, settings = {}) => {
    const env = { ...(await freshEnv()), ...settings };
    const api = await startApi(env);
    t.after(() => api.end());
    return { api, env };
  };
  const health = async (api) => {
    const answer = await fetch(`${api.url}/health`);
    return { status: answer.status, body: await answer.json() };
  };
  const until = async (api, status) => {
    for (const deadline = Date.now() + 15_000; ; ) {
      const seen = await health(api);
      if (seen.status === status) return seen.body;
      assert.ok(Date.now() < deadline, JSON.stringify(seen));
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  };

  test('health tells the state of the database, of Redis and of the machine', async (t) => {
    const { api } = await start(t);
    const { status, body } = await health(api);
    assert.equal(status, 200);
    assert.deepEqual({ ...body, system: {} }, { status: 'ok', database: { state: 'up', migrations: 2 }, redis: { state: 'up' }, system: {} });
    assert.ok(body.system.memory.process > 10_000_000 && body.system.memory.total > body.system.memory.free);
  });

  test('without its tables the API is not healthy', async (t) => {
    const api = await startApi({ DATABASE_URL: await postgres.createDatabase(), REDIS_URL: redis.url });
    t.after(() => api.end());
    const { status, body } = await health(api);
    assert.deepEqual([status, body.database, body.redis], [503, { state: 'down' }, { state: 'up' }]);
  });

  test('without Redis: 503 and why; with it again: as before, sessions included', async (t) => {
    if (redis.halt === undefined) return t.skip('the Redis at REDIS_URL_TEST is not ours to stop');
    const { api } = await start(t);
    const ada = await signUp(api.url);
    await redis.halt();
    try {
      assert.deepEqual((await until(api, 503)).redis, { state: 'down' });
      const answer = await ada.ask('GET', '/api/organisations');
      assert.deepEqual([answer.status, answer.body.type, answer.headers.get('retry-after')], [503, 'urn:tasks:problem:redis-unavailable', '2']);
      assert.equal((await fetch(`${api.url}/metrics`)).status, 200);
    } finally {
      await redis.resume();
    }
    await until(api, 200);
    assert.equal((await ada.ask('GET', '/api/organisations')).status, 200);
  });

  test('connections that the database has ended are replaced', async (t) => {
    const { api, env } = await start(t);
    const ada = await signUp(api.url);
    await query(env.DATABASE_URL, 'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()');
    await until(api, 200);
    assert.equal((await ada.ask('GET', '/api/organisations')).status, 200);
    assert.equal(api.lines.filter(({ level }) => level >= 60).length, 0);
  });

  test('asked to stop, it answers what is in flight and ends by itself', async (t) => {
    const { api, env } = await start(t);
    const ada = await signUp(api.url);
    const home = await organisationOf(ada);
    // A lock holds a request in flight until we have seen that the API is stopping.
    const lock = await openSession(env.DATABASE_URL);
    await lock.query('BEGIN; LOCK TABLE tasks IN ACCESS EXCLUSIVE MODE');
    const held = ada.ask('POST', `${home}/tasks`, { title: 'In flight' });
    await lock.until("SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock'");
    const exited = api.end('SIGTERM');
    await api.line(/stopping/);
    await assert.rejects(async () => {
      for (;;) await fetch(`${api.url}/health`, { headers: { connection: 'close' } });
    });
    await lock.query('COMMIT');
    await lock.end();
    assert.equal((await held).status, 201);
    assert.equal(await exited, 0);
  });

  test('metrics count requests by route, sign-ins, tasks and the machine', async (t) => {
    const { api } = await start(t);
    const ada = await signUp(api.url);
    const home = await organisationOf(ada);
    await ada.ask('POST', `${home}/tasks`, { title: 'Counted' });
    await ada.ask('GET', `${home}/tasks/1`);
    await ada.ask('GET', '/api/no/such/thing');
    const answer = await fetch(`${api.url}/metrics`);
    assert.match(answer.headers.get('content-type'), /^text\/plain/);
    const text = await answer.text();
    assert.match(text, /^http_request_duration_seconds_count\{method="GET",route="\/api\/organisations\/:organisation\/tasks\/:number",status="200"\} 1$/m);
    assert.match(text, /^http_request_duration_seconds_count\{method="GET",route="unmatched",status="404"\} 1$/m);
    assert.match(text, /^tasks\{status="open"\} 1$/m);
    assert.match(text, /^tasks_created_total 1$/m);
    assert.match(text, /^system_memory_bytes\{kind="total"\} \d+/m);
    assert.match(text, /^process_resident_memory_bytes \d+$/m);
    assert.doesNotMatch(text, new RegExp(home.split('/').at(-1)));
  });

  test('a request can be followed by its id, and the log keeps no secrets', async (t) => {
    const { api } = await start(t, { TRUSTED_PROXIES: '1' });
    const answer = await fetch(`${api.url}/api/session`, { headers: { 'x-request-id': 'abc-123', cookie: 'tasks_session=secret-cookie' } });
    assert.equal(answer.headers.get('x-request-id'), 'abc-123');
    await api.line(/request completed/);
    assert.ok(api.lines.some(({ reqId }) => reqId === 'abc-123'));
    assert.ok(!JSON.stringify(api.lines).includes('secret-cookie'));
    const odd = await fetch(`${api.url}/api/session`, { headers: { 'x-request-id': 'a b"{}' } });
    assert.match(odd.headers.get('x-request-id'), /^[0-9a-f-]{36}$/);
  });

  test('a header that nobody vouches for changes nothing', async (t) => {
    const { api } = await start(t);
    const answer = await fetch(`${api.url}/api/session`, { headers: { 'x-request-id': 'mine', 'x-forwarded-for': '192.0.2.1' } });
    assert.notEqual(answer.headers.get('x-request-id'), 'mine');
    await api.line(/request completed/);
    assert.ok(!JSON.stringify(api.lines).includes('192.0.2.1'));
  });

  test('the example data is filled in once, and can be signed in to', async (t) => {
    const { api, env } = await start(t);
    const first = await run('dist/seed.js', env);
    assert.equal(first.code, 0, first.output);
    const again = await run('dist/seed.js', env);
    assert.match(again.output, /^Nothing to do/);
    const password = / password (\S+)/.exec(first.output)[1];
    const signedIn = await fetch(`${api.url}/api/auth/sign-in`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ email: 'ada@example.org', password }),
    });
    assert.equal(signedIn.status, 204);
  });

  test('a slow client does not keep the API from stopping', async (t) => {
    const { api } = await start(t);
    const idle = request(`${api.url}/api/auth/sign-in`, { method: 'POST', headers: { 'content-type': 'application/json', 'content-length': 100 } });
    idle.on('error', () => undefined);
    idle.write('{');
    await fetch(`${api.url}/health`);
    const code = await api.end('SIGTERM');
    idle.destroy();
    assert.equal(code, 1, 'ends itself before it is killed');
  });
});

test('a program without what it needs names every variable, and hides passwords', async () => {
  const api = await run('dist/api.js', { REDIS_URL: 'http://user:geheim@127.0.0.1', PORT: 'many' });
  assert.equal(api.code, 1);
  assert.match(api.output, /DATABASE_URL is not set/);
  assert.match(api.output, /PORT makes no sense/);
  assert.match(api.output, /REDIS_URL makes no sense/);
  assert.doesNotMatch(api.output, /geheim/);
  const mailer = await run('dist/mailer.js', {});
  assert.equal(mailer.code, 1);
  assert.match(mailer.output, /REDIS_URL is not set; SMTP_URL is not set/);
});
