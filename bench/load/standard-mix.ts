import type { LoadOptions, MixItem } from './contract.ts';

export const benchedHost = 'benched.localhost';

/** The traffic of bars.md for bench/app: 10 % orders, 5 % answers slower than a second, the rest pages of both sizes. */
export const standardMix: readonly MixItem[] = [
  { name: 'page', weight: 65, method: 'GET', path: '/', bytes: 1024 },
  { name: 'head', weight: 3, method: 'HEAD', path: '/' },
  { name: 'big', weight: 7, method: 'GET', path: '/big', bytes: 64 * 1024 },
  { name: 'api', weight: 10, method: 'GET', path: '/api/health' },
  { name: 'order', weight: 10, method: 'POST', path: '/api/orders', order: true },
  { name: 'slow', weight: 5, method: 'GET', path: '/slow?ms=1200', bytes: 1024 },
];

export interface StandardLoad {
  readonly port: number;
  /** Requests per second. */
  readonly rate?: number;
  readonly connections?: number;
  /** Websockets and event streams, each. Default 100. */
  readonly streams?: number;
}

export function standardLoad(load: StandardLoad): LoadOptions {
  const count = load.streams ?? 100;
  return {
    target: { host: '127.0.0.1', port: load.port },
    hostHeader: benchedHost,
    mix: standardMix,
    connections: load.connections ?? 64,
    newConnections: 0.25,
    ...(load.rate === undefined ? {} : { rate: load.rate }),
    ...(count === 0
      ? {}
      : { websockets: { count, path: '/api/socket?everyMs=500' }, events: { count, path: '/events?everyMs=500' } }),
  };
}
