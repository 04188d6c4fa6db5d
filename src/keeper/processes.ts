import { readdirSync, readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { setTimeout as wait } from 'node:timers/promises';

/**
 * What makes a process this very process: its pid alone may belong to somebody else a moment later, and starts again from low
 * numbers after a boot.
 */
export interface ProcessIdentity {
  readonly pid: number;
  /** Clock ticks after boot (field 22 of /proc/pid/stat). */
  readonly startTime: number;
  readonly bootId: string;
}

export interface ProcessStat {
  readonly state: string;
  readonly group: number;
  readonly session: number;
  /** Also those that are just ending. */
  readonly threads: number;
  readonly startTime: number;
}

let boot: string | undefined;
/** New with every boot of the machine. */
export function bootId(): string {
  boot ??= readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  return boot;
}

/** Null when there is no such process. */
export function readStat(pid: number): ProcessStat | null {
  let text: string;
  try {
    text = readFileSync(`/proc/${pid}/stat`, 'utf8');
  } catch {
    return null;
  }
  // The command's name stands in parentheses and may itself contain spaces and parentheses.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return {
    state: fields[0] ?? 'X',
    group: Number(fields[2]),
    session: Number(fields[3]),
    threads: Number(fields[17]),
    startTime: Number(fields[19]),
  };
}

/**
 * A zombie has ended: it holds no port, file or memory, and `kill` cannot remove it. Its first thread alone is no zombie: while another
 * one goes on, or is still ending, everything is held.
 */
export const hasEnded = ({ state, threads }: ProcessStat): boolean => state === 'X' || (state === 'Z' && threads <= 1);

export function identify(pid: number): ProcessIdentity | null {
  const stat = readStat(pid);
  return stat && !hasEnded(stat) ? { pid, startTime: stat.startTime, bootId: bootId() } : null;
}

export function isAlive(process: ProcessIdentity): boolean {
  if (process.bootId !== bootId()) return false;
  const stat = readStat(process.pid);
  return stat !== null && !hasEnded(stat) && stat.startTime === process.startTime;
}

/** Memory that is the process's own (not files it has mapped), bytes; 0 when it has ended. */
export function ownMemory(pid: number): number {
  let text: string;
  try {
    text = readFileSync(`/proc/${pid}/status`, 'latin1');
  } catch {
    return 0;
  }
  const kib = (field: string): number => Number(new RegExp(`^${field}:\\s+(\\d+)`, 'm').exec(text)?.[1] ?? 0);
  return (kib('RssAnon') + kib('RssShmem')) * 1024;
}

export interface LivingProcess {
  readonly pid: number;
  readonly stat: ProcessStat;
}

/** Every process of the machine that has not ended, except this one. */
export function livingProcesses(): LivingProcess[] {
  const found: LivingProcess[] = [];
  for (const name of readdirSync('/proc')) {
    const pid = Number(name);
    if (!Number.isInteger(pid) || pid === process.pid) continue;
    const stat = readStat(pid);
    if (stat && !hasEnded(stat)) found.push({ pid, stat });
  }
  return found;
}

/** Variable that marks every process of an instance or run: `<home id>:<id>`. Children inherit it, also those in a session of their own. */
export const markerName = 'SIGNALBOX_INSTANCE';

/**
 * Reading the environment of a process waits for its memory's lock, for ever when it hangs on a dead disk. So it is read on another
 * thread, given up after this time (then nothing is known of it yet), and read once only: the marker is inherited at birth.
 */
const patienceMs = 250;
const markers = new Map<
  number,
  { readonly startTime: number; marker: string | null | undefined; readonly read: Promise<void> }
>();

export interface MarkedProcess {
  readonly process: ProcessIdentity;
  readonly stat: ProcessStat;
  readonly marker: string;
}

/** What runs on the machine, by one look: looks are dear where much runs. */
export interface Look {
  readonly living: readonly LivingProcess[];
  readonly marked: readonly MarkedProcess[];
}

/** Living processes that carry a marker, with it. */
export const markedProcesses = async (): Promise<readonly MarkedProcess[]> => (await lookAround()).marked;

export async function lookAround(): Promise<Look> {
  const living = livingProcesses();
  const there = new Set(living.map(({ pid }) => pid));
  for (const pid of markers.keys()) if (!there.has(pid)) markers.delete(pid);
  const reads = living.flatMap(({ pid, stat }) => {
    const known = markers.get(pid);
    if (known?.startTime === stat.startTime) return known.marker === undefined ? [known.read] : [];
    if (stat.group === 0) return []; // A thread of the kernel.
    const read = readMarker(pid, stat.startTime).then((marker) => {
      entry.marker = marker;
      if (marker === undefined && markers.get(pid) === entry) markers.delete(pid);
    });
    const entry: { readonly startTime: number; marker: string | null | undefined; readonly read: Promise<void> } = {
      startTime: stat.startTime,
      marker: undefined,
      read,
    };
    markers.set(pid, entry);
    return [read];
  });
  if (reads.length > 0) await atMost(Promise.all(reads), patienceMs);
  const marked = living.flatMap(({ pid, stat }) => {
    const marker = markers.get(pid)?.marker;
    return typeof marker === 'string' ? [{ process: { pid, startTime: stat.startTime, bootId: bootId() }, stat, marker }] : [];
  });
  return { living, marked };
}

/**
 * Empty while a process is being replaced by another program, and for programs that cleared it: tried a few times, and believed of
 * older processes only.
 */
async function readMarker(pid: number, startTime: number): Promise<string | null | undefined> {
  for (let attempt = 0; attempt < 4; attempt++) {
    if (attempt > 0) await wait(3);
    const text = await readFile(`/proc/${pid}/environ`, 'latin1').catch(() => '');
    if (text !== '') return environmentValue(text, markerName);
  }
  return uptimeTicks() - startTime > settledTicks ? null : undefined;
}

/** Two seconds; the kernel counts in hundredths. */
const settledTicks = 200;
const uptimeTicks = (): number => Number.parseFloat(readFileSync('/proc/uptime', 'latin1')) * 100;

/** Value of a variable in the text of /proc/pid/environ. */
export function environmentValue(environ: string, name: string): string | null {
  const entry = environ.split('\0').find((variable) => variable.startsWith(`${name}=`));
  return entry === undefined ? null : entry.slice(name.length + 1);
}

async function atMost(work: Promise<unknown>, ms: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms);
  });
  await Promise.race([work, late]);
  clearTimeout(timer);
}
