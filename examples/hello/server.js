import { createServer } from 'node:http'
import { page } from './page.js'
import { greeting, version } from './release.js'

const port = Number(process.env.PORT ?? 3000)
const host = process.env.HOST ?? '127.0.0.1'

let visits = 0

const routes = {
  '/': {
    GET: (_request, response) => {
      visits += 1
      send(response, 200, 'text/html; charset=utf-8', page({ message: greeting(visits), version }))
    },
  },
  '/health': {
    GET: (_request, response) => {
      send(response, 200, 'application/json', JSON.stringify({ status: 'ok', version }))
    },
  },
  '/greet': { POST: greetByName },
  '/events': { GET: streamEvents },
}

const server = createServer((request, response) => {
  const path = request.url.split('?', 1)[0]
  const route = Object.hasOwn(routes, path) ? routes[path] : undefined
  if (!route) return send(response, 404, 'text/plain; charset=utf-8', 'Not found\n')
  const method = request.method === 'HEAD' ? 'GET' : request.method
  if (!Object.hasOwn(route, method)) {
    response.setHeader('allow', route.GET ? 'GET, HEAD' : 'POST')
    return send(response, 405, 'text/plain; charset=utf-8', 'Method not allowed\n')
  }
  try {
    route[method](request, response)
  } catch (error) {
    console.error(error)
    send(response, 500, 'text/plain; charset=utf-8', 'Something went wrong\n')
  }
})

/** Greets whoever the body names, up to 100 characters. */
function greetByName(request, response) {
  let name = ''
  request.setEncoding('utf8')
  request.on('data', (part) => {
    name = (name + part).slice(0, 100)
  })
  request.on('end', () => send(response, 200, 'text/plain; charset=utf-8', `Hello, ${name.trim() || 'stranger'}\n`))
}

/** One event at once, then one per second, numbered from 1; a browser that reconnects goes on where it stopped. */
function streamEvents(request, response) {
  response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store', 'x-version': version })
  if (request.method === 'HEAD') return response.end()
  const last = Number(request.headers['last-event-id'])
  let sequence = Number.isSafeInteger(last) && last > 0 ? last : 0
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
    'x-version': version,
  })
  response.end(body)
}

server.listen(port, host, () => {
  const address = server.address()
  const name = address.family === 'IPv6' ? `[${address.address}]` : address.address
  console.log(`hello ${version} listening on http://${name}:${address.port}`)
})
