import { readdir, readFile } from 'node:fs/promises';
import { setTimeout as wait } from 'node:timers/promises';

/** Name of the variable that every process of a build carries, however it detaches itself. */
export const markVariable = 'SIGNALBOX_BUILD';

export interface Mark {
  readonly value: string;
  /** True: every mark that starts with the value. Default: exactly the value. */
  readonly prefix?: boolean;
}

/** Ends the process group, then everything that carries the mark; resolves when nothing of it runs, or after 10 s. */
export async function endMarked(mark: Mark, group?: number): Promise<void> {
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
export async function marked(mark: Mark): Promise<number[]> {
  const names = (await readdir('/proc').catch((): string[] => [])).filter(
    (name) => /^\d+$/.test(name) && Number(name) !== process.pid,
  );
  const needle = `${markVariable}=${mark.value}`;
  const found: number[] = [];
  for (const name of names) {
    const environment = await environmentOf(name);
    if (environment.split('\0').some((entry) => (mark.prefix === true ? entry.startsWith(needle) : entry === needle)))
      found.push(Number(name));
  }
  return found;
}

/** Processes whose environment did not come in time; asked no more, since each such read occupies a thread until it ends. */
const unanswered = new Set<string>();

/**
 * The kernel lets readers of /proc/<pid>/environ wait for as long as a stalled disk holds the process, so those in uninterruptible
 * sleep are passed over and the others get half a second.
 */
async function environmentOf(pid: string): Promise<string> {
  const facts = await readFile(`/proc/${pid}/stat`, 'latin1').catch(() => '');
  const [state = '', ...rest] = facts.slice(facts.lastIndexOf(')') + 2).split(' ');
  const identity = `${pid}:${rest[18] ?? ''}`;
  if (state === '' || 'DZX'.includes(state) || unanswered.has(identity)) return '';
  const late = new AbortController();
  const answer = await Promise.race([
    readFile(`/proc/${pid}/environ`, 'latin1').catch(() => ''),
    wait(500, undefined, { signal: late.signal, ref: false }).catch(() => ''),
  ]);
  late.abort();
  if (answer === undefined) unanswered.add(identity);
  return answer ?? '';
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // Already gone.
  }
}
