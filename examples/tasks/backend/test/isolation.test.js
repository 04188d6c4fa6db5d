import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { before, test } from 'node:test';
import { buildApp } from '../dist/app.js';
import { ask, organisationOf, signUp } from './support/people.js';
import { withApi } from './support/stack.js';

/** What an outsider tries, with addresses that exist. `:organisation` … are filled in from the victim's things. */
const attempts = [
  ['GET', '/api/organisations/:organisation'],
  ['PATCH', '/api/organisations/:organisation', { name: 'Mine now' }],
  ['GET', '/api/organisations/:organisation/members'],
  ['PATCH', '/api/organisations/:organisation/members/:user', { role: 'member' }],
  ['DELETE', '/api/organisations/:organisation/members/:user'],
  ['GET', '/api/organisations/:organisation/invitations'],
  ['POST', '/api/organisations/:organisation/invitations', { email: 'eve@example.org' }],
  ['DELETE', '/api/organisations/:organisation/invitations/:invitation'],
  ['GET', '/api/organisations/:organisation/tasks'],
  ['POST', '/api/organisations/:organisation/tasks', { title: 'Planted' }],
  ['GET', '/api/organisations/:organisation/tasks/:number'],
  ['PATCH', '/api/organisations/:organisation/tasks/:number', { title: 'Changed' }],
  ['DELETE', '/api/organisations/:organisation/tasks/:number'],
  ['GET', '/api/organisations/:organisation/tasks/:number/comments'],
  ['POST', '/api/organisations/:organisation/tasks/:number/comments', { body: 'Boo' }],
];
/** For everybody, or for everybody who is signed in. */
const others = [
  'GET /health',
  'GET /metrics',
  'GET /api/session',
  'GET /api/organisations',
  'POST /api/organisations',
  'POST /api/auth/sign-up',
  'POST /api/auth/sign-in',
  'POST /api/auth/sign-out',
  'POST /api/invitations/accept',
];

test('the attempts below are all routes that there are', async () => {
  const config = { publicUrl: 'http://tasks.test', trustedProxies: 0, requestLimit: 1, signInLimit: 1 };
  const app = buildApp({ config, mails: {}, database: {}, redis: {}, sessions: {}, limiter: {} }, undefined);
  await app.ready();
  const found = app
    .printRoutes({ commonPrefix: false })
    .split('\n')
    .flatMap((row) => {
      const [, path, methods] = /(\/\S*) \((.*)\)/.exec(row) ?? [];
      return path ? methods.split(', ').map((method) => `${method} ${path}`) : [];
    })
    .filter((route) => !route.startsWith('HEAD '));
  await app.close();
  // The tree prints only the last part of an address; compared are the methods and how many there are.
  const expected = [...attempts.map(([method, path]) => `${method} ${path}`), ...others];
  assert.equal(found.length, expected.length, found.join('\n'));
});

withApi('organisations are closed to outsiders', (site) => {
  let ada;
  let eve;
  let own;
  let victim;
  const names = {};
  const fill = (path) => path.replace(/:(\w+)/g, (_all, name) => names[name]);

  before(async () => {
    [ada, eve] = [await signUp(site.api.url), await signUp(site.api.url, 'Eve')];
    [victim, own] = [await organisationOf(ada), await organisationOf(eve, 'Evil')];
    await ada.ask('POST', `${victim}/tasks`, { title: 'Secret plan' });
    await ada.ask('POST', `${victim}/tasks/1/comments`, { body: 'Psst' });
    const { body: invitation } = await ada.ask('POST', `${victim}/invitations`, { email: 'friend@example.org' });
    Object.assign(names, { organisation: victim.split('/').at(-1), user: ada.id, invitation: invitation.id, number: '1' });
  });

  const state = async () => {
    const read = async (path) => (await ada.ask('GET', victim + path)).body;
    return JSON.stringify([await read(''), await read('/members'), await read('/invitations'), await read('/tasks'), await read('/tasks/1/comments')]);
  };

  for (const [method, path, body] of attempts) {
    test(`${method} ${path}`, async () => {
      const before = await state();
      const anonymous = await ask(site.api.url, method, fill(path), { body });
      assert.equal(anonymous.status, 401);
      const stranger = await eve.ask(method, fill(path), body);
      assert.equal(stranger.status, 404);
      // What exists and what does not must look the same.
      const missing = await eve.ask(method, fill(path).replace(names.organisation, randomUUID()), body);
      assert.deepEqual({ ...stranger.body, requestId: '' }, { ...missing.body, requestId: '' });
      assert.equal(await state(), before);
    });
  }

  test('things of another organisation are not found under one’s own', async () => {
    const before = await state();
    for (const [method, path, body] of [
      ['PATCH', `/members/${ada.id}`, { role: 'member' }],
      ['DELETE', `/members/${ada.id}`],
      ['DELETE', `/invitations/${names.invitation}`],
      ['GET', '/tasks/1'],
      ['PATCH', '/tasks/1', { title: 'Changed' }],
      ['DELETE', '/tasks/1'],
      ['GET', '/tasks/1/comments'],
      ['POST', '/tasks/1/comments', { body: 'Boo' }],
    ]) {
      assert.equal((await eve.ask(method, own + path, body)).status, 404, `${method} ${path}`);
    }
    assert.equal(await state(), before);
  });

  test('an outsider is not assigned, nor found by the filter for one', async () => {
    const { body: mine } = await eve.ask('POST', `${own}/tasks`, { title: 'Mine' });
    for (const [method, path] of [
      ['POST', `${own}/tasks`],
      ['PATCH', `${own}/tasks/${mine.number}`],
    ]) {
      const refused = await eve.ask(method, path, { title: 'For Ada', assigneeId: ada.id });
      assert.equal(refused.status, 422);
      assert.deepEqual(Object.keys(refused.body.fields), ['assigneeId']);
    }
    assert.deepEqual((await eve.ask('GET', `${own}/tasks?assignee=${ada.id}`)).body.tasks, []);
  });

  test('addresses that are no ids are not found, and harm nothing', async () => {
    for (const id of ['1', "' OR 1=1 --", 'up/../health', '%00', randomUUID().toUpperCase(), 'null']) {
      assert.ok([400, 404].includes((await ada.ask('GET', `/api/organisations/${encodeURIComponent(id)}`)).status), id);
      assert.ok([400, 404].includes((await ada.ask('GET', `${victim}/tasks/${encodeURIComponent(id)}x`)).status), id);
    }
    for (const number of ['0', '-1', '1e1', '01', '9999999999', '1.0']) {
      assert.equal((await ada.ask('GET', `${victim}/tasks/${number}`)).status, 404, number);
    }
  });
});
