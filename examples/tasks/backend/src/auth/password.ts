import { type ScryptOptions, randomBytes, scrypt, timingSafeEqual } from 'node:crypto';

/** About 0.1 s and 32 MiB for one password. Stored with each hash, so that it can be raised. */
const cost = { N: 2 ** 15, r: 8, p: 1 } as const;
const LENGTH = 32;

/** `scrypt:N:r:p:salt:hash`. */
export async function hashPassword(password: string): Promise<string> {
  const salt = randomBytes(16);
  const hash = await derive(password, salt, LENGTH, cost);
  return ['scrypt', cost.N, cost.r, cost.p, salt.toString('base64url'), hash.toString('base64url')].join(':');
}

/** Whether `password` belongs to `encoded`. Takes as long when there is no account, so that nobody learns whether there is one. */
export async function verifyPassword(password: string, encoded: string | undefined): Promise<boolean> {
  const [, N, r, p, salt = '', hash = ''] = (encoded ?? nobody).split(':');
  const expected = Buffer.from(hash, 'base64url');
  const actual = await derive(password, Buffer.from(salt, 'base64url'), expected.length, { N: Number(N), r: Number(r), p: Number(p) });
  return timingSafeEqual(actual, expected) && encoded !== undefined;
}

const nobody = `scrypt:${cost.N}:${cost.r}:${cost.p}:${'A'.repeat(22)}:${'A'.repeat(43)}`;

function derive(password: string, salt: Buffer, length: number, { N, r, p }: { N: number; r: number; p: number }): Promise<Buffer> {
  const options: ScryptOptions = { N, r, p, maxmem: 256 * N * r };
  return new Promise((resolve, reject) => {
    scrypt(password.normalize('NFC'), salt, length, options, (error, key) => (error ? reject(error) : resolve(key)));
  });
}
