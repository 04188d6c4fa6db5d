import { fileURLToPath } from 'node:url';
import type { LoadOptions, LoadTotals } from '../load/contract.ts';
import { type Load, startLoad } from '../load/start.ts';

export const helloHost = 'hello.localhost';
/** Names the version that answered; a 5xx without it was not made by the app. */
const versionHeader = 'x-version';

export const load = { rate: 300, connections: 12, newConnections: 0.25, streams: 6 } as const;

const options = (port: number): LoadOptions => ({
  target: { host: '127.0.0.1', port },
  hostHeader: helloHost,
  appHeader: versionHeader,
  rate: load.rate,
  connections: load.connections,
  newConnections: load.newConnections,
  timeoutMs: 5000,
  events: { count: load.streams, path: '/events' },
  mix: [
    { name: 'page', weight: 70, method: 'GET', path: '/', check: 'status' },
    { name: 'health', weight: 10, method: 'GET', path: '/health', check: 'status' },
    { name: 'greeting', weight: 20, method: 'POST', path: '/greet', order: true, check: 'status' },
  ],
});

/** Load from a process of its own that never sends anything twice. */
export const startTraffic = (port: number): Promise<Load> =>
  startLoad(options(port), fileURLToPath(new URL('../demo/load-client.js', import.meta.url)));

/** One slice of what the client saw: answers by version, and what went wrong. */
export interface Slice {
  readonly answers: Readonly<Record<string, number>>;
  readonly errors: number;
  readonly dropped: number;
}

export function sliceBetween(before: LoadTotals | undefined, now: LoadTotals): Slice {
  const answers = Object.entries(now.apps).map(
    ([version, seen]) => [version, seen.answers - (before?.apps[version]?.answers ?? 0)] as const,
  );
  return {
    answers: Object.fromEntries(answers.filter(([, count]) => count > 0)),
    errors: now.appErrors - (before?.appErrors ?? 0),
    dropped: now.dropped - (before?.dropped ?? 0),
  };
}
