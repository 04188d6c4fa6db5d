import { createHash } from 'node:crypto';
import { chmodSync, mkdirSync, realpathSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';

/**
 * Folder for artifacts, scratch copies and `persist` folders of an installation: the home itself, unless instances run as users of
 * their own (only as root) and could not reach anything below the home; then `/var/lib/signalbox/<hash of home>`, created here.
 * The same home gives the same answer for as long as its permissions stay.
 */
export function workRoot(home: string, as: { readonly uid: number; readonly base?: string }): string {
  if (as.uid !== 0 || everybodyMayEnter(realpathSync(home))) return home;
  const base = as.base ?? '/var/lib/signalbox';
  const root = join(base, createHash('sha256').update(realpathSync(home)).digest('hex').slice(0, 12));
  mkdirSync(root, { recursive: true });
  // Others may pass through, not look around.
  for (const folder of [base, root]) chmodSync(folder, 0o711);
  return root;
}

/** Whether every folder on the way may be passed through by any user. */
export function everybodyMayEnter(folder: string): boolean {
  for (let path = folder; ; path = dirname(path)) {
    if ((statSync(path).mode & 0o001) === 0) return false;
    if (path === dirname(path)) return true;
  }
}
