import { X509Certificate } from 'node:crypto';
import { mkdir, readFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { addressBytes, type Authority, issueCertificate, makeAuthority } from './issue.ts';
import { localIssuer } from './facts.ts';
import { covers, shortest } from './names.ts';
import { readFiles } from './folder.ts';
import { writePair } from './store.ts';

const dayMs = 86_400_000;
/** Ten years: trusting it again every so often would teach people to click warnings away. */
const authorityMs = 3_650 * dayMs;
/** What Apple's clients accept at most is 825 days. */
const leafMs = 365 * dayMs;
const renewMs = 30 * dayMs;
/** Clocks of containers and virtual machines lag behind. */
const backdateMs = dayMs;

/** Names that never exist in the public DNS, with all below them. */
const domains = ['localhost', 'test', 'internal', 'home.arpa', 'lan', 'local'];
const networks = [
  ['127.0.0.0', '255.0.0.0'],
  ['10.0.0.0', '255.0.0.0'],
  ['172.16.0.0', '255.240.0.0'],
  ['192.168.0.0', '255.255.0.0'],
  ['::1', 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff'],
  ['fc00::', 'fe00::'],
] as const;

export interface LocalAuthority {
  /** What has to be trusted. */
  readonly certFile: string;
  readonly authority: Authority;
}

/**
 * The authority of an installation for names that are nobody's: made at first need, `ca.crt` and `ca.key` (0600) in `folder`.
 * @throws BadPair when what is there cannot be read; it is never replaced, since somebody may have trusted it.
 */
export async function openLocalAuthority(folder: string, now: Date): Promise<LocalAuthority> {
  const [certFile, keyFile] = [join(folder, 'ca.crt'), join(folder, 'ca.key')];
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const there = await readFile(certFile, 'utf8').catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === 'ENOENT') return undefined;
    throw cause;
  });
  if (there === undefined) {
    const made = makeAuthority({
      name: `${localIssuer} (${hostname().slice(0, 30)})`,
      domains,
      networks: networks.map(([address, mask]) => [addressBytes(address), addressBytes(mask)]),
      term: { notBefore: new Date(now.getTime() - backdateMs), notAfter: new Date(now.getTime() + authorityMs) },
    });
    await writePair(folder, 'ca', made);
  }
  return { certFile, authority: await readAuthority(certFile, keyFile) };
}

/**
 * Sees to a certificate `<name>.crt` and `<name>.key` in `folder` that covers `hosts` (host names or addresses) for another month at
 * least, and makes a new one if it does not.
 * @returns whether a new one was made.
 * @throws LocalNameRefused for a host that the authority may not vouch for.
 */
export async function ensureLocalCertificate(what: {
  readonly authority: Authority;
  readonly folder: string;
  readonly name: string;
  readonly hosts: readonly string[];
  readonly now: Date;
}): Promise<boolean> {
  const { authority, folder, name, now } = what;
  const hosts = [...new Set(what.hosts.map((host) => shortest(host.toLowerCase())))];
  for (const host of hosts) if (!isLocal(host)) throw new LocalNameRefused(host);
  const [certFile, keyFile] = [join(folder, `${name}.crt`), join(folder, `${name}.key`)];
  const there = await readFiles({ name, certFile, keyFile }).catch(() => undefined);
  if (there && there.facts.issuer === authority.name && there.facts.notAfter - now.getTime() > renewMs) {
    const { names, addresses } = there.facts;
    const missing = hosts.filter((host) => !addresses.includes(host) && !names.some((one) => one === host || covers(one, host)));
    if (missing.length === 0 && signedBy(there.cert, authority)) return false;
  }
  const issued = issueCertificate(authority, {
    names: hosts,
    term: { notBefore: new Date(now.getTime() - backdateMs), notAfter: new Date(now.getTime() + leafMs) },
  });
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await writePair(folder, name, issued);
  return true;
}

/** A host that only its own machine or network knows. */
export function isLocal(host: string): boolean {
  const bare = host.replace(/^\*\./, '');
  if (/^[\d.]+$/.test(bare)) return /^(?:127\.|10\.|192\.168\.|172\.(?:1[6-9]|2\d|3[01])\.)/.test(bare);
  if (bare.includes(':')) return bare === '::1' || /^f[cd]/.test(bare);
  return domains.some((domain) => bare === domain || bare.endsWith(`.${domain}`));
}

export class LocalNameRefused extends Error {
  readonly host: string;
  constructor(host: string) {
    super(`${host} is not a name that only this machine or network knows.`);
    this.name = 'LocalNameRefused';
    this.host = host;
  }
}

const signedBy = (cert: string, authority: Authority): boolean =>
  new X509Certificate(cert).verify(new X509Certificate(authority.cert).publicKey);

async function readAuthority(certFile: string, keyFile: string): Promise<Authority> {
  const cert = await readFile(certFile, 'utf8');
  const key = await readFile(keyFile, 'utf8');
  const parsed = new X509Certificate(cert);
  return { name: /^CN=(.*)$/m.exec(parsed.subject)?.[1] ?? localIssuer, cert, key };
}
