import { SignalboxError } from '../../domain/errors.ts';

/** One package as a lock file pins it. */
export interface LockedPackage {
  readonly ecosystem: 'npm' | 'pypi';
  readonly name: string;
  readonly version: string;
  /** Needed to build or test alone; undefined where the lock file does not say. */
  readonly dev?: boolean;
  readonly optional?: boolean;
  readonly license?: string;
  /** Of the archive that the registry has. */
  readonly hashes?: readonly { readonly alg: 'SHA-1' | 'SHA-256' | 'SHA-384' | 'SHA-512'; readonly content: string }[];
  /** `name@version` of what it needs, as far as the lock file resolves it. */
  readonly needs: readonly string[];
}

/** What a lock file came to. */
export interface LockedSet {
  readonly packages: readonly LockedPackage[];
  /** What the app itself needs, as `name@version`. */
  readonly direct: readonly string[];
  /** Why the list may not be whole; empty when it is. */
  readonly gaps: readonly string[];
}

/** @param line 1-based; 0 where there is none */
export function lockUnreadable(file: string, why: string, line = 0): SignalboxError {
  return new SignalboxError('LOCK_UNREADABLE', `${file}${line > 0 ? `, line ${line}` : ''} cannot be read: ${why}.`, {
    details: { file, ...(line > 0 ? { line } : {}) },
  });
}

export const keyOf = ({ name, version }: Pick<LockedPackage, 'name' | 'version'>): string => `${name}@${version}`;

/** `sha512-<base64>`, several of them with spaces between. What is unknown is left out. */
export function hashesOf(integrity: unknown): { hashes?: NonNullable<LockedPackage['hashes']> } {
  if (typeof integrity !== 'string') return {};
  const hashes = integrity.split(/\s+/).flatMap((one) => {
    const [, bits, base64] = /^sha(1|256|384|512)-([A-Za-z0-9+/]{20,90}={0,2})$/.exec(one) ?? [];
    if (bits === undefined || base64 === undefined) return [];
    return [{ alg: `SHA-${bits}` as 'SHA-512', content: Buffer.from(base64, 'base64').toString('hex') }];
  });
  return hashes.length === 0 ? {} : { hashes };
}
