import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

/** Findings that somebody has looked at and let stand, in the root of the repository. */
export const baselineFile = 'signalbox-secrets-baseline.json';

/** What a finding is known by again, wherever its line has moved to: part of a hash, never the secret. */
export const fingerprintOf = (finding: { readonly id: string; readonly file: string; readonly secret: string }): string =>
  createHash('sha256').update([finding.id, finding.file, finding.secret].join('\0')).digest('hex').slice(0, 16);

export type Baseline =
  | { readonly kind: 'read'; readonly allowed: ReadonlySet<string> }
  /** It is there and cannot be used: then it must not look as if nothing were allowed, nor as if everything were. */
  | { readonly kind: 'broken'; readonly why: string };

/** `{ "version": 1, "allowed": [{ "fingerprint": "…", "file": "…", "why": "…" }] }` */
export async function readBaseline(folder: string): Promise<Baseline> {
  const text = await readFile(join(folder, baselineFile), 'utf8').catch((error: NodeJS.ErrnoException) =>
    error.code === 'ENOENT' ? '' : null,
  );
  if (text === '') return { kind: 'read', allowed: new Set() };
  if (text === null) return { kind: 'broken', why: `${baselineFile} cannot be read` };
  try {
    const { version, allowed } = JSON.parse(text) as { version?: unknown; allowed?: unknown };
    const prints = Array.isArray(allowed)
      ? allowed.map((entry: unknown) => (entry as { fingerprint?: unknown } | null)?.fingerprint)
      : [null];
    if (version === 1 && prints.every((print) => typeof print === 'string' && /^[a-f0-9]{16}$/.test(print)))
      return { kind: 'read', allowed: new Set(prints as string[]) };
  } catch {
    // Said below.
  }
  return {
    kind: 'broken',
    why: `${baselineFile} is not of the form { "version": 1, "allowed": [{ "fingerprint": "16 hex digits" }] }`,
  };
}
