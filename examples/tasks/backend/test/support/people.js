import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';

export const PASSWORD = 'correct horse battery';

/** Asks with JSON; the answer's body is read: `{ status, headers, body }`. */
export async function ask(url, method, path, { body, headers = {} } = {}) {
  const answer = await fetch(url + path, {
    method,
    redirect: 'manual',
    headers: { ...(body !== undefined && { 'content-type': 'application/json' }), ...headers },
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  const text = await answer.text();
  return { status: answer.status, headers: answer.headers, body: text === '' ? undefined : JSON.parse(text) };
}

/** Somebody with an account and a session. */
export async function signUp(url, name = 'Ada') {
  const email = `${name.toLowerCase()}-${randomUUID()}@example.org`;
  // Each from an address of its own, as people do.
  const headers = { 'x-forwarded-for': `2001:db8::${randomUUID().slice(0, 4)}` };
  const made = await ask(url, 'POST', '/api/auth/sign-up', { body: { name, email, password: PASSWORD }, headers });
  assert.equal(made.status, 201, JSON.stringify(made.body));
  return await withSession(url, made.headers, { id: made.body.id, name, email });
}

export async function withSession(url, answered, who) {
  const cookie = answered.get('set-cookie').split(';')[0];
  const { body } = await ask(url, 'GET', '/api/session', { headers: { cookie } });
  const headers = { cookie, 'x-csrf-token': body.csrfToken };
  return {
    ...who,
    headers,
    ask: (method, path, sent) => ask(url, method, path, { body: sent, headers }),
  };
}

/** An organisation of this person; returns its address. */
export async function organisationOf(person, name = 'Paper & Thread') {
  const { status, body } = await person.ask('POST', '/api/organisations', { name });
  assert.equal(status, 201);
  return `/api/organisations/${body.id}`;
}
