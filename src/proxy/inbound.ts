import { type IncomingHttpHeaders, IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { type RequestHead, readRequestHead } from './request-head.ts';

/** node declares `headers` as a plain property, although it is an accessor of the prototype: without it ours can be one, too. */
const Message = IncomingMessage as unknown as Omit<typeof IncomingMessage, 'prototype'> &
  (new (
    socket: Socket,
  ) => Omit<IncomingMessage, 'headers'>);

/**
 * A request as node:http hands it over, with its header lines read once, by us. node's own reading of all of them into an object
 * would cost more than the routing; what node itself asks for (Expect, TE) is answered from ours.
 */
export class Inbound extends Message {
  declare private _head: RequestHead | undefined;
  declare private _upgrade: boolean | null;

  get head(): RequestHead {
    if (this._head === undefined) {
      this._head = readRequestHead(this.rawHeaders);
      // HTTP/1.0 knows no interim answer: its client would take one for the final one.
      if (this.httpVersionMinor === 0) this._head.expect = undefined;
    }
    return this._head;
  }

  get headers(): IncomingHttpHeaders {
    const { expect } = this.head;
    return expect === undefined ? none : { expect };
  }

  /** HTTP/2 is not spoken to instances: an offer to switch to it is passed over and the request served as it is. */
  get upgrade(): boolean {
    return this._upgrade === true && (this.method === 'CONNECT' || !/\bh2c\b/i.test(this.head.upgrade ?? ''));
  }

  set upgrade(asked: boolean | null) {
    this._upgrade = asked;
  }
}

const none: IncomingHttpHeaders = {};
