'use strict';

const assert = require('node:assert/strict');
const { request: post } = require('node:http');
const { after, before, test } = require('node:test');
const { onEveryDatabase } = require('./support/databases');
const { hashOf, migrate, startApi } = require('./support/programs');

const PASSWORD = 'correct horse battery';
const hash = hashOf(PASSWORD);

const project = {
  slug: 'night-bus',
  title: 'Night Bus',
  summary: 'When the last one leaves.',
  url: 'https://nightbus.example/',
  tags: ['Maps'],
  year: 2026,
};

const form = (fields) => ({
  method: 'POST',
  redirect: 'manual',
  headers: { 'content-type': 'application/x-www-form-urlencoded' },
  body: new URLSearchParams(fields).toString(),
});

const json = (method, body) => ({ method, headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) });

onEveryDatabase('the API', ({ kind, fresh }) => {
  let api;
  let database;

  /** Fetches with a session's cookie and CSRF token added. */
  async function logIn() {
    const answer = await fetch(`${api.url}/api/admin/login`, form({ password: PASSWORD }));
    assert.equal(answer.status, 303);
    const cookie = answer.headers.get('set-cookie').split(';')[0];
    const { csrfToken } = await (await fetch(`${api.url}/api/admin/session`, { headers: { cookie } })).json();
    const ask = (path, init = {}) =>
      fetch(`${api.url}${path}`, { redirect: 'manual', ...init, headers: { cookie, 'x-csrf-token': csrfToken, ...init.headers } });
    return { cookie, csrfToken, ask };
  }

  before(async () => {
    database = await fresh();
    const { code, output } = await migrate(database.env);
    assert.equal(code, 0, output);
    api = await startApi({ ...database.env, ADMIN_PASSWORD_HASH: hash, CONTACT_LIMIT: '4', TRUSTED_PROXIES: '1' });
  });
  after(() => api?.stop());

  test('health names the database and how far it is migrated', async () => {
    const response = await fetch(`${api.url}/api/health`);
    assert.equal(response.status, 200);
    assert.deepEqual(await response.json(), { status: 'ok', database: { kind, state: 'up', migrations: 4 } });
  });

  test('everybody may read projects, newest first', async () => {
    const projects = await (await fetch(`${api.url}/api/projects`)).json();
    assert.deepEqual(projects.map(({ slug }) => slug), ['tidewatch', 'paper-trail', 'quiet-queue']);
    assert.deepEqual(projects[0].tags, ['TypeScript', 'Offline first', 'Maps']);
    assert.equal(projects[2].url, null);
    assert.equal((await (await fetch(`${api.url}/api/projects/tidewatch`)).json()).title, 'Tidewatch');
    assert.equal((await fetch(`${api.url}/api/projects/unknown`)).status, 404);
  });

  test('nobody writes without a session, nor with a session but without its CSRF token', async () => {
    const { cookie } = await logIn();
    for (const [path, init] of [
      ['/api/projects', json('POST', project)],
      ['/api/projects/tidewatch', json('PUT', project)],
      ['/api/projects/tidewatch', { method: 'DELETE' }],
    ]) {
      assert.equal((await fetch(api.url + path, init)).status, 401);
      assert.equal((await fetch(api.url + path, { ...init, headers: { ...init.headers, cookie } })).status, 403);
      const forged = { ...init.headers, cookie, 'x-csrf-token': 'x'.repeat(43) };
      assert.equal((await fetch(api.url + path, { ...init, headers: forged })).status, 403);
    }
    assert.equal((await fetch(`${api.url}/api/projects/tidewatch`)).status, 200);
  });

  test('with both, projects are created, replaced and removed', async () => {
    const { ask } = await logIn();
    const created = await ask('/api/projects', json('POST', project));
    assert.equal(created.status, 201);
    const { id, createdAt, updatedAt, ...rest } = await created.json();
    assert.deepEqual(rest, project);
    assert.match(id, /^[0-9a-f-]{36}$/);
    assert.equal(createdAt, updatedAt);

    assert.equal((await ask('/api/projects', json('POST', project))).status, 409);
    assert.equal((await ask('/api/projects/night-bus', json('PUT', { ...project, slug: 'tidewatch' }))).status, 409);

    const replaced = await ask('/api/projects/night-bus', json('PUT', { ...project, title: 'Last Bus', url: undefined }));
    assert.equal(replaced.status, 200);
    const read = await (await fetch(`${api.url}/api/projects/night-bus`)).json();
    assert.deepEqual([read.id, read.title, read.url], [id, 'Last Bus', null]);

    assert.equal((await ask('/api/projects/night-bus', { method: 'DELETE' })).status, 204);
    assert.equal((await ask('/api/projects/night-bus', { method: 'DELETE' })).status, 404);
    assert.equal((await ask('/api/projects/night-bus', json('PUT', project))).status, 404);
  });

  test('a project that makes no sense is refused with the reasons', async () => {
    const { ask } = await logIn();
    for (const [change, reason] of [
      [{ slug: 'Night Bus' }, /slug/],
      [{ title: '  ' }, /title/],
      [{ summary: 'x'.repeat(2001) }, /summary/],
      [{ url: 'javascript:alert(1)' }, /url/],
      [{ tags: 'Maps' }, /tags/],
      [{ tags: [7] }, /tags/],
      [{ year: 1492 }, /year/],
      [{ year: 'soon' }, /year/],
      [{ id: 'mine' }, /id should not exist/],
    ]) {
      const response = await ask('/api/projects', json('POST', { ...project, ...change }));
      assert.equal(response.status, 400, JSON.stringify(change));
      assert.match((await response.json()).message.join('\n'), reason);
    }
  });

  test('the contact form stores a message once, validated, and drops what robots send', async () => {
    const headers = { 'x-forwarded-for': '192.0.2.10' };
    const send = (body) => {
      const request = json('POST', body);
      return fetch(`${api.url}/api/contact`, { ...request, headers: { ...request.headers, ...headers } });
    };
    const good = { name: 'Ada <b>', email: 'ada@example.org', message: 'I would like to talk about tide tables.' };
    assert.equal((await send(good)).status, 201);
    assert.equal((await send({ ...good, website: 'https://spam.example' })).status, 201);
    for (const change of [{ name: '' }, { email: 'ada' }, { message: 'short' }, { admin: true }]) {
      assert.equal((await send({ ...good, ...change })).status, 400, JSON.stringify(change));
    }
    assert.equal((await database.query('SELECT id FROM messages')).length, 1);
    const page = await (await (await logIn()).ask('/api/admin')).text();
    assert.match(page, /Ada &lt;b&gt;/);
    assert.doesNotMatch(page, /Ada <b>/);
  });

  test('one address may not flood the contact form; others still write', async () => {
    const send = (address) => {
      const request = json('POST', { name: 'Bo', email: 'bo@example.org', message: 'Hello again and again.' });
      return fetch(`${api.url}/api/contact`, { ...request, headers: { ...request.headers, 'x-forwarded-for': address } });
    };
    const statuses = [];
    for (let turn = 0; turn < 5; turn += 1) statuses.push((await send('192.0.2.20')).status);
    assert.deepEqual(statuses, [201, 201, 201, 201, 429]);
    assert.equal((await send('192.0.2.21')).status, 201);
  });

  test('the panel shows the login page first, and a wrong password opens nothing', async () => {
    const panel = await fetch(`${api.url}/api/admin`, { redirect: 'manual' });
    assert.equal(panel.status, 303);
    assert.equal(panel.headers.get('location'), '/api/admin/login');
    const login = await fetch(`${api.url}/api/admin/login`);
    assert.match(login.headers.get('content-security-policy'), /default-src 'none'.*frame-ancestors 'none'/);
    const wrong = await fetch(`${api.url}/api/admin/login`, form({ password: 'wrong' }));
    assert.equal(wrong.status, 401);
    assert.equal(wrong.headers.get('set-cookie'), null);
  });

  test('a login sent by another site is refused', async () => {
    const request = form({ password: PASSWORD });
    const headers = { ...request.headers, 'sec-fetch-site': 'cross-site' };
    assert.equal(await statusOf(`${api.url}/api/admin/login`, headers, request.body), 403);
  });

  test('ten wrong passwords from one address close the door for it alone', async () => {
    const attempt = (address, password) => {
      const request = form({ password });
      return fetch(`${api.url}/api/admin/login`, { ...request, headers: { ...request.headers, 'x-forwarded-for': address } });
    };
    const statuses = new Set();
    for (let turn = 0; turn < 10; turn += 1) statuses.add((await attempt('192.0.2.30', 'wrong')).status);
    assert.deepEqual([...statuses], [401]);
    assert.equal((await attempt('192.0.2.30', PASSWORD)).status, 429);
    assert.equal((await attempt('192.0.2.31', PASSWORD)).status, 303);
  });

  test('the cookie is unreadable for scripts, strictly same-site, and Secure behind TLS', async () => {
    const plain = await fetch(`${api.url}/api/admin/login`, form({ password: PASSWORD }));
    assert.match(plain.headers.get('set-cookie'), /^portfolio_session=[\w-]{43}; Max-Age=28800; Path=\/api; Expires=[^;]+; HttpOnly; SameSite=Strict$/);
    const request = form({ password: PASSWORD });
    const tls = await fetch(`${api.url}/api/admin/login`, { ...request, headers: { ...request.headers, 'x-forwarded-proto': 'https' } });
    assert.match(tls.headers.get('set-cookie'), /; Secure/);
  });

  test('a session ends at logout and when its time is over; only a hash of it is stored', async () => {
    const { ask, cookie } = await logIn();
    const stored = JSON.stringify(await database.query('SELECT * FROM sessions'));
    assert.ok(!stored.includes(cookie.split('=')[1]));
    assert.equal((await ask('/api/admin/logout', { method: 'POST' })).status, 303);
    assert.equal((await ask('/api/admin/session')).status, 401);

    const other = await logIn();
    assert.equal((await other.ask('/api/admin')).status, 200);
    await database.query("UPDATE sessions SET expires_at = '2020-01-01T00:00:00.000Z'");
    assert.equal((await other.ask('/api/admin')).status, 303);
  });

  test('projects are edited in the panel, with the form kept when something is wrong', async () => {
    const { ask, csrfToken } = await logIn();
    const fields = { title: 'Lamp', slug: 'lamp', summary: 'It shines.', url: '', tags: 'Light, Glass ,', year: '2025', _csrf: csrfToken };
    const submit = (path, changed) => ask(path, { ...form({ ...fields, ...changed }), headers: { ...form({}).headers, 'x-csrf-token': csrfToken } });
    const wrong = await submit('/api/admin/projects', { slug: 'La mp"' });
    assert.equal(wrong.status, 422);
    assert.match(await wrong.text(), /slug must be lower-case words.*value="La mp&quot;"/s);
    assert.equal((await submit('/api/admin/projects', {})).status, 303);
    assert.equal((await submit('/api/admin/projects', {})).status, 409);
    const lamp = await (await fetch(`${api.url}/api/projects/lamp`)).json();
    assert.deepEqual([lamp.tags, lamp.url, lamp.year], [['Light', 'Glass'], null, 2025]);
    assert.match(await (await ask('/api/admin/projects/lamp')).text(), /value="Light, Glass"/);
    assert.equal((await submit('/api/admin/projects/lamp', { title: 'Lantern' })).status, 303);
    assert.match(await (await ask('/api/admin')).text(), /Lantern/);
    assert.equal((await submit('/api/admin/projects/lamp/delete', {})).status, 303);
    assert.equal((await fetch(`${api.url}/api/projects/lamp`)).status, 404);
  });

  test('a panel form without its hidden token changes nothing', async () => {
    const { cookie, csrfToken } = await logIn();
    const submit = (fields) => {
      const request = form(fields);
      return fetch(`${api.url}/api/admin/projects/tidewatch/delete`, { ...request, headers: { ...request.headers, cookie } });
    };
    assert.equal((await submit({})).status, 403);
    assert.equal((await submit({ _csrf: `${csrfToken}x` })).status, 403);
    assert.equal((await fetch(`${api.url}/api/projects/tidewatch`)).status, 200);
  });

  test('metrics count requests by route pattern, messages and logins', async () => {
    await fetch(`${api.url}/api/projects/tidewatch`);
    await fetch(`${api.url}/api/nothing-here`);
    const response = await fetch(`${api.url}/metrics`);
    assert.match(response.headers.get('content-type'), /^text\/plain;.*version=0\.0\.4/);
    const text = await response.text();
    assert.match(text, /http_request_duration_seconds_count\{method="GET",route="\/api\/projects\/:slug",status="200"\} \d+/);
    assert.match(text, /route="unmatched",status="404"/);
    assert.match(text, /^portfolio_contact_messages_total \d+$/m);
    assert.match(text, /portfolio_admin_logins_total\{result="refused"\} \d+/);
    assert.match(text, /^process_resident_memory_bytes \d+/m);
    assert.equal((await fetch(`${api.url}/api/metrics`)).status, 404);
  });

  test('two processes on one database know the same sessions and projects', async () => {
    const second = await startApi({ ...database.env, ADMIN_PASSWORD_HASH: hash });
    try {
      const { cookie } = await logIn();
      assert.equal((await fetch(`${second.url}/api/admin/session`, { headers: { cookie } })).status, 200);
      assert.equal((await (await fetch(`${second.url}/api/projects`)).json()).length, 3);
    } finally {
      await second.stop();
    }
  });

  test('before the migrations health is 503, afterwards 200 without a restart; login without a password hash is 503', async () => {
    const empty = await fresh();
    const early = await startApi(empty.env);
    try {
      const response = await fetch(`${early.url}/api/health`);
      assert.equal(response.status, 503);
      assert.deepEqual(await response.json(), { status: 'unavailable', database: { kind, state: 'down' } });
      assert.equal((await migrate(empty.env)).code, 0);
      assert.equal((await fetch(`${early.url}/api/health`)).status, 200);
      assert.equal((await fetch(`${early.url}/api/admin/login`, form({ password: '' }))).status, 503);
    } finally {
      await early.stop();
    }
  });
});

test('without its PostgreSQL the API starts and health is 503', async () => {
  const api = await startApi({ DATABASE_URL: 'postgresql://nobody@127.0.0.1:1/none' });
  try {
    const response = await fetch(`${api.url}/api/health`);
    assert.equal(response.status, 503);
    assert.deepEqual((await response.json()).database, { kind: 'postgres', state: 'down' });
    assert.equal((await fetch(`${api.url}/api/projects`)).status, 500);
  } finally {
    await api.stop();
  }
});

/** Posts without fetch(), which sets Sec-Fetch headers itself. */
function statusOf(url, headers, body) {
  return new Promise((resolve, reject) => {
    const request = post(url, { method: 'POST', headers }, (response) => {
      response.resume();
      resolve(response.statusCode);
    });
    request.on('error', reject);
    request.end(body);
  });
}
