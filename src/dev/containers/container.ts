import { setTimeout as wait } from 'node:timers/promises';
import type { Engine } from '../../engine/client.ts';
import { isRefused, isUnavailable } from '../../engine/errors.ts';
import { demultiplex } from '../../engine/streams.ts';
import { readLines } from '../lines.ts';
import { listeningPort, settled } from '../listening.ts';
import type { Ended, Program } from '../program.ts';

export interface ContainerRequest {
  readonly name: string;
  readonly body: () => Record<string, unknown>;
  readonly marker: string;
  readonly onLine: (line: string) => void;
}

/** The last lines may come a moment after the end, ms. */
const lastLinesMs = 1000;
/** How long an engine that does not answer may keep the end waiting, ms. */
const patienceMs = 10_000;
const longestCallMs = 2_000_000_000;

/** One program in a container of its own, which is removed with its volumes when it ends. */
export function startContainer(engine: Engine, { name, body, marker, onLine }: ContainerRequest): Program {
  let id: string | undefined;
  let ending = false;
  let removing = false;
  const begun = settled();
  const givenUp = new AbortController();

  const life = async (): Promise<Ended> => {
    try {
      const created = await engine.call<{ readonly Id: string }>('POST', '/containers/create', {
        query: { name },
        body: body(),
        timeoutMs: 120_000,
      });
      if (!created.ok) return { code: null, signal: null, error: created.message };
      id = created.body.Id;
      if (ending) return { code: null, signal: 'SIGTERM' };
      const started = await engine.call('POST', `/containers/${id}/start`, { timeoutMs: 120_000 });
      if (!started.ok) return { code: null, signal: null, error: started.message };
      begun.settle();
      const output = follow(engine, { id, onLine, signal: givenUp.signal });
      const how = await exitOf(engine, id, givenUp.signal);
      await Promise.race([output, wait(lastLinesMs, undefined, { ref: false })]);
      return how;
    } catch (cause) {
      if (!isRefused(cause) && !isUnavailable(cause)) throw cause;
      return { code: null, signal: null, error: cause.message };
    } finally {
      removing = true;
      begun.settle();
      givenUp.abort();
      if (id !== undefined) await removeContainer(engine, id);
    }
  };
  const ended = life();
  ended.catch(() => {});

  const signal = async (signalName: string): Promise<void> => {
    if (id === undefined || removing) return;
    // Gone or ended meanwhile: that is what is wanted.
    await engine.call('POST', `/containers/${id}/kill`, { query: { signal: signalName } }).catch(() => {});
  };
  return {
    begun: begun.promise,
    ended,
    listening: async () => {
      if (id === undefined) return undefined;
      const answer = await engine.call<Inspected>('GET', `/containers/${id}/json`).catch(() => null);
      return answer?.ok === true && answer.body.State.Pid > 0 ? listeningPort(answer.body.State.Pid, marker) : undefined;
    },
    end: async (graceMs) => {
      ending = true;
      await begun.promise;
      if (graceMs > 0) {
        await signal('SIGTERM');
        await Promise.race([ended, wait(graceMs, undefined, { ref: false })]);
      }
      await signal('SIGKILL');
      const tooLong = wait(patienceMs, undefined, { ref: false }).then(() => givenUp.abort());
      await Promise.race([ended, tooLong]);
    },
  };
}

interface Inspected {
  readonly State: {
    readonly Running: boolean;
    readonly Pid: number;
    readonly ExitCode: number;
    readonly OOMKilled: boolean;
    readonly Error: string;
  };
}

/** Also an engine that is away for a while only delays the answer. */
async function exitOf(engine: Engine, id: string, over: AbortSignal): Promise<Ended> {
  for (;;) {
    try {
      const answer = await engine.call<{ readonly StatusCode: number }>('POST', `/containers/${id}/wait`, {
        timeoutMs: longestCallMs,
        signal: over,
      });
      if (!answer.ok) return { code: null, signal: null, error: 'its container was removed' };
      const seen = await engine.call<Inspected>('GET', `/containers/${id}/json`);
      if (seen.ok && seen.body.State.OOMKilled) return { code: null, signal: 'SIGKILL' };
      return endedBy(answer.body.StatusCode);
    } catch (cause) {
      if (over.aborted) return { code: null, signal: 'SIGKILL' };
      if (!isUnavailable(cause)) throw cause;
      await wait(500, undefined, { ref: false });
    }
  }
}

/** A shell's way to say that a signal ended what it ran. */
const signals: Readonly<Record<number, string>> = {
  129: 'SIGHUP',
  130: 'SIGINT',
  134: 'SIGABRT',
  137: 'SIGKILL',
  139: 'SIGSEGV',
  143: 'SIGTERM',
};

function endedBy(status: number): Ended {
  const signal = signals[status];
  return signal === undefined ? { code: status, signal: null } : { code: null, signal };
}

async function follow(
  engine: Engine,
  { id, onLine, signal }: { readonly id: string; readonly onLine: (line: string) => void; readonly signal: AbortSignal },
): Promise<void> {
  const readers = { stdout: readLines(onLine), stderr: readLines(onLine) };
  let since: number | undefined;
  while (!signal.aborted) {
    try {
      const stream = await engine.stream('GET', `/containers/${id}/logs`, {
        query: { follow: true, stdout: true, stderr: true, since },
        signal,
      });
      for await (const { from, data } of demultiplex(stream)) readers[from].push(data);
      break;
    } catch (cause) {
      if (signal.aborted || !isUnavailable(cause)) break;
      since = Math.floor(Date.now() / 1000);
      await wait(500, undefined, { ref: false });
    }
  }
  readers.stdout.flush();
  readers.stderr.flush();
}

/** With its unnamed volumes. What cannot be removed now is found by its label the next time. */
export async function removeContainer(engine: Engine, id: string): Promise<boolean> {
  const query = { force: true, v: true };
  return engine.call('DELETE', `/containers/${id}`, { query, timeoutMs: 20_000 }).then(
    (answer) => answer.ok || answer.status === 404,
    () => false,
  );
}
