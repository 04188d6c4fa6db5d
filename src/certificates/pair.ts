import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { BadPair, type CertificateFacts, type CertificateProblemCode, type KeyKind } from './facts.ts';
import { namesOf } from './names.ts';

/** A certificate with its chain and its private key, checked to belong together. */
export interface Pair {
  readonly facts: CertificateFacts;
  /** PEM: the certificate first, then its chain in order. */
  readonly cert: string;
  /** PEM, not encrypted. Never to be logged or sent anywhere. */
  readonly key: string;
}

export interface PairTexts {
  readonly name: string;
  readonly certFile: string;
  readonly cert: string;
  readonly keyFile: string;
  readonly key: string;
}

const certificateBlock = /-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g;
/** Browsers refuse less. */
const leastRsaBits = 2_048;

/** @throws BadPair when this cannot be served. Dates are not looked at: a certificate that has run out is still better than none. */
export function readPair({ name, certFile, cert, keyFile, key }: PairTexts): Pair {
  const certificates = parseCertificates(cert, certFile);
  const privateKey = parseKey(key, keyFile);
  const leaf = certificates.find((candidate) => candidate.checkPrivateKey(privateKey));
  if (!leaf) {
    throw bad('KEY_MISMATCH', keyFile, {
      message: `The key in ${keyFile} does not belong to the certificate in ${certFile}.`,
      fix: 'Put the key that the certificate was requested with beside it.',
    });
  }
  const { names, addresses } = namesOf(leaf.subjectAltName);
  if (names.length + addresses.length === 0) {
    throw bad('CERTIFICATE_NAMELESS', certFile, {
      message: `The certificate in ${certFile} names no host in its subjectAltName; no client looks at the common name any more.`,
      fix: 'Have it issued with the host names as subjectAltName.',
    });
  }
  const chain = chainOf(leaf, certificates);
  return {
    facts: {
      name,
      names,
      addresses,
      key: kindOf(privateKey, keyFile),
      issuer: issuerOf(leaf),
      selfSigned: leaf.checkIssued(leaf),
      notBefore: Date.parse(leaf.validFrom),
      notAfter: Date.parse(leaf.validTo),
      fingerprint: leaf.fingerprint256,
    },
    cert: chain.map((one) => one.toString()).join(''),
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
  };
}

function parseCertificates(text: string, file: string): X509Certificate[] {
  const unreadable = (cause?: unknown): BadPair =>
    bad(
      'CERTIFICATE_UNREADABLE',
      file,
      {
        message: `${file} holds no certificate that can be read as PEM.`,
        fix: `Is it whole? One in DER form becomes PEM by: openssl x509 -inform der -in ${file} -out NEW.crt`,
      },
      cause,
    );
  const blocks = text.match(certificateBlock);
  // A block that was begun and not ended: half a file.
  if (!blocks || blocks.length !== text.split('-----BEGIN CERTIFICATE-----').length - 1) throw unreadable();
  try {
    return blocks.map((block) => new X509Certificate(block));
  } catch (cause) {
    throw unreadable(cause);
  }
}

function parseKey(text: string, file: string): KeyObject {
  if (/-----BEGIN ENCRYPTED PRIVATE KEY-----|^Proc-Type: 4,ENCRYPTED/m.test(text)) {
    throw bad('KEY_ENCRYPTED', file, {
      message: `The key in ${file} is encrypted, and nobody is there to type its passphrase when a worker starts.`,
      fix: `openssl pkey -in ${file} -out NEW.key && chmod 600 NEW.key`,
    });
  }
  // The whole block, so that half a file is never half a key.
  const block = /-----BEGIN ((?:EC |RSA )?PRIVATE KEY)-----[\s\S]+?-----END \1-----/.exec(text)?.[0];
  try {
    return createPrivateKey(block ?? '');
  } catch {
    // Without the cause: what OpenSSL says of a key is nobody's business.
    throw bad('KEY_UNREADABLE', file, {
      message: `${file} holds no private key that can be read as PEM.`,
      fix: 'Is it whole? It begins with -----BEGIN PRIVATE KEY-----.',
    });
  }
}

function kindOf(key: KeyObject, file: string): KeyKind {
  const { asymmetricKeyType: type, asymmetricKeyDetails: details } = key;
  if (type === 'ec') return 'ecdsa';
  if (type === 'ed25519') return 'ed25519';
  if (type === 'rsa' && (details?.modulusLength ?? 0) >= leastRsaBits) return 'rsa';
  throw bad('KEY_WEAK', file, {
    message:
      type === 'rsa'
        ? `The RSA key in ${file} has ${details?.modulusLength} bits; clients want at least ${leastRsaBits}.`
        : `The key in ${file} is of a kind (${type}) that clients do not take.`,
    fix: 'Have the certificate issued for an ECDSA (P-256) or an RSA key of 2048 bits.',
  });
}

/** The certificate and those that vouch for it, each for the one before; what belongs to none of them is left out. */
function chainOf(leaf: X509Certificate, all: readonly X509Certificate[]): X509Certificate[] {
  const chain = [leaf];
  let last = leaf;
  for (;;) {
    const next = all.find((one) => !chain.includes(one) && last.checkIssued(one));
    if (!next) return chain;
    chain.push(next);
    last = next;
  }
}

function issuerOf(leaf: X509Certificate): string {
  const parts = leaf.issuer.split('\n');
  const part = (key: string): string | undefined => parts.find((line) => line.startsWith(`${key}=`))?.slice(key.length + 1);
  return part('CN') ?? part('O') ?? parts.join(', ');
}

function bad(
  code: CertificateProblemCode,
  file: string,
  { message, fix }: { readonly message: string; readonly fix: string },
  cause?: unknown,
): BadPair {
  return new BadPair({ code, file, message, fix }, { cause });
}
