const assert = require('node:assert/strict');
const { after, before, beforeEach, describe, test } = require('node:test');
const { startApi, startSite } = require('./support/site');

const projects = [
  { slug: 'tidewatch', title: 'Tidewatch', summary: 'Tides & <times>.', url: 'https://tidewatch.example', tags: ['Maps'], year: 2026 },
  { slug: 'paper-trail', title: 'Paper Trail', summary: 'Letters.', url: null, tags: ['Search'], year: 2025 },
  { slug: 'quiet-queue', title: 'Quiet Queue', summary: 'A waiting room.', url: null, tags: [], year: 2024 },
  { slug: 'first-one', title: 'First One', summary: 'Old.', url: null, tags: [], year: 2019 },
];

const healthy = (method, path) => {
  if (method === 'GET' && path === '/api/projects') return { body: projects };
  if (method === 'POST' && path === '/api/contact') return { status: 201, body: { received: true } };
  return { status: 404 };
};

describe('the site', () => {
  let api;
  let site;
  let answer;

  before(async () => {
    api = await startApi((...question) => answer(...question));
    site = await startSite({ API_URL: api.url });
  });
  beforeEach(() => {
    answer = healthy;
    api.asked.length = 0;
  });
  after(async () => {
    await site?.stop();
    await api?.stop();
  });

  const get = async (path) => {
    const response = await fetch(site.url + path);
    return { status: response.status, text: await response.text(), headers: response.headers };
  };

  test('every page has its title, one main heading and the navigation, and marks where one is', async () => {
    for (const [path, title] of [
      ['/', 'Mira Holt, software engineer'],
      ['/about', 'About | Mira Holt'],
      ['/projects', 'Projects | Mira Holt'],
      ['/contact', 'Contact | Mira Holt'],
    ]) {
      const { status, text } = await get(path);
      assert.equal(status, 200, path);
      assert.ok(text.includes(`<title>${title}</title>`), path);
      assert.equal(text.match(/<h1/g).length, 1, path);
      for (const link of ['/projects', '/about', '/contact']) assert.ok(text.includes(`href="${link}"`), `${path} -> ${link}`);
      if (path !== '/') assert.match(text, new RegExp(`<a aria-current="page"[^>]* href="${path}"`), path);
    }
  });

  test('projects come from the API at run time, never from the build', async () => {
    const { text } = await get('/projects');
    for (const { title } of projects) assert.ok(text.includes(title), title);
    assert.ok(text.includes('Tides &amp; &lt;times&gt;.'));
    answer = () => ({ body: [{ ...projects[0], title: 'Brand New' }] });
    const changed = await get('/projects');
    assert.ok(changed.text.includes('Brand New'));
    assert.ok(!changed.text.includes('Paper Trail'));
  });

  test('the home page shows the three newest projects', async () => {
    const { text } = await get('/');
    for (const { title } of projects.slice(0, 3)) assert.ok(text.includes(title), title);
    assert.ok(!text.includes('First One'));
  });

  test('without the API the home page stays, health stays, and the projects page is an error', async () => {
    answer = () => ({ status: 503 });
    const home = await get('/');
    assert.equal(home.status, 200);
    assert.ok(!home.text.includes('Tidewatch'));
    assert.equal((await get('/health')).status, 200);
    assert.equal((await get('/projects')).status, 500);
  });

  test('health is not cached', async () => {
    const { status, text, headers } = await get('/health');
    assert.equal(status, 200);
    assert.deepEqual(JSON.parse(text), { status: 'ok' });
    assert.equal(headers.get('cache-control'), 'no-store');
  });

  test('an unknown page is a 404', async () => {
    const { status, text } = await get('/nothing');
    assert.equal(status, 404);
    assert.ok(text.includes('Nothing here'));
  });

  test('nothing is loaded from another host', async () => {
    const { text } = await get('/');
    assert.doesNotMatch(text, /<(?:script|link|img)[^>]+(?:src|href)="(?:https?:)?\/\//);
    const styles = text.match(/\/_next\/static\/[^"]+\.css/g);
    assert.ok(styles.length > 0);
    for (const style of new Set(styles)) {
      const css = await get(style);
      assert.equal(css.status, 200);
      assert.doesNotMatch(css.text, /@import|url\(["']?https?:/);
    }
  });

  test('the contact form works without script: it is posted, delivered and thanked for', async () => {
    const page = await get('/contact');
    assert.match(page.text, /<form[^>]*action="\/contact\/send"[^>]*method="post"|<form[^>]*method="post"[^>]*action="\/contact\/send"/);
    const body = new URLSearchParams({ name: 'Ada', email: 'ada@example.org', message: 'About tide tables.', website: '' });
    const answered = await fetch(`${site.url}/contact/send`, { method: 'POST', body, redirect: 'manual', headers: { 'x-forwarded-for': '192.0.2.9' } });
    assert.equal(answered.status, 303);
    assert.equal(answered.headers.get('location'), '/contact?sent');
    const [sent] = api.asked;
    assert.deepEqual(JSON.parse(sent.body), { name: 'Ada', email: 'ada@example.org', message: 'About tide tables.', website: '' });
    assert.match(sent.headers['x-forwarded-for'], /192\.0\.2\.9/);
    assert.ok((await get('/contact?sent')).text.includes('Thank you'));
    assert.match((await get('/contact?problem')).text, /role="alert"/);
  });

  test('with script the visitor reads the reasons of the API, and a failure as such', async () => {
    const send = async () => {
      const headers = { accept: 'application/json' };
      const response = await fetch(`${site.url}/contact/send`, { method: 'POST', headers, body: new URLSearchParams({ name: 'Ada' }) });
      return { status: response.status, ...(await response.json()) };
    };
    answer = () => ({ status: 400, body: { message: ['email must be an email'] } });
    assert.deepEqual(await send(), { status: 400, reasons: ['email must be an email'] });
    answer = () => ({ status: 429, body: { message: 'Too many messages' } });
    assert.deepEqual(await send(), { status: 429, reasons: ['Too many messages'] });
    answer = () => ({ status: 500, body: { message: 'Internal server error' } });
    const { status, reasons } = await send();
    assert.equal(status, 502);
    assert.doesNotMatch(reasons[0], /Internal/);
    answer = () => ({ status: 201 });
    assert.deepEqual(await send(), { status: 200 });
  });
});
