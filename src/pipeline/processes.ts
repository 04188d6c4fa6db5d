import { readdir, readFile } from 'node:fs/promises';
import { setTimeout as wait } from 'node:timers/promises';

/** Name of the variable that every process of a build carries, however it detaches itself. */
export const markVariable = 'SIGNALBOX_BUILD';

/** Ends the process group, then everything that carries the mark (exactly, or as a prefix); resolves when nothing of it runs. */
export async function endMarked(mark: { readonly value: string; readonly prefix?: boolean }, group?: number): Promise<void> {
  const deadline = performance.now() + 10_000;
  do {
    if (group !== undefined) kill(-group);
    const found = await marked(mark);
    if (found.length === 0) return;
    for (const pid of found) kill(pid);
    await wait(20);
  } while (performance.now() < deadline);
}

/** Pids of live processes with the mark. Where there is no /proc nothing is found, and the process group has to do. */
export async function marked(mark: { readonly value: string; readonly prefix?: boolean }): Promise<number[]> {
  const names = await readdir('/proc').catch((): string[] => []);
  const needle = `${markVariable}=${mark.value}`;
  const found = await Promise.all(
    names.map(async (name) => {
      if (!/^\d+$/.test(name) || Number(name) === process.pid) return undefined;
      const environment = await readFile(`/proc/${name}/environ`, 'latin1').catch(() => '');
      const carries = environment
        .split('\0')
        .some((entry) => (mark.prefix === true ? entry.startsWith(needle) : entry === needle));
      return carries ? Number(name) : undefined;
    }),
  );
  return found.filter((pid) => pid !== undefined);
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // Already gone.
  }
}
