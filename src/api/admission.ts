import { createHash, timingSafeEqual } from 'node:crypto';
import { SignalboxError } from '../domain/errors.ts';

/**
 * A check of `authorization: Bearer <token>` whose duration tells nothing about the token.
 * The returned function throws UNAUTHORISED.
 */
export function tokenGuard(token: string): (authorization: string | undefined) => void {
  const expected = digest(token);
  return (authorization) => {
    const given = /^Bearer +([^\s]+)$/i.exec(authorization ?? '')?.[1];
    if (given === undefined)
      throw new SignalboxError('UNAUTHORISED', 'The request carries no token (`authorization: Bearer <token>`).');
    if (!timingSafeEqual(digest(given), expected))
      throw new SignalboxError('UNAUTHORISED', 'The token is not the one of this control plane.');
  };
}

/**
 * The same for clients that know nothing but HTTP Basic, such as git: the token is the password, and the name is free.
 * The returned function gives the name, and throws UNAUTHORISED.
 */
export function passwordGuard(token: string): (authorization: string | undefined) => string {
  const expected = digest(token);
  return (authorization) => {
    const given = /^Basic +([A-Za-z0-9+/=_-]{1,4096})$/i.exec(authorization ?? '')?.[1];
    if (given === undefined)
      throw new SignalboxError('UNAUTHORISED', 'The request carries no token (any user name; the password is the token).');
    const [, name = '', password = ''] = /^([^:]*):(.*)$/s.exec(Buffer.from(given, 'base64').toString('utf8')) ?? [];
    if (!timingSafeEqual(digest(password), expected))
      throw new SignalboxError('UNAUTHORISED', 'The token is not the one of this control plane.');
    return name;
  };
}

/** Of equal length whatever the token's, as the comparison needs it. */
const digest = (text: string): Buffer => createHash('sha256').update(text).digest();

const loopbackNames = /^(?:localhost|(?:[a-z0-9-]+\.)*localhost|127(?:\.\d{1,3}){3}|\[::1\])(?::\d{1,5})?$/i;

/**
 * Refuses names that merely resolve to this machine: a web page anywhere can make a browser call `http://its.name:7070` after
 * pointing that name at 127.0.0.1. @throws HOST_REFUSED
 */
export function requireLoopbackName(host: string | undefined): void {
  if (host !== undefined && loopbackNames.test(host)) return;
  throw new SignalboxError(
    'HOST_REFUSED',
    `The API answers on this machine only, and not as ${JSON.stringify((host ?? '').slice(0, 100))}.`,
  );
}

/** Whether an address the API is bound to is reachable from this machine alone. */
export const isLoopback = (address: string): boolean =>
  address === 'localhost' || address === '::1' || address.startsWith('127.');
