import { setTimeout as wait } from 'node:timers/promises';
import type { StopSignal } from './protocol.ts';
import { bootId, isAlive, type Look, livingProcesses, lookAround, type ProcessIdentity, readStat } from './processes.ts';

export interface Ending {
  /** Leader of the process group; null when it has ended already. */
  readonly main: ProcessIdentity | null;
  readonly marker: string;
  /** Pids that the kernel itself counts to it, if it does. */
  readonly members: () => readonly number[];
  readonly graceMs: number;
  /** What asks it to end. Default SIGTERM. */
  readonly stopSignal?: StopSignal | undefined;
}

/** How long processes outside the main one's group may take after the main one has ended, ms. */
const stragglersMs = 500;

/**
 * Ends every process of an instance or run: its stop signal, up to `graceMs`, SIGKILL; the process group first, then whoever carries the
 * marker or is a member. Resolves when none is left; zombies are not survivors.
 */
export async function endProcesses(ending: Ending): Promise<void> {
  const known = new Map<number, ProcessIdentity>();
  const look = async (): Promise<ProcessIdentity[]> => {
    for (const found of await find(ending)) known.set(found.pid, found);
    return [...known.values()].filter(isAlive);
  };
  const signal = (name: StopSignal | 'SIGKILL', targets: readonly ProcessIdentity[]): void => {
    for (const target of targets) send(target, name);
  };

  let alive = await look();
  if (alive.length === 0) return;
  if (ending.graceMs > 0) {
    signal(ending.stopSignal ?? 'SIGTERM', alive);
    const started = performance.now();
    let mainEnded: number | null = null;
    for (let pause = 5; alive.length > 0; pause = Math.min(100, pause * 1.5)) {
      const now = performance.now();
      if (now - started >= ending.graceMs) break;
      if (!alive.some((p) => inGroup(p, ending.main))) mainEnded ??= now;
      if (mainEnded !== null && now - mainEnded >= Math.min(stragglersMs, ending.graceMs)) break;
      await wait(Math.min(pause, Math.max(1, ending.graceMs - (now - started))));
      alive = alive.filter(isAlive);
    }
  }
  // A process may fork while it is being killed: look again until a whole look finds nobody. One that waits for a dead disk goes
  // when the kernel lets it, so looks become rarer.
  alive = await look();
  for (let pause = 5; alive.length > 0; pause = Math.min(1000, pause * 1.5)) {
    signal('SIGKILL', alive);
    await wait(pause);
    alive = await look();
  }
}

async function find(sought: Omit<Ending, 'graceMs'>): Promise<ProcessIdentity[]> {
  const { marked } = await lookAround();
  // Reading markers takes its time: who was born meanwhile belongs to it by the group at least.
  return processesOf(sought, { marked, living: livingProcesses() });
}

/** Everything of it among what runs. */
export function processesOf({ main, marker, members }: Omit<Ending, 'graceMs'>, { marked, living }: Look): ProcessIdentity[] {
  const known = new Set(marked.flatMap((found) => (found.marker === marker ? [found.process.pid] : [])));
  for (const pid of members()) known.add(pid);
  // The group's number is only known to be ours while its leader lives: afterwards it may be given to somebody else.
  const group = main && isAlive(main) ? main.pid : null;
  return living
    .filter(({ pid, stat }) => stat.group === group || known.has(pid))
    .map(({ pid, stat }) => ({ pid, startTime: stat.startTime, bootId: bootId() }));
}

function inGroup(candidate: ProcessIdentity, main: ProcessIdentity | null): boolean {
  return main !== null && readStat(candidate.pid)?.group === main.pid;
}

function send(target: ProcessIdentity, name: StopSignal | 'SIGKILL'): void {
  if (!isAlive(target)) return;
  try {
    process.kill(target.pid, name);
  } catch {
    // It ended just now, or its user changed and it is not ours to signal; the next look tells.
  }
}
