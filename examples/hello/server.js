import { createServer } from 'node:http'
import { page } from './page.js'
import { greeting, version } from './release.js'

const port = Number(process.env.PORT ?? 3000)
const host = process.env.HOST ?? '127.0.0.1'

let visits = 0

const routes = {
  '/': (_request, response) => {
    visits += 1
    send(response, 200, 'text/html; charset=utf-8', page({ message: greeting(visits), version }))
  },
  '/health': (_request, response) => {
    send(response, 200, 'application/json', JSON.stringify({ status: 'ok', version }))
  },
  '/events': streamEvents,
}

const server = createServer((request, response) => {
  const path = request.url.split('?', 1)[0]
  const route = Object.hasOwn(routes, path) ? routes[path] : undefined
  if (!route) return send(response, 404, 'text/plain; charset=utf-8', 'Not found\n')
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    response.setHeader('allow', 'GET, HEAD')
    return send(response, 405, 'text/plain; charset=utf-8', 'Method not allowed\n')
  }
  try {
    route(request, response)
  } catch (error) {
    console.error(error)
    send(response, 500, 'text/plain; charset=utf-8', 'Something went wrong\n')
  }
})

/** One event at once, then one per second, numbered from 1 on each connection. */
function streamEvents(request, response) {
  response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' })
  if (request.method === 'HEAD') return response.end()
  let sequence = 0
  const next = () => {
    sequence += 1
    response.write(`id: ${sequence}\ndata: ${JSON.stringify({ sequence, version })}\n\n`)
  }
  next()
  const timer = setInterval(next, 1000)
  response.on('close', () => clearInterval(timer))
}

function send(response, status, type, body) {
  response.writeHead(status, {
    'content-type': type,
    'content-length': Buffer.byteLength(body),
    'cache-control': 'no-store',
  })
  response.end(body)
}

server.listen(port, host, () => {
  const address = server.address()
  const name = address.family === 'IPv6' ? `[${address.address}]` : address.address
  console.log(`hello ${version} listening on http://${name}:${address.port}`)
})
