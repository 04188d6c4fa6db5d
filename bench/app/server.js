// The app under the benches, one program for both services (`node server.js web|api`). Like most apps it knows nothing of SIGTERM: it dies at once.
import { createServer } from 'node:http';
import { send } from './answer.js';
import { migrated, record, recorded } from './orders.js';
import { events, socket } from './streams.js';

const role = process.argv[2] ?? 'web';
const { PORT = '0', HOST = '127.0.0.1' } = process.env;
const text = (bytes) =>
  Buffer.from('the quick brown fox jumps over the lazy dog; '.repeat(Math.ceil(bytes / 45)).slice(0, bytes));
const page = text(1024);
const big = text(64 * 1024);
/** Longest answer to `/slow`, ms. */
const slowest = 60_000;

const web = {
  'GET /': (request, response) => send(request, response, page),
  'GET /big': (request, response) => send(request, response, big),
  'GET /health': (request, response) => send(request, response, 'ok'),
  'GET /slow': (request, response, url) => {
    const ms = Math.min(Number(url.searchParams.get('ms') ?? 1200), slowest);
    setTimeout(() => send(request, response, page), ms);
  },
  'GET /events': events,
};

const api = {
  'GET /api/health': (request, response) => send(request, response, 'ok'),
  'POST /api/orders': record,
  'GET /api/orders': recorded,
  'GET /api/migrations': migrated,
};

const routes = role === 'api' ? api : web;

const server = createServer((request, response) => {
  request.arrivedAt = performance.timeOrigin + performance.now();
  const url = new URL(request.url, 'http://app');
  const method = request.method === 'HEAD' ? 'GET' : request.method;
  const route = routes[`${method} ${url.pathname}`];
  if (!route) return send(request, response, 'not found', 404);
  Promise.resolve(route(request, response, url)).catch((error) => {
    console.error(error);
    if (!response.headersSent) send(request, response, 'failed', 500);
    else response.destroy();
  });
});
if (role === 'api') server.on('upgrade', socket);
server.listen(Number(PORT), HOST, () => console.log(`${role} listening on ${server.address().port}`));
