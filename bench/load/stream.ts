import { connect } from 'node:net';
import { faultOf, type Target } from './connection.ts';
import type { DropKind } from './contract.ts';
import { MalformedAnswer, type ResponseHead, ResponseParser } from './response-parser.ts';

export type StreamEnd =
  | { readonly kind: 'clean' }
  | { readonly kind: 'stopped' }
  | { readonly kind: 'client'; readonly detail: string }
  | { readonly kind: 'drop'; readonly drop: DropKind; readonly detail: string };

/** What makes a websocket or an event stream out of a connection; made anew for each. */
export interface StreamProtocol {
  readonly request: Buffer;
  /** Sent before the client itself leaves. */
  readonly farewell?: Buffer;
  /** @returns why this answer is no stream, undefined when it is one. */
  refuse(head: ResponseHead): { readonly drop: DropKind; readonly detail: string } | undefined;
  /** Bytes behind the head. @returns the stream's end when they hold it. */
  data(chunk: Buffer, send: (bytes: Buffer) => void): StreamEnd | undefined;
  /** The body's framing says that it is over. */
  framingEnded(): StreamEnd;
  /** A clean close of the connection where no end had been said. */
  closed(): StreamEnd;
}

export interface OpenStream {
  readonly ended: Promise<StreamEnd>;
  /** Leaves in good order; `ended` then says `stopped` unless it had ended before. */
  stop(): void;
}

export interface StreamHooks {
  opened(): void;
}

/** Opens one long-lived stream. It ends exactly once, whatever happens. */
export function openStream(target: Target, protocol: StreamProtocol, silenceMs: number, hooks: StreamHooks): OpenStream {
  const socket = connect({ host: target.host, port: target.port, noDelay: true });
  const { promise: ended, resolve } = withResolvers<StreamEnd>();
  let accepted = false;
  let over = false;

  const finish = (end: StreamEnd | undefined): void => {
    if (end === undefined || over) return;
    over = true;
    clearTimeout(timer);
    if (end.kind === 'clean' || end.kind === 'stopped') socket.end();
    else socket.destroy();
    setTimeout(() => socket.destroy(), 1000).unref();
    resolve(end);
  };
  const drop = (kind: DropKind, detail: string): void => finish({ kind: 'drop', drop: kind, detail });
  const timer = setTimeout(
    () => drop('timed-out', accepted ? `silent for ${silenceMs} ms` : 'no answer to the handshake'),
    silenceMs,
  );

  const body = (chunk: Buffer): void => {
    timer.refresh();
    finish(protocol.data(chunk, (bytes) => socket.write(bytes)));
  };
  const parser = new ResponseParser('GET', {
    head: (head) => {
      const refusal = protocol.refuse(head);
      if (refusal) {
        drop(refusal.drop, refusal.detail);
        return;
      }
      accepted = true;
      hooks.opened();
    },
    body: (chunk) => {
      if (!over) body(chunk);
    },
  });

  socket.on('data', (chunk) => {
    if (over) return;
    if (parser.upgraded) {
      body(chunk);
      return;
    }
    try {
      parser.push(chunk);
    } catch (error) {
      if (!(error instanceof MalformedAnswer)) throw error;
      drop(accepted ? 'stream-cut' : 'wrong-answer', error.message);
      return;
    }
    if (parser.upgraded && parser.rest().length > 0) body(parser.rest());
    if (parser.complete && accepted) finish(protocol.framingEnded());
  });
  socket.on('error', (error) => {
    const fault = faultOf(error);
    if (fault.fault === 'client') finish({ kind: 'client', detail: fault.detail });
    else if (accepted) drop('stream-cut', fault.detail);
    else drop(fault.fault, fault.detail);
  });
  socket.on('end', () => {
    if (accepted) finish(protocol.closed());
    else drop(parser.started ? 'truncated' : 'reset', 'closed inside the handshake');
  });
  socket.write(protocol.request);

  return {
    ended,
    stop: () => {
      if (!over && accepted && protocol.farewell) socket.write(protocol.farewell);
      finish({ kind: 'stopped' });
    },
  };
}

export function withResolvers<Value>(): {
  promise: Promise<Value>;
  resolve: (value: Value) => void;
  reject: (cause: unknown) => void;
} {
  let resolve!: (value: Value) => void;
  let reject!: (cause: unknown) => void;
  const promise = new Promise<Value>((yes, no) => {
    resolve = yes;
    reject = no;
  });
  return { promise, resolve, reject };
}

/** Why an answer with the wrong status opens no stream. */
export function refusalOf(head: ResponseHead, wanted: string): { readonly drop: DropKind; readonly detail: string } {
  return { drop: head.status >= 500 ? 'proxy-5xx' : 'wrong-answer', detail: `status ${head.status} instead of ${wanted}` };
}
