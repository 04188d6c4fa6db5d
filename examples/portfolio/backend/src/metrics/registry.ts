import { Counter, Histogram, Registry, collectDefaultMetrics } from 'prom-client';

export const registry = new Registry();
collectDefaultMetrics({ register: registry });

export const requestSeconds = new Histogram({
  name: 'http_request_duration_seconds',
  help: 'Time from request to the end of its response, by route pattern',
  labelNames: ['method', 'route', 'status'],
  buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5],
  registers: [registry],
});

export const messagesReceived = new Counter({
  name: 'portfolio_contact_messages_total',
  help: 'Messages stored from the contact form',
  registers: [registry],
});

export const logins = new Counter({
  name: 'portfolio_admin_logins_total',
  help: 'Attempts to log in to the admin panel',
  labelNames: ['result'],
  registers: [registry],
});
