import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import type { SecretVersion } from '../../../domain/secrets.ts';
import type { WallTime } from '../../../domain/values.ts';

/**
 * One version of a secret as a file. The value is encrypted (AES-256-GCM) under a random key of its own, and that key under the key of the
 * installation. Both are bound to the place of the value: a file put in another one's place does not open. Whole numbers are big-endian.
 *
 *   0  format, 1            14  id of the installation key, 8     82  nonce of the value, 12
 *   1  flags: 1 = variable  22  nonce of the key, 12              94  tag of the value, 16
 *   2  made at, ms, 8       34  key, encrypted, 32               110  value, encrypted
 *  10  bytes, 4             66  tag of the key, 16
 */

const format = 1;
const factsEnd = 14;
const keyIdEnd = 22;
const headEnd = 110;
const cipherName = 'aes-256-gcm';

export interface InstallationKey {
  /** 8 bytes, hex. */
  readonly id: string;
  readonly key: Buffer;
}

/** Where a version belongs: names without NUL, so that no two places read the same. */
export interface EnvelopePlace {
  readonly app: string;
  readonly environment: string;
  readonly name: string;
  readonly version: number;
}

/** The file is not what was written there. */
export class BadEnvelope extends Error {}

export function sealEnvelope(
  value: Uint8Array,
  facts: { readonly place: EnvelopePlace; readonly createdAt: WallTime; readonly variable: boolean },
  key: InstallationKey,
): Buffer {
  const head = Buffer.alloc(factsEnd);
  head.writeUInt8(format, 0);
  head.writeUInt8(facts.variable ? 1 : 0, 1);
  head.writeBigUInt64BE(BigInt(Math.max(0, Math.trunc(facts.createdAt))), 2);
  head.writeUInt32BE(value.length, 10);
  const own = randomBytes(32);
  const bound = boundTo(head, facts.place);
  const nonce = randomBytes(12);
  const cipher = createCipheriv(cipherName, own, nonce).setAAD(bound);
  const encrypted = Buffer.concat([cipher.update(value), cipher.final()]);
  const wrapped = wrap(own, bound, key);
  own.fill(0);
  return Buffer.concat([head, wrapped, nonce, cipher.getAuthTag(), encrypted]);
}

/** @throws BadEnvelope, also for a key that `keyOf` does not know. */
export function openEnvelope(file: Buffer, place: EnvelopePlace, keyOf: (id: string) => Buffer | undefined): Buffer {
  const facts = readFacts(file);
  const bound = boundTo(file.subarray(0, factsEnd), place);
  const own = unwrap(file, bound, keyOf);
  const decipher = createDecipheriv(cipherName, own, file.subarray(82, 94), { authTagLength: 16 })
    .setAAD(bound)
    .setAuthTag(file.subarray(94, headEnd));
  try {
    const value = Buffer.concat([decipher.update(file.subarray(headEnd)), decipher.final()]);
    if (value.length !== facts.bytes) throw new BadEnvelope('it is cut off');
    return value;
  } catch (cause) {
    if (cause instanceof BadEnvelope) throw cause;
    throw new BadEnvelope('it was changed, cut off or belongs elsewhere', { cause });
  } finally {
    own.fill(0);
  }
}

/** The same file under another installation key; null when it is under that one already. @throws BadEnvelope */
export function rewrapEnvelope(
  file: Buffer,
  on: { readonly place: EnvelopePlace; readonly keyOf: (id: string) => Buffer | undefined },
  to: InstallationKey,
): Buffer | null {
  readFacts(file);
  if (keyIdOf(file) === to.id) return null;
  const bound = boundTo(file.subarray(0, factsEnd), on.place);
  const own = unwrap(file, bound, on.keyOf);
  const wrapped = wrap(own, bound, to);
  own.fill(0);
  return Buffer.concat([file.subarray(0, factsEnd), wrapped, file.subarray(82)]);
}

/** What stands outside of the encryption; it is proven only when the value is opened. @throws BadEnvelope */
export function readFacts(file: Buffer): Omit<SecretVersion, 'version'> {
  if (file.length < headEnd) throw new BadEnvelope('it is cut off');
  if (file[0] !== format) throw new BadEnvelope(`its format ${file[0] ?? 0} is not known here`);
  return {
    createdAt: Number(file.readBigUInt64BE(2)) as WallTime,
    bytes: file.readUInt32BE(10),
    variable: ((file[1] ?? 0) & 1) === 1,
  };
}

const keyIdOf = (file: Buffer): string => file.subarray(factsEnd, keyIdEnd).toString('hex');

const boundTo = (head: Buffer, { app, environment, name, version }: EnvelopePlace): Buffer =>
  Buffer.concat([Buffer.from(['signalbox secret', app, environment, name, version, ''].join('\0')), head]);

function wrap(own: Buffer, bound: Buffer, { id, key }: InstallationKey): Buffer {
  const keyId = Buffer.from(id, 'hex');
  const nonce = randomBytes(12);
  const cipher = createCipheriv(cipherName, key, nonce).setAAD(Buffer.concat([bound, keyId]));
  const encrypted = Buffer.concat([cipher.update(own), cipher.final()]);
  return Buffer.concat([keyId, nonce, encrypted, cipher.getAuthTag()]);
}

function unwrap(file: Buffer, bound: Buffer, keyOf: (id: string) => Buffer | undefined): Buffer {
  const key = keyOf(keyIdOf(file));
  if (key === undefined) throw new BadEnvelope('it was encrypted with a key that is not here');
  const decipher = createDecipheriv(cipherName, key, file.subarray(keyIdEnd, 34), { authTagLength: 16 })
    .setAAD(Buffer.concat([bound, file.subarray(factsEnd, keyIdEnd)]))
    .setAuthTag(file.subarray(66, 82));
  try {
    return Buffer.concat([decipher.update(file.subarray(34, 66)), decipher.final()]);
  } catch (cause) {
    throw new BadEnvelope('it was changed, cut off or belongs elsewhere', { cause });
  }
}
