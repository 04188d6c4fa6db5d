import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { after, before, test } from 'node:test'
import { fileURLToPath } from 'node:url'

const source = fileURLToPath(new URL('..', import.meta.url))

async function start(folder = source) {
  const child = spawn(process.execPath, ['server.js'], {
    cwd: folder,
    env: { ...process.env, PORT: '0', HOST: '127.0.0.1' },
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  const [line] = await once(createInterface(child.stdout), 'line', { signal: AbortSignal.timeout(10_000) })
  const stop = async () => {
    if (child.exitCode === null && child.signalCode === null) {
      child.kill('SIGKILL')
      await once(child, 'exit')
    }
  }
  return { child, url: line.match(/http:\S+/)[0], stop }
}

let app
before(async () => {
  app = await start()
})
after(() => app.stop())

test('the home page greets and names its version', async () => {
  const response = await fetch(`${app.url}/`)
  assert.equal(response.status, 200)
  assert.match(response.headers.get('content-type'), /^text\/html/)
  const html = await response.text()
  assert.match(html, /<h1>Hello, first visitor<\/h1>/)
  assert.match(html, /<strong>v1<\/strong>/)
  assert.match(await (await fetch(`${app.url}/?from=test`)).text(), /<h1>Hello, world<\/h1>/)
})

test('health answers with status and version', async () => {
  const response = await fetch(`${app.url}/health`)
  assert.equal(response.status, 200)
  assert.deepEqual(await response.json(), { status: 'ok', version: 'v1' })
})

test('an unknown path is a 404 and a POST a 405', async () => {
  assert.equal((await fetch(`${app.url}/nothing`)).status, 404)
  assert.equal((await fetch(`${app.url}/constructor`)).status, 404)
  const posted = await fetch(`${app.url}/`, { method: 'POST', body: 'x' })
  assert.equal(posted.status, 405)
  assert.equal(posted.headers.get('allow'), 'GET, HEAD')
})

test('events arrive numbered while the response is still open', async () => {
  const stop = new AbortController()
  const response = await fetch(`${app.url}/events`, {
    signal: AbortSignal.any([stop.signal, AbortSignal.timeout(10_000)]),
  })
  assert.equal(response.headers.get('content-type'), 'text/event-stream')
  assert.equal(response.headers.get('x-version'), 'v1')
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader()
  let text = ''
  while (!text.includes('id: 2\n')) text += (await reader.read()).value
  assert.match(text, /^id: 1\ndata: {"sequence":1,"version":"v1"}\n\n/)
  stop.abort()
})

test('a stream that was cut goes on with the next number', async () => {
  const stop = new AbortController()
  const response = await fetch(`${app.url}/events`, {
    headers: { 'last-event-id': '41' },
    signal: AbortSignal.any([stop.signal, AbortSignal.timeout(10_000)]),
  })
  const { value } = await response.body.pipeThrough(new TextDecoderStream()).getReader().read()
  assert.match(value, /^id: 42\n/)
  stop.abort()
})

test('a POST is greeted by name and by the version that answers', async () => {
  const response = await fetch(`${app.url}/greet`, { method: 'POST', body: 'Ada' })
  assert.equal(response.headers.get('x-version'), 'v1')
  assert.equal(await response.text(), 'Hello, Ada\n')
  const asked = await fetch(`${app.url}/greet`)
  assert.equal(asked.status, 405)
  assert.equal(asked.headers.get('allow'), 'POST')
})

test('another release.js is another version, and its errors are 500s beside a good health check', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'hello-'))
  t.after(() => rm(folder, { recursive: true }))
  await cp(source, folder, { recursive: true })
  await writeFile(
    join(folder, 'release.js'),
    `export const version = 'v3'
     export function greeting(visit) {
       if (visit > 2) throw new Error('greeting cache is full')
       return 'Hello <again>'
     }`,
  )
  const broken = await start(folder)
  t.after(() => broken.stop())
  const first = await fetch(broken.url)
  assert.match(await first.text(), /Hello &lt;again&gt;/)
  assert.equal((await fetch(broken.url)).status, 200)
  assert.equal((await fetch(broken.url)).status, 500)
  assert.equal((await fetch(`${broken.url}/health`)).status, 200)
})

test('SIGTERM ends the process at once, even with a stream open', async () => {
  const victim = await start()
  const response = await fetch(`${victim.url}/events`)
  const rejected = assert.rejects(response.text())
  const ended = once(victim.child, 'exit', { signal: AbortSignal.timeout(5000) })
  victim.child.kill('SIGTERM')
  assert.deepEqual(await ended, [null, 'SIGTERM'])
  await rejected
})
