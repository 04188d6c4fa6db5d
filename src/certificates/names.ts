/** Names and addresses of a subjectAltName as node prints it: `DNS:a.test, IP Address:127.0.0.1`, odd values in quotes. */
export function namesOf(subjectAltName: string | undefined): { readonly names: string[]; readonly addresses: string[] } {
  const names: string[] = [];
  const addresses: string[] = [];
  for (const entry of subjectAltName?.match(/[A-Za-z ]+:(?:"(?:[^"\\]|\\.)*"|[^,]*)/g) ?? []) {
    const colon = entry.indexOf(':');
    const kind = entry.slice(0, colon).trim();
    const value = entry
      .slice(colon + 1)
      .trim()
      .toLowerCase();
    if (kind === 'DNS' && hostName.test(value)) names.push(value);
    else if (kind === 'IP Address') addresses.push(shortest(value));
  }
  return { names, addresses };
}

/** A star stands for one whole label, the first. */
const hostName = /^(?:\*\.)?[a-z0-9_](?:[a-z0-9_-]*)(?:\.[a-z0-9_-]+)*$/;

/**
 * Whether clients take a certificate's name for a host: itself, or one level below for a wildcard. One for all of a top-level domain
 * (`*.localhost`) counts for nothing with most of them.
 */
export function covers(name: string, host: string): boolean {
  if (!name.startsWith('*.')) return name === host;
  if (!name.includes('.', 2)) return false;
  const dot = host.indexOf('.');
  return dot > 0 && host.slice(dot) === name.slice(1);
}

/** The one form of an IPv6 address that URLs have. */
export function shortest(address: string): string {
  if (!address.includes(':') || !URL.canParse(`http://[${address}]/`)) return address;
  return new URL(`http://[${address}]/`).hostname.slice(1, -1);
}
