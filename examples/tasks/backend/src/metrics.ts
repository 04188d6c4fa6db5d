import { freemem, loadavg, totalmem } from 'node:os';
import type { FastifyInstance } from 'fastify';
import { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from 'prom-client';
import type { Parts } from './parts.ts';

const registry = new Registry();
collectDefaultMetrics({ register: registry });

const requestSeconds = new Histogram({
  name: 'http_request_duration_seconds',
  help: 'Time from request to the end of its response, by route pattern',
  labelNames: ['method', 'route', 'status'],
  buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5],
  registers: [registry],
});

export const logins = new Counter({
  name: 'tasks_sign_ins_total',
  help: 'Attempts to sign in',
  labelNames: ['result'],
  registers: [registry],
});

export const tasksCreated = new Counter({ name: 'tasks_created_total', help: 'Tasks made by this instance', registers: [registry] });

const load: Gauge = new Gauge({
  name: 'system_load_average_1m',
  help: 'Processes that run or wait to run on this machine, over a minute',
  collect: () => load.set(loadavg()[0] ?? 0),
  registers: [registry],
});
const memory: Gauge<'kind'> = new Gauge({
  name: 'system_memory_bytes',
  help: 'Memory of this machine',
  labelNames: ['kind'],
  collect: () => {
    memory.set({ kind: 'total' }, totalmem());
    memory.set({ kind: 'available' }, freemem());
  },
  registers: [registry],
});
const tasks = new Gauge({ name: 'tasks', help: 'Tasks in the database, by status', labelNames: ['status'], registers: [registry] });
const mails = new Gauge({ name: 'tasks_mails_waiting', help: 'Mails that have not been sent yet', registers: [registry] });

/** Measures every request, and answers /metrics: outside /api, so that a public route on /api does not publish it. */
export function addMetrics(app: FastifyInstance, { database, mails: queue }: Parts): void {
  app.addHook('onResponse', async (request, reply) => {
    const { method, routeOptions } = request;
    requestSeconds.observe({ method, route: routeOptions.url ?? 'unmatched', status: reply.statusCode }, reply.elapsedTime / 1000);
  });
  app.get('/metrics', { logLevel: 'warn' }, async (request, reply) => {
    // Without the database or Redis the other figures are wanted most of all.
    await Promise.all([
      countTasks(database).catch((error: unknown) => request.log.warn({ err: error }, 'tasks were not counted')),
      queue.waiting().then(
        (waiting) => mails.set(waiting),
        (error: unknown) => {
          mails.remove();
          request.log.warn({ err: error }, 'mails were not counted');
        },
      ),
    ]);
    return reply.type(registry.contentType).send(await registry.metrics());
  });
}

async function countTasks(database: Parts['database']): Promise<void> {
  tasks.reset();
  const { rows } = await database.query<{ status: string; count: string }>('SELECT status, count(*) FROM tasks GROUP BY status');
  for (const { status, count } of rows) tasks.set({ status }, Number(count));
}
