import { readdir, readFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';

export interface ProcessSeen {
  readonly pid: number;
  readonly argv: readonly string[];
  /** Start in clock ticks since boot: with the pid it names one process for ever. */
  readonly startTicks: number;
  readonly environment: ReadonlyMap<string, string>;
}

/** Everything that runs here and can be read by this user; zombies are left out. */
export async function listProcesses(): Promise<ProcessSeen[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number);
  const seen = await Promise.all(pids.map((pid) => look(pid)));
  return seen.filter((process) => process !== undefined);
}

async function look(pid: number): Promise<ProcessSeen | undefined> {
  try {
    const [argv, stat, environment] = await Promise.all([
      readFile(`/proc/${pid}/cmdline`, 'utf8'),
      readFile(`/proc/${pid}/stat`, 'utf8'),
      readFile(`/proc/${pid}/environ`, 'utf8').catch(() => ''),
    ]);
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    if (fields[0] === 'Z' || fields[0] === 'X') return undefined;
    return { pid, argv: argv.split('\0').slice(0, -1), startTicks: Number(fields[19]), environment: variables(environment) };
  } catch {
    return undefined;
  }
}

function variables(text: string): Map<string, string> {
  const pairs = text.split('\0').map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)] as const);
  return new Map(pairs);
}

/** Kills exactly this process: one that has taken its pid since is left alone. @returns false when it was gone. */
export async function kill(seen: ProcessSeen, signal: NodeJS.Signals): Promise<boolean> {
  const now = await look(seen.pid);
  if (now?.startTicks !== seen.startTicks) return false;
  try {
    return process.kill(seen.pid, signal);
  } catch {
    return false;
  }
}

/** Asks every 20 ms until the answer is not undefined. @throws Error naming what was waited for. */
export async function waitFor<Value>(what: string, timeoutMs: number, ask: () => Promise<Value | undefined>): Promise<Value> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const value = await ask();
    if (value !== undefined) return value;
    if (performance.now() > deadline) throw new Error(`${what} did not happen within ${timeoutMs} ms.`);
    await delay(20);
  }
}
