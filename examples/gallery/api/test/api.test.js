import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { serve } from '@hono/node-server'
import Database from 'libsql'
import { createApp } from '../app.js'
import { openStore } from '../store.js'

const NOON = Date.UTC(2026, 5, 1, 12)
const DAY = 86_400_000

async function temporaryFolder(t) {
  const folder = await mkdtemp(join(tmpdir(), 'gallery-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  return folder
}

/** The app on a real socket, with a clock that the test moves. */
async function start(t, folder) {
  const clock = { time: NOON }
  const store = openStore(folder ?? (await temporaryFolder(t)))
  const app = createApp({ store, trustProxy: true, now: () => clock.time })
  const server = serve({ fetch: app.fetch, port: 0, hostname: '127.0.0.1' })
  await once(server, 'listening')
  t.after(async () => {
    server.closeAllConnections()
    server.close()
    await once(server, 'close')
    store.close()
  })
  const url = `http://127.0.0.1:${server.address().port}/api`
  const visit = async (page, headers = {}) => {
    const response = await fetch(`${url}/visits`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify({ page }),
    })
    return { status: response.status, body: await response.json() }
  }
  const get = async (path) => (await fetch(`${url}${path}`)).json()
  return { url, clock, store, visit, get }
}

const from = (address, browser = 'Firefox') => ({ 'x-forwarded-for': address, 'user-agent': browser })

test('views are counted per page, visitors once per page and day', async (t) => {
  const { visit, get } = await start(t)
  await visit('/coast.html', from('192.0.2.1'))
  await visit('/coast.html', from('192.0.2.1'))
  await visit('/coast.html', from('192.0.2.2'))
  const { body } = await visit('/coast.html', from('192.0.2.2', 'Safari'))
  assert.deepEqual(body, { page: '/coast.html', views: 4, visitors: 3 })
  await visit('/index.html', from('192.0.2.1'))
  assert.deepEqual(await get('/visits?page=/'), { page: '/', views: 1, visitors: 1 })
  assert.deepEqual(await get('/stats'), {
    pages: [
      { page: '/coast.html', views: 4 },
      { page: '/', views: 1 },
    ],
    days: [{ day: '2026-06-01', views: 5, visitors: 3 }],
  })
})

test('a request that asks not to be tracked counts as a view and leaves no visitor', async (t) => {
  const { visit } = await start(t)
  await visit('/', { ...from('192.0.2.1'), 'sec-gpc': '1' })
  const { body } = await visit('/', { ...from('192.0.2.1'), dnt: '1' })
  assert.deepEqual(body, { page: '/', views: 2, visitors: 0 })
})

test('the next day forgets who came, and keeps how many', async (t) => {
  const folder = await temporaryFolder(t)
  const { visit, clock, get } = await start(t, folder)
  await visit('/', from('192.0.2.1'))
  const db = new Database(join(folder, 'gallery.db'))
  t.after(() => db.close())
  const before = db.prepare('SELECT visitor FROM seen').all().map((row) => row.visitor)
  clock.time += DAY
  const { body } = await visit('/', from('192.0.2.1'))
  assert.deepEqual(body, { page: '/', views: 1, visitors: 1 })
  const after = db.prepare('SELECT day, visitor FROM seen').all()
  assert.ok(after.every((row) => row.day === '2026-06-02' && !before.includes(row.visitor)))
  assert.equal(db.prepare('SELECT count(*) AS n FROM keys').get().n, 1)
  assert.equal((await get('/stats')).days.length, 2)
})

test('no address and no browser reaches the disk', async (t) => {
  const folder = await temporaryFolder(t)
  const { visit } = await start(t, folder)
  await visit('/', from('198.51.100.77', 'VeryRareBrowser'))
  for (const file of await readdir(folder)) {
    const bytes = await readFile(join(folder, file), 'latin1')
    assert.ok(!bytes.includes('198.51.100.77') && !bytes.includes('VeryRareBrowser'), file)
  }
})

test('what is no page of the site is refused, and so is a flood of invented pages', async (t) => {
  const { url, visit } = await start(t)
  for (const page of ['', 'coast.html', '/a b', '/../x', '//host', '/<b>', '/x.php', `/${'a'.repeat(90)}`, 7, null]) {
    assert.equal((await visit(page)).status, 400, String(page))
  }
  const broken = await fetch(`${url}/visits`, { method: 'POST', body: '{' })
  assert.equal(broken.status, 400)
  const large = await fetch(`${url}/visits`, { method: 'POST', body: JSON.stringify({ page: '/', more: 'x'.repeat(4096) }) })
  assert.equal(large.status, 413)
  const answers = []
  for (let number = 0; number < 205; number += 1) answers.push((await visit(`/page-${number}`)).status)
  assert.equal(answers[0], 200)
  assert.equal(answers.at(-1), 429)
  assert.equal((await visit('/page-0')).status, 200)
})

test('health is 503 when the database cannot be read', async (t) => {
  const folder = await temporaryFolder(t)
  const { url } = await start(t, folder)
  assert.deepEqual(await (await fetch(`${url}/healthz`)).json(), { status: 'ok', database: 'up' })
  const db = new Database(join(folder, 'gallery.db'))
  db.exec('DROP TABLE keys')
  db.close()
  const failing = await fetch(`${url}/healthz`)
  assert.equal(failing.status, 503)
  assert.deepEqual(await failing.json(), { status: 'failing', database: 'down' })
})

test('two processes count into one file without losing a view', async (t) => {
  const folder = await temporaryFolder(t)
  const urls = await Promise.all([0, 1].map(() => startProcess(t, folder)))
  const visits = Array.from({ length: 60 }, (_, number) =>
    fetch(`${urls[number % 2]}/api/visits`, { method: 'POST', body: JSON.stringify({ page: '/' }) }),
  )
  for (const response of await Promise.all(visits)) assert.equal(response.status, 200)
  assert.equal((await (await fetch(`${urls[0]}/api/visits?page=/`)).json()).views, 60)
})

async function startProcess(t, folder) {
  const child = spawn(process.execPath, ['server.js'], {
    cwd: fileURLToPath(new URL('..', import.meta.url)),
    env: { ...process.env, PORT: '0', HOST: '127.0.0.1', DATA_DIR: folder },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  t.after(async () => {
    if (child.exitCode !== null || child.signalCode !== null) return
    child.kill()
    await once(child, 'exit')
  })
  const [line] = await once(createInterface(child.stdout), 'line', { signal: AbortSignal.timeout(10_000) })
  return line.match(/http:\S+/)[0]
}
