/** An address that a repository is fetched from. */
export interface CloneUrl {
  readonly protocol: 'https' | 'http' | 'ssh';
  /** With the port where one was given. */
  readonly host: string;
  /** `owner/name`, groups included, without `.git`. */
  readonly path: string;
  /** As git is given it; carries no secret. */
  readonly href: string;
}

const forms = 'expected https://host/owner/name.git, ssh://git@host/owner/name.git or git@host:owner/name.git';

/**
 * Reads an address. Nothing in it may be taken for an option, another protocol or a path outside, and no password may be in it.
 * @param rules `plainLoopback`: http:// is taken for this machine itself
 * @returns the address, or why it is none.
 */
export function readCloneUrl(given: string, rules: { readonly plainLoopback: boolean }): CloneUrl | { readonly fault: string } {
  const written = /^([a-z_][a-z0-9_-]*)@([A-Za-z0-9.-]+):(?!\/)(.+)$/.exec(given);
  const text = written === null ? given : `ssh://${written[1]}@${written[2]}/${written[3]}`;
  const match = /^(https|http|ssh):\/\/(?:([^@/]*)@)?((?:[A-Za-z0-9](?:[A-Za-z0-9.-]*)|\[::1\])(?::\d{1,5})?)\/([^?#]+)$/.exec(
    text,
  );
  if (match === null) return { fault: forms };
  const [, protocol, user, host = '', rest = ''] = match;
  if (protocol !== 'ssh' && user !== undefined)
    return { fault: 'a user or password may not stand in the address: give the token on standard input (--token-stdin)' };
  if (protocol === 'ssh' && !/^[a-z_][a-z0-9_-]{0,31}$/.test(user ?? ''))
    return { fault: `over ssh a plain user is named, and no password; ${forms}` };
  const path = rest.replace(/\/+$/, '').replace(/\.git$/, '');
  const segments = path.split('/');
  if (
    path.length > 300 ||
    segments.some((segment) => !/^[A-Za-z0-9_~][A-Za-z0-9._~+-]*$/.test(segment) || segment.includes('..'))
  )
    return { fault: `its path has parts that are not taken; ${forms}` };
  if (protocol === 'http' && !(rules.plainLoopback && isLoopback(host)))
    return { fault: 'http:// would send the token and the source in the clear; use https:// or ssh' };
  const kept = rest.replace(/\/+$/, '');
  return {
    protocol: protocol as CloneUrl['protocol'],
    host: host.toLowerCase(),
    path,
    href: `${protocol}://${user === undefined ? '' : `${user}@`}${host.toLowerCase()}/${kept}`,
  };
}

const isLoopback = (host: string): boolean => /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])(?::\d+)?$/.test(host);
