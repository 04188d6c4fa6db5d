import { createHash, createPublicKey, generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto';
import { isIP } from 'node:net';
import { bits, boolean, integer, objectId, octets, sequence, setOf, tagged, time, utf8 } from './der.ts';

/** A certificate that was made here, with its key. PEM. */
export interface Issued {
  readonly cert: string;
  readonly key: string;
}

export interface Authority extends Issued {
  /** Common name; what the certificates it signs say of their issuer. */
  readonly name: string;
}

interface Term {
  readonly notBefore: Date;
  readonly notAfter: Date;
}

const oid = {
  commonName: '2.5.4.3',
  ecdsaWithSha256: '1.2.840.10045.4.3.2',
  basicConstraints: '2.5.29.19',
  keyUsage: '2.5.29.15',
  extendedKeyUsage: '2.5.29.37',
  serverAuth: '1.3.6.1.5.5.7.3.1',
  subjectAltName: '2.5.29.17',
  nameConstraints: '2.5.29.30',
  subjectKey: '2.5.29.14',
  authorityKey: '2.5.29.35',
} as const;

/**
 * An authority of one's own (ECDSA P-256) that can vouch for nothing but `domains` (each with all below it) and `networks`: its key
 * is worth nothing for the rest of the web, even on a machine that trusts it.
 * @param networks as [address bytes, mask bytes].
 */
export function makeAuthority(what: {
  readonly name: string;
  readonly domains: readonly string[];
  readonly networks: readonly (readonly [Uint8Array, Uint8Array])[];
  readonly term: Term;
}): Authority {
  const { name, domains, networks, term } = what;
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const permitted = [
    ...domains.map((domain) => sequence(tagged(2, false, Buffer.from(domain)))),
    ...networks.map(([address, mask]) => sequence(tagged(7, false, address, mask))),
  ];
  const cert = certificate({
    subject: name,
    issuer: name,
    publicKey,
    term,
    signer: privateKey,
    extensions: [
      extension(oid.basicConstraints, sequence(boolean(true), integer(Buffer.from([0]))), true),
      // keyCertSign, cRLSign
      extension(oid.keyUsage, bits(Buffer.from([0b0000_0110]), 1), true),
      extension(oid.nameConstraints, sequence(tagged(0, true, ...permitted)), true),
      extension(oid.subjectKey, octets(keyId(publicKey))),
    ],
  });
  return { name, cert, key: pem(privateKey) };
}

/** A server's certificate (ECDSA P-256) for host names and addresses, signed by an authority that was made here. */
export function issueCertificate(authority: Authority, what: { readonly names: readonly string[]; readonly term: Term }): Issued {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const cert = certificate({
    subject: what.names[0] ?? 'localhost',
    issuer: authority.name,
    publicKey,
    term: what.term,
    signer: authority.key,
    extensions: [
      extension(oid.basicConstraints, sequence(), true),
      // digitalSignature
      extension(oid.keyUsage, bits(Buffer.from([0b1000_0000]), 7), true),
      extension(oid.extendedKeyUsage, sequence(objectId(oid.serverAuth))),
      extension(oid.subjectAltName, sequence(...what.names.map(alternativeName))),
      extension(oid.subjectKey, octets(keyId(publicKey))),
      extension(oid.authorityKey, sequence(tagged(0, false, keyId(createPublicKey(authority.cert))))),
    ],
  });
  return { cert, key: pem(privateKey) };
}

interface Draft {
  readonly subject: string;
  readonly issuer: string;
  readonly publicKey: KeyObject;
  readonly term: Term;
  readonly signer: KeyObject | string;
  readonly extensions: readonly Uint8Array[];
}

function certificate({ subject, issuer, publicKey, term, signer, extensions }: Draft): string {
  const algorithm = sequence(objectId(oid.ecdsaWithSha256));
  const serial = randomBytes(16);
  serial[0] = ((serial[0] ?? 0) & 0x7f) | 0x40;
  const content = sequence(
    tagged(0, true, integer(Buffer.from([2]))),
    integer(serial),
    algorithm,
    commonName(issuer),
    sequence(time(term.notBefore), time(term.notAfter)),
    commonName(subject),
    publicKey.export({ type: 'spki', format: 'der' }),
    tagged(3, true, sequence(...extensions)),
  );
  const whole = sequence(content, algorithm, bits(sign('sha256', content, signer)));
  const lines = whole.toString('base64').match(/.{1,64}/g) ?? [];
  return `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`;
}

const commonName = (name: string): Buffer => sequence(setOf(sequence(objectId(oid.commonName), utf8(name.slice(0, 64)))));

const extension = (id: string, value: Uint8Array, critical = false): Buffer =>
  sequence(objectId(id), ...(critical ? [boolean(true)] : []), octets(value));

function alternativeName(name: string): Buffer {
  return isIP(name) === 0 ? tagged(2, false, Buffer.from(name)) : tagged(7, false, addressBytes(name));
}

/** Of a literal IPv4 or IPv6 address. */
export function addressBytes(address: string): Buffer {
  if (isIP(address) === 4) return Buffer.from(address.split('.').map(Number));
  const [left = '', right] = new URL(`http://[${address}]/`).hostname.slice(1, -1).split('::');
  const groups = (part: string): number[] => (part === '' ? [] : part.split(':').map((group) => Number.parseInt(group, 16)));
  const [before, after] = [groups(left), groups(right ?? '')];
  const all = [...before, ...Array.from({ length: 8 - before.length - after.length }, () => 0), ...after];
  return Buffer.from(all.flatMap((group) => [group >> 8, group & 0xff]));
}

/** SHA-1 of the key as the standard suggests: a name, not a safeguard. */
function keyId(key: KeyObject): Buffer {
  return createHash('sha1')
    .update(key.export({ type: 'spki', format: 'der' }))
    .digest();
}

const pem = (key: KeyObject): string => key.export({ type: 'pkcs8', format: 'pem' }).toString();
