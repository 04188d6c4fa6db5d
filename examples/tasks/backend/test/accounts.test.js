import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PASSWORD, ask, signUp, withSession } from './support/people.js';
import { query } from './support/postgres.js';
import { withApi } from './support/stack.js';

const from = (address) => ({ headers: { 'x-forwarded-for': address } });

withApi('accounts', (site, { redis }) => {
  const signIn = (email, password, address = '192.0.2.1') =>
    ask(site.api.url, 'POST', '/api/auth/sign-in', { body: { email, password }, ...from(address) });

  test('a session lasts from sign-up to sign-out, and its cookie is out of reach of scripts and other sites', async () => {
    const ada = await signUp(site.api.url);
    const session = await ada.ask('GET', '/api/session');
    assert.deepEqual(session.body.user, { id: ada.id, name: 'Ada', email: ada.email });
    assert.equal(session.headers.get('cache-control'), 'no-store');

    const answered = await signIn(ada.email.toUpperCase(), PASSWORD);
    assert.equal(answered.status, 204);
    assert.match(answered.headers.get('set-cookie'), /^tasks_session=[\w-]{43}; Path=\/api; Max-Age=\d+; HttpOnly; SameSite=Strict$/);
    const again = await withSession(site.api.url, answered.headers, ada);
    assert.equal((await again.ask('POST', '/api/auth/sign-out')).status, 204);
    assert.equal((await again.ask('GET', '/api/session')).body.user, null);
    assert.equal((await again.ask('GET', '/api/organisations')).status, 401);
    assert.equal((await ada.ask('GET', '/api/organisations')).status, 200, 'the other session goes on');
  });

  test('over HTTPS the cookie is never sent over HTTP again', async () => {
    const { email } = await signUp(site.api.url);
    const answered = await ask(site.api.url, 'POST', '/api/auth/sign-in', {
      body: { email, password: PASSWORD },
      headers: { 'x-forwarded-proto': 'https' },
    });
    assert.match(answered.headers.get('set-cookie'), /; Secure$/);
  });

  test('signing in ends the session that the browser had before', async () => {
    const ada = await signUp(site.api.url);
    const answered = await ask(site.api.url, 'POST', '/api/auth/sign-in', {
      body: { email: ada.email, password: PASSWORD },
      headers: { cookie: ada.headers.cookie },
    });
    assert.equal(answered.status, 204);
    assert.equal((await ada.ask('GET', '/api/organisations')).status, 401);
  });

  test('neither the password nor the session can be read from what is stored', async () => {
    const ada = await signUp(site.api.url);
    const token = ada.headers.cookie.split('=')[1];
    const keys = await redis.client.keys('*');
    const stored = keys.join() + (await Promise.all(keys.filter((key) => key.startsWith('session:')).map((key) => redis.client.get(key)))).join();
    assert.ok(stored.includes(ada.id));
    assert.ok(!stored.includes(token));
    const [{ password_hash: hash }] = await query(site.env.DATABASE_URL, `SELECT password_hash FROM users WHERE id = '${ada.id}'`);
    assert.match(hash, /^scrypt:32768:8:1:[\w-]{22}:[\w-]{43}$/);
  });

  test('no change without the session’s own CSRF token', async () => {
    const [ada, eve] = [await signUp(site.api.url), await signUp(site.api.url, 'Eve')];
    for (const token of [undefined, '', 'x'.repeat(43), eve.headers['x-csrf-token']]) {
      const headers = { cookie: ada.headers.cookie, ...(token !== undefined && { 'x-csrf-token': token }) };
      const refused = await ask(site.api.url, 'POST', '/api/organisations', { body: { name: 'Forged' }, headers });
      assert.equal(refused.status, 403, String(token));
      assert.equal(refused.body.type, 'urn:tasks:problem:csrf');
      assert.equal((await ask(site.api.url, 'POST', '/api/auth/sign-out', { headers })).status, 403);
    }
    assert.deepEqual((await ada.ask('GET', '/api/organisations')).body, { organisations: [] });
  });

  test('a form of another site cannot sign anybody in: only JSON is taken', async () => {
    for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=x']) {
      const answer = await fetch(`${site.api.url}/api/auth/sign-in`, {
        method: 'POST',
        headers: { 'content-type': type },
        body: JSON.stringify({ email: 'ada@example.org', password: PASSWORD }),
      });
      assert.equal(answer.status, 415, type);
    }
  });

  test('input that makes no sense is refused with a reason per field', async () => {
    const { email } = await signUp(site.api.url);
    const good = { name: 'Ada', email: 'ada@example.org', password: PASSWORD };
    for (const [change, field, reason] of [
      [{ name: ' ' }, 'name', /required/],
      [{ name: undefined }, 'name', /required/],
      [{ name: 'x'.repeat(101) }, 'name', /more than 100/],
      [{ name: 'a\0b' }, 'name', /cannot be shown/],
      [{ name: 7 }, 'name', /required/],
      [{ email: 'ada' }, 'email', /not an e-mail/],
      [{ email: 'a@b.org\nBcc: all@example.org' }, 'email', /not an e-mail/],
      [{ email }, 'email', /an account already/],
      [{ email: email.toUpperCase() }, 'email', /an account already/],
      [{ password: 'short' }, 'password', /fewer than 10/],
      [{ password: 'x'.repeat(201) }, 'password', /more than 200/],
      [{ isAdmin: true }, 'isAdmin', /not known/],
    ]) {
      const { status, headers, body } = await ask(site.api.url, 'POST', '/api/auth/sign-up', { body: { ...good, ...change }, ...from('192.0.2.77') });
      assert.equal(status, 422, JSON.stringify(change));
      assert.match(headers.get('content-type'), /^application\/problem\+json/);
      assert.deepEqual(Object.keys(body.fields), [field]);
      assert.match(body.fields[field], reason);
      assert.equal(body.requestId, headers.get('x-request-id'));
    }
    for (const body of ['{', '[]', '"text"', 'null', '{"__proto__":{"name":"x"}}']) {
      const answer = await fetch(`${site.api.url}/api/auth/sign-up`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', 'x-forwarded-for': '192.0.2.78' },
        body,
      });
      assert.ok([400, 422].includes(answer.status), `${body}: ${answer.status}`);
    }
  });

  test('whether an address has an account does not show at sign-in', async () => {
    const { email } = await signUp(site.api.url);
    const known = await signIn(email, 'not the password', '192.0.2.2');
    const unknown = await signIn('nobody@example.org', 'not the password', '192.0.2.2');
    assert.equal(known.status, 401);
    assert.deepEqual({ ...known.body, requestId: '' }, { ...unknown.body, requestId: '' });
  });

  test('guessing a password has to wait, the right one as well, and nobody else', async () => {
    const { email } = await signUp(site.api.url);
    const statuses = [];
    for (let attempt = 0; attempt < 12; attempt += 1) statuses.push((await signIn(email, `guess ${attempt}`, '192.0.2.9')).status);
    assert.deepEqual(statuses, [...Array(10).fill(401), 429, 429]);
    const refused = await signIn(email, PASSWORD, '192.0.2.9');
    assert.equal(refused.status, 429);
    const wait = Number(refused.headers.get('retry-after'));
    assert.ok(wait > 30 && wait <= 60, `Retry-After: ${wait}`);
    assert.equal((await signIn(email, PASSWORD, '192.0.2.10')).status, 204, 'from elsewhere');
    const other = await signUp(site.api.url, 'Ben');
    assert.equal((await signIn(other.email, PASSWORD, '192.0.2.9')).status, 204, 'another account');
  });
});

withApi(
  'request limits',
  (site) => {
    test('who asks too often is told when to come again, and it is true', async () => {
      const [ada, ben] = [await signUp(site.api.url), await signUp(site.api.url, 'Ben')];
      let answer = { status: 200 };
      for (let count = 0; answer.status === 200 && count < 200; count += 1) answer = await ada.ask('GET', '/api/organisations');
      assert.equal(answer.status, 429);
      assert.equal(answer.body.type, 'urn:tasks:problem:too-many-requests');
      assert.equal((await ben.ask('GET', '/api/organisations')).status, 200);
      await new Promise((resolve) => setTimeout(resolve, Number(answer.headers.get('retry-after')) * 1000));
      assert.equal((await ada.ask('GET', '/api/organisations')).status, 200);
    });
  },
  { REQUEST_LIMIT: '60' },
);
