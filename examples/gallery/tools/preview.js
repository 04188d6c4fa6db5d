// Shows the site at http://127.0.0.1:8000 while you edit it. Requests for /api go to the counter on port 3001, if it runs.
import { readFile } from 'node:fs/promises'
import { createServer, request as ask } from 'node:http'
import { extname, join, normalize } from 'node:path'
import { fileURLToPath } from 'node:url'

const site = fileURLToPath(new URL('../site', import.meta.url))
const types = {
  '.html': 'text/html; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.jpg': 'image/jpeg',
  '.png': 'image/png',
}

function forward(request, response) {
  const { method, url, headers } = request
  const upstream = ask({ host: '127.0.0.1', port: process.env.API_PORT ?? 3001, method, path: url, headers }, (answer) => {
    response.writeHead(answer.statusCode, answer.headers)
    answer.pipe(response)
  })
  upstream.on('error', () => response.writeHead(502).end())
  request.pipe(upstream)
}

async function serveFile(path, response) {
  const file = join(site, normalize(path.endsWith('/') ? `${path}index.html` : path))
  try {
    const body = await readFile(file)
    response.writeHead(200, { 'content-type': types[extname(file)] ?? 'text/plain; charset=utf-8', 'cache-control': 'no-store' })
    response.end(body)
  } catch {
    response.writeHead(404, { 'content-type': types['.html'] })
    response.end(await readFile(join(site, '404.html')))
  }
}

const server = createServer((request, response) => {
  const path = request.url.split('?', 1)[0]
  if (path.startsWith('/api/')) forward(request, response)
  else void serveFile(path, response)
})

server.listen(Number(process.env.PORT ?? 8000), '127.0.0.1', () => {
  console.log(`http://127.0.0.1:${server.address().port}`)
})
