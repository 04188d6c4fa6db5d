import { localIssuer } from '../../certificates/facts.ts';
import type { ProxyContext } from '../context.ts';
import { normalHost } from '../hosts.ts';
import type { OwnAnswer } from '../pages.ts';
import type { Placed, Placement } from '../placement.ts';
import { challengePath } from './challenges.ts';

/**
 * Where a request that came over HTTP has to go instead; undefined: nowhere. Only where a client finds HTTPS with a certificate for
 * the host that is valid now, so that nobody is ever sent to a warning.
 */
export function redirectOf(context: ProxyContext, hostHeader: string, target: string): OwnAnswer | undefined {
  const { certificates, handshakes, httpsPort } = context;
  if (handshakes === undefined || certificates.set.pairs.length === 0 || target.startsWith(challengePath)) return undefined;
  const host = normalHost(hostHeader);
  if (host === undefined || !certificates.set.secures(host, Date.now())) return undefined;
  return {
    status: 308,
    code: 'USE_HTTPS',
    detail: 'This address is served over HTTPS.',
    location: `https://${host}${httpsPort === 443 ? '' : `:${httpsPort}`}${target}`,
  };
}

/** The same place for a request that came over HTTPS: its cookie stays there, and its client is told to. */
export function secured(context: ProxyContext, placed: Placed, hostHeader: string | undefined): Placed {
  if (!('go' in placed)) return placed;
  const { cookie, edge } = placed.go;
  const promise = edge?.secured !== undefined && mayPromise(context, hostHeader ?? '');
  const go: Placement = {
    ...placed.go,
    cookie: cookie === undefined ? undefined : `${cookie}; Secure`,
    edge: promise ? edge.secured : edge,
  };
  return { go };
}

/**
 * Whether clients may be told to use HTTPS alone from now on. Not for names of this machine, where the next program on another port is
 * none of ours, nor with a certificate that a client trusts by exception.
 */
function mayPromise({ certificates }: ProxyContext, hostHeader: string): boolean {
  const host = normalHost(hostHeader);
  if (host === undefined || host === 'localhost' || host.endsWith('.localhost')) return false;
  const now = Date.now();
  if (!certificates.set.secures(host, now)) return false;
  return certificates.set.of(host, now).every(({ facts }) => !facts.selfSigned && !facts.issuer.startsWith(localIssuer));
}
