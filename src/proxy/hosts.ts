/** Anything outside a host name, an IPv4 address or a bracketed IPv6 address with an optional port. */
const wellFormed = /^(?:[a-z0-9_](?:[a-z0-9._-]*)|\[[0-9a-f:.]+\])(?::\d{0,5})?$/i;

/**
 * The host of a Host header as the table spells it: lower-case, without port and trailing dot.
 * Empty (a request of HTTP/1.0) is the host that nobody claims; undefined when it is no host at all, which is a 400.
 */
export function normalHost(header: string): string | undefined {
  if (header === '') return '';
  if (!wellFormed.test(header)) return undefined;
  const portAt = header.endsWith(']') ? -1 : header.lastIndexOf(':');
  const host = (portAt === -1 ? header : header.slice(0, portAt)).toLowerCase();
  return host.endsWith('.') ? host.slice(0, -1) : host;
}

/** `www.example.com` -> `example.com`; undefined when there is no further label. One level, as wildcards go. */
export function parentHost(host: string): string | undefined {
  const dot = host.indexOf('.');
  return dot === -1 ? undefined : host.slice(dot + 1);
}
