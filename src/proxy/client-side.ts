import type { OutgoingHttpHeader, OutgoingHttpHeaders } from 'node:http';
import type { Socket } from 'node:net';
import type { Writable } from 'node:stream';
import type { LastRequest } from './linger.ts';

/** A request as the proxy sees it, whatever version of HTTP its client speaks. node:http's own is one. */
export interface ClientRequest {
  readonly method?: string | undefined;
  url?: string | undefined;
  /** 0 for HTTP/1.0 alone, which knows no interim answers. */
  readonly httpVersionMinor: number;
  readonly rawHeaders: readonly string[];
  /** Complete once the body has ended. */
  readonly rawTrailers: readonly string[];
  on(event: 'data', listener: (chunk: Buffer) => void): unknown;
  on(event: 'end', listener: () => void): unknown;
  pause(): unknown;
  resume(): unknown;
}

/** The way of an answer to its client. node:http's own is one. Destroyed before its end the client sees that it is not whole. */
export interface ClientAnswer extends Writable {
  statusCode: number;
  readonly headersSent: boolean;
  /** The connection that the answer has to itself; null where it shares one. */
  readonly socket: Socket | null;
  /** What is answered, where an answer can be the last of its connection. */
  readonly req?: LastRequest;
  writeHead(status: number, headers?: OutgoingHttpHeaders | OutgoingHttpHeader[]): this;
  writeHead(status: number, statusText?: string, headers?: OutgoingHttpHeaders | OutgoingHttpHeader[]): this;
  setHeader(name: string, value: string): unknown;
  addTrailers(trailers: OutgoingHttpHeaders | readonly [string, string][]): void;
  flushHeaders(): void;
  /** 100 Continue. */
  writeContinue(): void;
  /** Another interim answer; without it the connection takes its lines. @param headers flat name/value pairs. */
  inform?(status: number, headers: readonly string[]): void;
}
