import { fork } from 'node:child_process';
import { once } from 'node:events';
import type { FromClient, ToClient } from './client-protocol.ts';
import type { LoadOptions, LoadReport, LoadTotals } from './contract.ts';
import { compiledClient } from './program.ts';
import { withResolvers } from './stream.ts';

export interface Load {
  readonly pid: number;
  /** As of the last tenth of a second. */
  totals(): LoadTotals;
  /** Resolves when requests that start from now on are timed under this name. */
  mark(phase: string): Promise<void>;
  /** Starts no more requests, waits for those in flight, ends the process. */
  stop(): Promise<LoadReport>;
  /** The report when the load has ended. Rejects when the client's process dies without one. */
  readonly done: Promise<LoadReport>;
}

/**
 * Load made by a process of its own, so that making it does not disturb what it measures. Never retries.
 * Resolves when the load has begun; the process ends with the load or with this one.
 * @param program the compiled client; default: compiled on first use (needs esbuild, which a checkout has).
 * @throws Error when the options are refused.
 */
export async function startLoad(options: LoadOptions, program?: string): Promise<Load> {
  const child = fork(program ?? (await compiledClient()), [], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    serialization: 'advanced',
  });
  const exited = once(child, 'exit');
  const begun = withResolvers<void>();
  const ended = withResolvers<LoadReport>();
  const marks = new Map<string, () => void>();
  let totals: LoadTotals | undefined;

  child.on('message', (message: FromClient) => {
    switch (message.type) {
      case 'totals':
        totals = message.totals;
        begun.resolve();
        break;
      case 'marked':
        marks.get(message.phase)?.();
        marks.delete(message.phase);
        break;
      case 'report':
        totals = message.report;
        ended.resolve(message.report);
        break;
      case 'failed':
        ended.reject(new Error(`The load client refused: ${message.message}`));
        break;
    }
  });
  child.on('error', (cause) => ended.reject(new Error('The load client could not be started.', { cause })));
  child.on('exit', (code, signal) => ended.reject(new Error(`The load client ended without a report (${signal ?? code}).`)));
  ended.promise.catch(begun.reject);

  const send = (message: ToClient): void => {
    if (child.connected) child.send(message);
  };
  send({ type: 'start', options });
  await begun.promise;

  const done = ended.promise.then(async (report) => {
    await exited;
    return report;
  });
  done.catch(() => undefined);
  return {
    pid: child.pid!,
    totals: () => totals!,
    mark: (phase) =>
      new Promise((resolve) => {
        marks.set(phase, resolve);
        child.once('exit', () => resolve());
        send({ type: 'mark', phase });
      }),
    stop: () => {
      send({ type: 'stop' });
      return done;
    },
    done,
  };
}
