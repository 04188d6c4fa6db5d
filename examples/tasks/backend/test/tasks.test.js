import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { organisationOf, signUp } from './support/people.js';
import { withApi } from './support/stack.js';

withApi('tasks', (site) => {
  let ada;
  let home;
  before(async () => {
    ada = await signUp(site.api.url);
    home = await organisationOf(ada);
  });
  const create = async (task, at = home) => {
    const { status, body } = await ada.ask('POST', `${at}/tasks`, task);
    assert.equal(status, 201, JSON.stringify(body));
    return body;
  };

  test('a task is made, read, changed, commented on and removed', async () => {
    const made = await create({ title: '  Order\tpaper ', description: 'A4,\r\nnot A5', assigneeId: ada.id, dueOn: '2026-12-24' });
    const { number, createdAt, updatedAt, ...rest } = made;
    const person = { id: ada.id, name: 'Ada' };
    const expected = { title: 'Order paper', description: 'A4,\nnot A5', status: 'open', dueOn: '2026-12-24', assignee: person, createdBy: person, version: 1, comments: 0 };
    assert.deepEqual(rest, expected);
    assert.equal(createdAt, updatedAt);

    const { body: changed } = await ada.ask('PATCH', `${home}/tasks/${number}`, { status: 'doing', dueOn: null, assigneeId: null, version: 1 });
    assert.deepEqual([changed.status, changed.dueOn, changed.assignee, changed.title, changed.version], ['doing', null, null, 'Order paper', 2]);
    const comment = await ada.ask('POST', `${home}/tasks/${number}/comments`, { body: '<b>Done</b> by Friday' });
    assert.equal(comment.status, 201);
    assert.deepEqual(comment.body.author, person);
    assert.deepEqual((await ada.ask('GET', `${home}/tasks/${number}/comments`)).body.comments, [comment.body]);
    assert.equal((await ada.ask('GET', `${home}/tasks/${number}`)).body.comments, 1);

    assert.equal((await ada.ask('DELETE', `${home}/tasks/${number}`)).status, 204);
    for (const [method, path, body] of [['GET', ''], ['DELETE', ''], ['PATCH', '', {}], ['GET', '/comments'], ['POST', '/comments', { body: 'x' }]]) {
      assert.equal((await ada.ask(method, `${home}/tasks/${number}${path}`, body)).status, 404, method + path);
    }
  });

  test('who edits what somebody else has changed meanwhile is told so', async () => {
    const { number, version } = await create({ title: 'Edited by two' });
    const first = await ada.ask('PATCH', `${home}/tasks/${number}`, { title: 'By the first', version });
    assert.equal(first.status, 200);
    const second = await ada.ask('PATCH', `${home}/tasks/${number}`, { title: 'By the second', version });
    assert.equal(second.status, 409);
    assert.equal((await ada.ask('GET', `${home}/tasks/${number}`)).body.title, 'By the first');
    const together = await Promise.all([1, 2, 3, 4].map((n) => ada.ask('PATCH', `${home}/tasks/${number}`, { title: `At once ${n}`, version: 2 })));
    assert.deepEqual(together.map(({ status }) => status).sort(), [200, 409, 409, 409]);
  });

  test('tasks made at once get numbers of their own, without gaps', async () => {
    const at = await organisationOf(ada, 'Busy');
    const made = await Promise.all(Array.from({ length: 20 }, (_, index) => create({ title: `Task ${index}` }, at)));
    assert.deepEqual(made.map(({ number }) => number).sort((a, b) => a - b), Array.from({ length: 20 }, (_, index) => index + 1));
    const refused = await ada.ask('POST', `${at}/tasks`, { title: 'For nobody', assigneeId: '00000000-0000-4000-8000-000000000000' });
    assert.equal(refused.status, 422);
    assert.equal((await create({ title: 'The next' }, at)).number, 21);
  });

  test('pages hold together while tasks are added', async () => {
    const at = await organisationOf(ada, 'Long');
    for (let index = 1; index <= 7; index += 1) await create({ title: `Task ${index}` }, at);
    const first = (await ada.ask('GET', `${at}/tasks?limit=3`)).body;
    await create({ title: 'Came in between' }, at);
    const second = (await ada.ask('GET', `${at}/tasks?limit=3&after=${first.next}`)).body;
    const third = (await ada.ask('GET', `${at}/tasks?limit=3&after=${second.next}`)).body;
    assert.deepEqual([first, second, third].map(({ tasks }) => tasks.map(({ number }) => number)), [[7, 6, 5], [4, 3, 2], [1]]);
    assert.equal(third.next, null);
  });

  test('tasks are found by words, beginnings of words, number, status and assignee', async () => {
    const at = await organisationOf(ada, 'Search');
    await create({ title: 'Straße nach Köln sperren', status: 'done' }, at);
    await create({ title: 'Order paper', description: 'for the spring catalogue', assigneeId: ada.id }, at);
    await create({ title: "It's 100% O'Reilly & Söhne: \\ ' * | ! ( ) <-> :*", status: 'doing' }, at);
    const found = async (query) => (await ada.ask('GET', `${at}/tasks?${new URLSearchParams(query)}`)).body.tasks.map(({ number }) => number);
    assert.deepEqual(await found({}), [3, 2, 1]);
    assert.deepEqual(await found({ search: 'spring pap' }), [2]);
    assert.deepEqual(await found({ search: 'KÖLN' }), [1]);
    assert.deepEqual(await found({ search: '#3' }), [3]);
    assert.deepEqual(await found({ search: "o'reil & söh" }), [3]);
    assert.deepEqual(await found({ search: "'); DROP TABLE tasks; --" }), []);
    for (const search of ["'", '\\', ':*', '!!!', '(', '<->', '%', '* | *']) assert.deepEqual(await found({ search }), [], search);
    assert.deepEqual(await found({ search: '  ' }), [3, 2, 1]);
    assert.deepEqual(await found({ status: 'active' }), [3, 2]);
    assert.deepEqual(await found({ status: 'done' }), [1]);
    assert.deepEqual(await found({ assignee: 'me' }), [2]);
    assert.deepEqual(await found({ assignee: 'none' }), [3, 1]);
    assert.deepEqual((await ada.ask('GET', at)).body.tasks, { open: 1, doing: 1, done: 1 });
  });

  test('input that makes no sense is refused with a reason per field', async () => {
    const { number } = await create({ title: 'Fine' });
    for (const [change, field] of [
      [{ title: '' }, 'title'],
      [{ title: 'x'.repeat(201) }, 'title'],
      [{ title: 'a\0b' }, 'title'],
      [{ description: 'x'.repeat(10_001) }, 'description'],
      [{ status: 'finished' }, 'status'],
      [{ assigneeId: 'ada' }, 'assigneeId'],
      [{ dueOn: '2026-02-30' }, 'dueOn'],
      [{ dueOn: '24.12.2026' }, 'dueOn'],
      [{ number: 1 }, 'number'],
      [{ organisationId: ada.id }, 'organisationId'],
    ]) {
      for (const [method, path] of [['POST', '/tasks'], ['PATCH', `/tasks/${number}`]]) {
        const { status, body } = await ada.ask(method, home + path, { title: 'Fine', ...change });
        assert.equal(status, 422, `${method} ${JSON.stringify(change).slice(0, 60)}`);
        assert.deepEqual(Object.keys(body.fields), [field]);
      }
    }
    for (const query of ['limit=0', 'limit=101', 'limit=x', 'after=0', 'after=-1', 'status=all', 'assignee=eve', 'order=title', 'search=a&search=b']) {
      assert.equal((await ada.ask('GET', `${home}/tasks?${query}`)).status, 422, query);
    }
    assert.equal((await ada.ask('POST', `${home}/tasks/${number}/comments`, { body: ' \n ' })).status, 422);
    assert.equal((await ada.ask('POST', `${home}/tasks`, { title: 'Fine', description: 'x'.repeat(100_000) })).status, 413);
  });
});
