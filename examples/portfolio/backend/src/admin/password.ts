import { type ScryptOptions, scrypt, timingSafeEqual } from 'node:crypto';

/** Whether `password` belongs to `encoded`, which is what scripts/hash-password.js prints. Throws when it is not of that form. */
export async function verifyPassword(password: string, encoded: string): Promise<boolean> {
  const [name, cost, blockSize, parallelization, salt, hash] = encoded.split(':');
  if (name !== 'scrypt' || !salt || !hash) throw new Error('ADMIN_PASSWORD_HASH is not the output of "npm run hash-password"');
  const expected = Buffer.from(hash, 'base64url');
  const [N, r, p] = [Number(cost), Number(blockSize), Number(parallelization)];
  const actual = await derive(password, Buffer.from(salt, 'base64url'), expected.length, { N, r, p, maxmem: 256 * N * r });
  return timingSafeEqual(actual, expected);
}

function derive(password: string, salt: Buffer, length: number, options: ScryptOptions): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    scrypt(password, salt, length, options, (error, key) => (error ? reject(error) : resolve(key)));
  });
}
