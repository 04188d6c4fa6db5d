import { createCipheriv, createDecipheriv, randomBytes, scrypt } from 'node:crypto';

/** Bytes sealed by a passphrase: scrypt makes the key, AES-256-GCM encrypts. Plain JSON, so that it can be read with other tools. */
export interface Sealed {
  readonly kdf: { readonly name: 'scrypt'; readonly n: number; readonly r: number; readonly p: number; readonly salt: string };
  readonly cipher: 'aes-256-gcm';
  /** Base64, like `salt`, `tag` and `data`. */
  readonly nonce: string;
  readonly tag: string;
  readonly data: string;
}

/** 64 MiB and a quarter of a second. */
const cost = { n: 2 ** 16, r: 8, p: 1 };
/** More than that nobody has sealed: a file from elsewhere must not take the machine's memory. */
const dearest = { n: 2 ** 20, r: 16, p: 4 };

/** @param purpose bound to the result: what was sealed for one purpose does not open for another. */
export async function sealWith(passphrase: string, data: Uint8Array, purpose: string): Promise<Sealed> {
  const salt = randomBytes(16);
  const key = await derive(passphrase, { ...cost, salt });
  const nonce = randomBytes(12);
  const cipher = createCipheriv('aes-256-gcm', key, nonce).setAAD(Buffer.from(purpose));
  const encrypted = Buffer.concat([cipher.update(data), cipher.final()]);
  return {
    kdf: { name: 'scrypt', ...cost, salt: salt.toString('base64') },
    cipher: 'aes-256-gcm',
    nonce: nonce.toString('base64'),
    tag: cipher.getAuthTag().toString('base64'),
    data: encrypted.toString('base64'),
  };
}

/** Null: another passphrase, another purpose, or it was changed. */
export async function openWith(passphrase: string, sealed: Sealed, purpose: string): Promise<Buffer | null> {
  const { n, r, p, salt } = sealed.kdf;
  const whole = [n, r, p].every((one) => Number.isSafeInteger(one) && one > 0);
  if (!whole || n > dearest.n || r > dearest.r || p > dearest.p || (n & (n - 1)) !== 0 || n < 2) return null;
  const tag = Buffer.from(sealed.tag, 'base64');
  const nonce = Buffer.from(sealed.nonce, 'base64');
  if (tag.length !== 16 || nonce.length !== 12) return null;
  const key = await derive(passphrase, { n, r, p, salt: Buffer.from(salt, 'base64') });
  const decipher = createDecipheriv('aes-256-gcm', key, nonce, { authTagLength: 16 })
    .setAAD(Buffer.from(purpose))
    .setAuthTag(tag);
  try {
    return Buffer.concat([decipher.update(Buffer.from(sealed.data, 'base64')), decipher.final()]);
  } catch {
    return null;
  }
}

/** Undefined for anything that is not of this form. */
export function readSealed(value: unknown): Sealed | undefined {
  const one = value as Partial<Sealed> | null;
  if (typeof one !== 'object' || one === null || one.cipher !== 'aes-256-gcm' || one.kdf?.name !== 'scrypt') return undefined;
  const texts = [one.nonce, one.tag, one.data, one.kdf.salt];
  return texts.every((text) => typeof text === 'string') ? (one as Sealed) : undefined;
}

const derive = (
  passphrase: string,
  { n, r, p, salt }: { readonly n: number; readonly r: number; readonly p: number; readonly salt: Buffer },
): Promise<Buffer> =>
  new Promise((resolve, reject) => {
    scrypt(passphrase.normalize('NFC'), salt, 32, { N: n, r, p, maxmem: 256 * n * r }, (error, key) =>
      error ? reject(error) : resolve(key),
    );
  });
