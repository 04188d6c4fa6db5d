import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import { findBrowser } from './support/browser.js';
import { startSite } from './support/site.js';

const ada = { id: '0b8a6a4e-0000-4000-8000-000000000001', name: 'Ada Example', email: 'ada@example.org' };
const evil = '<img src=x onerror="document.title=\'pwned\'">';

/** An API with one person, one organisation and these tasks, all in memory. */
function fakeApi(titles = [], organisations = [{ id: 'o1', name: 'Paper', role: 'owner' }]) {
  const state = { signedIn: false, csrf: [], broken: false, organisations, accepted: undefined };
  state.tasks = titles.map((title, index) => taskOf(index + 1, title)).reverse();
  const answer = (method, path, body, headers) => {
    if (method !== 'GET') state.csrf.push(headers['x-csrf-token']);
    if (state.broken) return { status: 503, body: { detail: 'The database cannot be reached. Try again soon.' } };
    if (path === '/session') return { body: state.signedIn ? { user: ada, csrfToken: 'token-of-the-session' } : { user: null } };
    if (path === '/auth/sign-in') {
      if (body.password !== 'right password') return { status: 401, body: { detail: 'The e-mail address or the password is wrong.' } };
      state.signedIn = true;
      return { status: 204 };
    }
    if (path === '/auth/sign-up') return { status: 422, body: { detail: 'Some fields are not valid.', fields: { password: 'has fewer than 10 characters' } } };
    if (!state.signedIn) return { status: 401, body: { detail: 'Sign in first.' } };
    if (path === '/auth/sign-out') {
      state.signedIn = false;
      return { status: 204 };
    }
    if (path === '/invitations/accept') {
      state.accepted = body.token;
      state.organisations.push({ id: 'o2', name: 'Invited', role: 'member' });
      return { body: state.organisations.at(-1) };
    }
    if (path === '/organisations') return { body: { organisations: state.organisations } };
    if (path.endsWith('/members')) return { body: { members: [{ ...ada, role: 'owner' }] } };
    if (path.endsWith('/comments')) return { body: { comments: [{ id: 'c1', body: evil, createdAt: '2026-01-01T12:00:00Z', author: ada }] } };
    const number = Number(/\/tasks\/(\d+)$/.exec(path)?.[1]);
    if (number) {
      const found = state.tasks.find((task) => task.number === number);
      if (method === 'PATCH') Object.assign(found, body, { version: found.version + 1 });
      return { body: found };
    }
    if (method === 'POST') {
      state.tasks.unshift(taskOf(state.tasks.length + 1, body.title));
      return { status: 201, body: state.tasks[0] };
    }
    if (path.includes('/tasks')) {
      const { search = '', status } = Object.fromEntries(new URL(path, 'http://x').searchParams);
      const fits = (task) => task.title.includes(search) && (status !== 'active' || task.status !== 'done');
      return { body: { tasks: state.tasks.filter(fits), next: null } };
    }
    return { body: { id: 'o1', name: 'Paper', role: 'owner', tasks: { open: state.tasks.length, doing: 0, done: 0 } } };
  };
  return { state, answer };
}

const taskOf = (number, title) => ({
  number,
  title,
  description: evil,
  status: 'open',
  dueOn: null,
  version: 1,
  createdAt: '2026-01-01T12:00:00Z',
  updatedAt: '2026-01-01T12:00:00Z',
  assignee: null,
  createdBy: ada,
  comments: 1,
});

const browser = await findBrowser();
if (browser.skip) console.log(`pages: skipped, ${browser.skip}`);
after(() => browser.stop?.());

describe('pages', { skip: browser.skip ?? false, timeout: 240_000 }, () => {
  /** The page at this path with an API of its own; signed in unless told otherwise. */
  async function visit(t, path, { titles = [], organisations = undefined, signedIn = true } = {}) {
    const { state, answer } = fakeApi(titles, organisations);
    state.signedIn = signedIn;
    const site = await startSite(answer);
    const page = await browser.open(site.url + path);
    t.after(async () => {
      await page.close();
      await site.stop();
    });
    return { state, page };
  }

  test('whoever is not signed in is asked to, and told why it did not work', async (t) => {
    const { page, state } = await visit(t, '/o/o1', { titles: ['Order paper'], signedIn: false });
    await page.type('E-mail', ada.email);
    await page.type('Password', 'wrong password');
    await page.press('Enter', '\r');
    await page.reads('The e-mail address or the password is wrong.');
    await page.type('Password', 'right password');
    await page.press('Enter', '\r');
    await page.reads('Order paper');
    assert.equal(await page.run('location.pathname'), '/o/o1', 'where they wanted to go');
    await page.click('Sign out');
    await page.reads('No account yet?');
    assert.equal(state.csrf.at(-1), 'token-of-the-session');
  });

  test('a field that is not valid is named, focused, and described to screen readers', async (t) => {
    const { page } = await visit(t, '/sign-up', { signedIn: false });
    await page.type('Password', 'short');
    await page.press('Enter', '\r');
    await page.reads('Password has fewer than 10 characters.');
    const [name, note] = await page.run(
      `[document.activeElement.name, document.getElementById(document.activeElement.getAttribute('aria-describedby')).textContent]`,
    );
    assert.deepEqual([name, note], ['password', 'Password has fewer than 10 characters.']);
  });

  test('tasks are added, ticked off, looked for and read by keyboard alone', async (t) => {
    const { page, state } = await visit(t, '/', { titles: ['Order paper', 'Call the binder'] });
    await page.reads('Call the binder');
    await page.press('n', 'n');
    await page.until(`document.activeElement.id === 'add-task'`);
    assert.equal(await page.run(`document.activeElement.value`), '', 'the key itself is not typed');
    await page.type('New task', 'Buy stamps');
    await page.press('Enter', '\r');
    await page.reads('Buy stamps');
    await page.click('Done: Order paper');
    await page.until(`!document.body.innerText.includes('Order paper')`);
    assert.equal(state.tasks.find(({ number }) => number === 1).status, 'done');
    await page.run(`document.activeElement.blur()`);
    await page.press('/', '/');
    await page.until(`document.activeElement.id === 'search'`);
    await page.type('Search', 'binder');
    await page.until(`document.querySelectorAll('.list li').length === 1`);
    await page.run(`document.querySelector('.list .title').focus()`);
    await page.press('Enter', '\r');
    await page.until(`document.querySelector('.panel')`);
    assert.equal(await page.run('location.pathname'), '/o/o1/tasks/2');
    await page.press('Escape');
    await page.until(`location.pathname === '/o/o1'`);
  });

  test('what people write is text, never markup', async (t) => {
    const { page } = await visit(t, '/o/o1/tasks/1', { titles: [evil] });
    await page.until(`document.querySelector('.said')`);
    assert.equal(await page.run(`document.querySelectorAll('img[src="x"]').length`), 0);
    assert.equal(await page.run(`document.querySelector('.list .title').textContent`), evil);
    assert.equal(await page.run(`document.querySelector('.said').textContent`), evil);
    assert.notEqual(await page.run('document.title'), 'pwned');
  });

  test('a server that is in trouble is said, and the page goes on with it', async (t) => {
    const { page, state } = await visit(t, '/', { titles: ['Order paper'] });
    await page.reads('Order paper');
    state.broken = true;
    await page.type('New task', 'Not lost');
    await page.press('Enter', '\r');
    await page.reads('The database cannot be reached.');
    assert.equal(await page.run(`document.getElementById('add-task').value`), 'Not lost');
    state.broken = false;
    await page.type('New task', 'Not lost');
    await page.press('Enter', '\r');
    await page.until(`document.querySelector('.list').innerText.includes('Not lost') && !document.querySelector('.failure')`);
  });

  test('an invitation is kept over signing in, and its token leaves the address', async (t) => {
    const { page, state } = await visit(t, '/join#secret-token', { organisations: [], signedIn: false });
    await page.reads('You have been invited.');
    assert.equal(await page.run('location.href.includes("secret-token")'), false);
    await page.type('E-mail', ada.email);
    await page.type('Password', 'right password');
    await page.press('Enter', '\r');
    await page.click('Accept the invitation');
    await page.until(`location.pathname === '/o/o2'`);
    assert.equal(state.accepted, 'secret-token');
  });

  test('who has no organisation yet is asked for one; without tasks the page says what to do', async (t) => {
    const { page } = await visit(t, '/', { organisations: [] });
    await page.reads('Where do your tasks belong?');
    const { page: other } = await visit(t, '/');
    await other.reads('No tasks yet');
  });

  test('an address that means nothing says so', async (t) => {
    const { page } = await visit(t, '/o/somebody-elses');
    await page.reads('There is nothing here');
  });
});
