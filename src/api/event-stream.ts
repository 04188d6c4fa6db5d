import { once } from 'node:events';
import type { ServerResponse } from 'node:http';

/** Server-sent events to one client, which may be slow, gone, or coming back. */
export interface EventStream {
  /**
   * Sends one event. Returns false once the client is gone or has been given up: it may resume with `Last-Event-ID`.
   * @param id what the client sends back as `Last-Event-ID`.
   */
  send(event: string, body: unknown, id?: string): boolean;
  /** Resolves when the client has read most of what was sent, or is gone: for producers that can wait. */
  ready(): Promise<void>;
  /** Aborts when the client has gone, by whichever side. */
  readonly gone: AbortSignal;
  end(): void;
}

export interface EventStreamOptions {
  /** Between comments that keep middlemen from closing an idle stream; a client that reads nothing for four is dropped. Default 15 s. */
  readonly heartbeatMs?: number;
  /** Bytes that may wait for a client that does not read; with more, the next event drops the client. Default 1 MiB. */
  readonly bufferBytes?: number;
}

export function openEventStream(response: ServerResponse, options: EventStreamOptions = {}): EventStream {
  const { heartbeatMs = 15_000, bufferBytes = 1024 * 1024 } = options;
  const gone = new AbortController();
  response.writeHead(200, {
    'content-type': 'text/event-stream; charset=utf-8',
    'cache-control': 'no-store',
    'x-accel-buffering': 'no',
  });
  response.flushHeaders();
  response.socket?.setNoDelay(true);
  const write = (text: string): boolean => {
    if (gone.signal.aborted || response.writableEnded) return false;
    if (response.writableLength > bufferBytes) {
      response.destroy();
      return false;
    }
    response.write(text);
    return true;
  };
  let unread = 0;
  const beat = setInterval(() => {
    unread = response.writableLength === 0 ? 0 : unread + 1;
    if (unread >= 4) response.destroy();
    else if (unread === 0) write(': beat\n\n');
  }, heartbeatMs);
  response.on('close', () => {
    clearInterval(beat);
    gone.abort();
  });
  response.on('error', () => response.destroy());
  return {
    send: (event, body, id) =>
      write(`${id === undefined ? '' : `id: ${id}\n`}event: ${event}\ndata: ${JSON.stringify(body)}\n\n`),
    ready: async () => {
      if (response.writableLength <= bufferBytes / 4 || gone.signal.aborted) return;
      await once(response, 'drain', { signal: gone.signal }).catch(() => undefined);
    },
    gone: gone.signal,
    end: () => {
      clearInterval(beat);
      response.end();
    },
  };
}
