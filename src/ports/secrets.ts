import type { SecretSummary, SecretVersion } from '../domain/secrets.ts';
import type { AppName, EnvironmentName } from '../domain/values.ts';

/** Where secret values are kept, encrypted. Suite: test/conformance/secrets.ts. */
export interface Secrets {
  /**
   * Keeps a value as the next version; numbers are never given twice, also after removals. Durable when it resolves.
   * @throws SECRET_REFUSED (name, size), NO_SPACE.
   */
  set(secret: SecretId, value: Uint8Array): Promise<SecretVersion>;
  /** By name; those of which every version was removed are not there any more. */
  list(place: SecretPlace): Promise<readonly SecretSummary[]>;
  /** @throws SECRET_MISSING, SECRET_DAMAGED (changed, cut off, or another one's file in its place). */
  reveal(secret: SecretId, version: number): Promise<Uint8Array>;
  /** Idempotent. */
  remove(secret: SecretId, versions: readonly number[]): Promise<void>;
  /** A new installation key; every version is wrapped anew. One that is interrupted is finished when the secrets are opened again. */
  rotateKey(): Promise<{ readonly rewrapped: number }>;
  /** Every value there is, for masking. Damaged ones are told to `onDamaged` and left out. */
  all(onDamaged: (error: unknown) => void): Promise<readonly SecretRecord[]>;
  /** Puts a version back under its own number. `false`: it is there already, with this value. @throws CONFLICT with another value. */
  restore(record: SecretRecord): Promise<boolean>;
}

export interface SecretPlace {
  readonly app: AppName;
  readonly environment: EnvironmentName;
}

export interface SecretId extends SecretPlace {
  /** Like a variable: letters, digits and `_`, no digit first, at most 128 characters. */
  readonly name: string;
}

export interface SecretRecord extends SecretId, SecretVersion {
  readonly value: Uint8Array;
}

/** Seals records into a file that a passphrase opens, and back. @throws SECRET_REFUSED for a wrong passphrase or a changed file. */
export interface SecretsArchive {
  seal(records: readonly SecretRecord[], passphrase: string): Promise<string>;
  open(document: string, passphrase: string): Promise<readonly SecretRecord[]>;
}

/** Newest values by name, for steps that name secrets. @throws SECRET_MISSING naming the secret, the environment and the way to set it. */
export type SecretValues = (of: SecretPlace & { readonly names: readonly string[] }) => Promise<Readonly<Record<string, string>>>;
