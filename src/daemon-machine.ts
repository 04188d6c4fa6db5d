import { existsSync, lstatSync, mkdirSync, readFileSync, renameSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import type { HomeLayout } from './config/home.ts';

/** Where instances cannot reach into the home, what they use lives elsewhere and the home points there. */
export function placeWorkFolders(home: HomeLayout, work: string): void {
  if (work === home.root) return;
  for (const [link, name] of [
    [home.artifacts, 'artifacts'],
    [home.persist, 'persist'],
  ] as const) {
    const place = join(work, name);
    const here = lstatSync(link, { throwIfNoEntry: false });
    if (here?.isSymbolicLink()) continue;
    if (here && !existsSync(place)) renameSync(link, place);
    mkdirSync(place, { recursive: true });
    if (!lstatSync(link, { throwIfNoEntry: false })) symlinkSync(place, link);
  }
}

/** MemAvailable of the kernel, in MiB. */
export function availableMemory(): number | null {
  try {
    const line = /^MemAvailable:\s+(\d+) kB$/m.exec(readFileSync('/proc/meminfo', 'utf8'));
    return line ? Math.floor(Number(line[1]) / 1024) : null;
  } catch {
    return null;
  }
}
