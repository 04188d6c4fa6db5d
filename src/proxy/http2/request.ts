import { METHODS } from 'node:http';
import type { ServerHttp2Stream } from 'node:http2';
import type { ClientRequest } from '../client-side.ts';
import { type RequestHead, readRequestHead } from '../request-head.ts';

/** Headers that mean one connection of HTTP/1 and have no place in HTTP/2. The library below refuses them already. */
const ofConnections = new Set(['connection', 'keep-alive', 'proxy-connection', 'transfer-encoding', 'upgrade', 'http2-settings']);

/** Those that HTTP/1 lets in. */
const methods: ReadonlySet<string> = new Set(METHODS);

/** A request that has come in over HTTP/2, in the form that it has in HTTP/1. */
export class Http2Request implements ClientRequest {
  readonly method: string;
  url: string;
  readonly httpVersionMinor = 1;
  readonly rawHeaders: readonly string[];
  rawTrailers: readonly string[] = [];
  readonly head: RequestHead;
  /** Why it is refused, undefined when it is sound. */
  readonly fault: string | undefined;
  /** Of all names and values. */
  readonly headerBytes: number;
  readonly #stream: ServerHttp2Stream;

  /** @param raw flat name/value pairs as received, pseudo-headers included. */
  constructor(stream: ServerHttp2Stream, raw: readonly string[]) {
    this.#stream = stream;
    const read = translate(raw);
    this.method = read.method;
    this.url = read.path;
    this.rawHeaders = read.headers;
    this.headerBytes = raw.reduce((sum, text) => sum + text.length, 0);
    this.head = readRequestHead(read.headers);
    // A body of unknown length is sent on in chunks.
    if (!stream.endAfterHeaders && this.head.contentLength === -1) this.head.transferEncoding = 'chunked';
    this.fault = read.fault ?? faultOf(this);
    stream.on('trailers', (_headers: unknown, _flags: unknown, rawTrailers: string[]) => {
      this.rawTrailers = rawTrailers;
    });
  }

  on(event: 'data', listener: (chunk: Buffer) => void): this;
  on(event: 'end', listener: () => void): this;
  on(event: 'data' | 'end', listener: (chunk: Buffer) => void): this {
    const stream = this.#stream;
    if (event === 'data') {
      stream.on('data', listener);
    } else {
      // A stream that was reset ends, too, to those who read it; that is not the end of its body.
      stream.on('end', () => {
        if (!stream.aborted) listener(nothing);
      });
    }
    return this;
  }

  pause(): void {
    this.#stream.pause();
  }

  resume(): void {
    this.#stream.resume();
  }
}

const nothing = Buffer.alloc(0);

interface Translated {
  readonly method: string;
  readonly path: string;
  readonly headers: readonly string[];
  readonly fault: string | undefined;
}

function translate(raw: readonly string[]): Translated {
  const headers: string[] = [];
  let [method, path, authority, host, cookie]: (string | undefined)[] = [];
  let fault: string | undefined;
  for (let i = 0; i + 1 < raw.length; i += 2) {
    const name = raw[i] as string;
    const value = raw[i + 1] as string;
    if (name === ':method') method = value;
    else if (name === ':path') path = value;
    else if (name === ':authority') authority = value;
    else if (name === ':scheme') {
      if (value !== 'https' && value !== 'http') fault = 'The scheme is neither https nor http.';
    } else if (name.startsWith(':')) fault = 'The request carries a pseudo-header that means nothing here.';
    else if (name === 'cookie') cookie = cookie === undefined ? value : `${cookie}; ${value}`;
    else if (name === 'host') {
      if (host !== undefined) fault = 'The request names more than one host.';
      host = value;
    } else if (ofConnections.has(name)) fault = 'The request carries a header of HTTP/1 connections.';
    else headers.push(name, value);
  }
  if (authority !== undefined && host !== undefined && authority.toLowerCase() !== host.toLowerCase()) {
    fault = 'The authority and the Host header name different hosts.';
  }
  headers.push('host', authority ?? host ?? '');
  // Its crumbs are one header to everybody else.
  if (cookie !== undefined) headers.push('cookie', cookie);
  return { method: method ?? '', path: path ?? '', headers, fault };
}

function faultOf({ method, url, head, rawHeaders }: Http2Request): string | undefined {
  if (method === '' || (url === '' && method !== 'CONNECT')) return 'The request has no method or no path.';
  if (!methods.has(method)) return 'The method is none of HTTP.';
  if (head.host === '') return 'The request names no host.';
  if (/[^!-~]/.test(url)) return 'The request target holds what has to be escaped.';
  if (url.includes('#')) return 'A request target has no fragment.';
  if (url !== '' && url !== '*' && !url.startsWith('/')) return 'The request target is not a path.';
  for (let i = 0; i < rawHeaders.length; i += 2) {
    if (rawHeaders[i] === 'content-length' && !/^\d+$/.test(rawHeaders[i + 1] ?? '')) return 'The content length is no number.';
  }
  return undefined;
}
