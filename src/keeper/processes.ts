import { readdirSync, readFileSync } from 'node:fs';

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
    startTime: Number(fields[19]),
  };
}

/** A zombie has ended: it holds no port, file or memory, and `kill` cannot remove it. */
export const hasEnded = (stat: ProcessStat): boolean => stat.state === 'Z' || stat.state === 'X';

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

/** Every process of the machine that has not ended, except this one. */
export function livingProcesses(): { readonly pid: number; readonly stat: ProcessStat }[] {
  const found: { pid: number; stat: ProcessStat }[] = [];
  for (const name of readdirSync('/proc')) {
    const pid = Number(name);
    if (!Number.isInteger(pid) || pid === process.pid) continue;
    const stat = readStat(pid);
    if (stat && !hasEnded(stat)) found.push({ pid, stat });
  }
  return found;
}

/** Value of a variable in the environment the process was started with; null when unset or not ours to read. */
export function environmentValue(pid: number, name: string): string | null {
  let text: string;
  try {
    text = readFileSync(`/proc/${pid}/environ`, 'latin1');
  } catch {
    return null;
  }
  const key = `${name}=`;
  const from = text.startsWith(key) ? 0 : text.indexOf(`\0${key}`) + 1;
  if (from === 0 && !text.startsWith(key)) return null;
  const end = text.indexOf('\0', from);
  return text.slice(from + key.length, end === -1 ? undefined : end);
}

/** Variable that marks every process of an instance or run: `<home id>:<id>`. Children inherit it, also those in a session of their own. */
export const markerName = 'SIGNALBOX_INSTANCE';

/** Living processes that carry the marker. */
export function markedProcesses(marker: string): ProcessIdentity[] {
  return livingProcesses()
    .filter(({ pid }) => environmentValue(pid, markerName) === marker)
    .map(({ pid, stat }) => ({ pid, startTime: stat.startTime, bootId: bootId() }));
}
