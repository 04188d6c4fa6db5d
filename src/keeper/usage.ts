import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { lookAround, ownMemory } from './processes.ts';
import type { InstanceUsage } from './protocol.ts';

interface ListeningSocket {
  readonly inode: string;
  readonly host: string;
  readonly port: number;
}

/** State of a listening socket in /proc/net/tcp. */
const listenState = '0A';

export interface UsageTarget {
  readonly id: string;
  /** Leads the session of the instance's processes; null when it has ended. */
  readonly pid: number | null;
}

/**
 * What the processes of instances hold right now: those that carry the marker, and those of the main process's session (some
 * programs write their title over their environment). One look over the machine's processes for all of them.
 */
export async function usageOf(homeId: string, targets: readonly UsageTarget[], withListening: boolean): Promise<InstanceUsage[]> {
  const { living, marked } = await lookAround();
  return targets.map(({ id, pid: main }) => {
    const marker = `${homeId}:${id}`;
    const pids = new Set(marked.flatMap((found) => (found.marker === marker ? [found.process.pid] : [])));
    for (const { pid, stat } of living) if (main !== null && stat.session === main) pids.add(pid);
    return {
      id,
      memoryBytes: [...pids].reduce((sum, pid) => sum + ownMemory(pid), 0),
      ...(withListening ? listeningOf([...pids]) : { listening: [], opaque: false }),
    };
  });
}

function listeningOf(pids: readonly number[]): Pick<InstanceUsage, 'listening' | 'opaque'> {
  const found = new Map<string, { host: string; port: number }>();
  let opaque = false;
  for (const pid of pids) {
    const held = socketsOf(pid);
    if (held === null) opaque = true;
    if (held === null || held.size === 0) continue;
    // Read through the process: it may live in a network namespace of its own.
    for (const { inode, host, port } of listeningSockets(pid)) {
      if (held.has(inode)) found.set(`${host} ${port}`, { host, port });
    }
  }
  return { listening: [...found.values()].sort((a, b) => a.port - b.port), opaque };
}

/** Null when it lives and may not be looked into. */
function socketsOf(pid: number): Set<string> | null {
  const inodes = new Set<string>();
  try {
    for (const fd of readdirSync(`/proc/${pid}/fd`)) {
      const inode = /^socket:\[(\d+)\]$/.exec(linkOf(`/proc/${pid}/fd/${fd}`))?.[1];
      if (inode !== undefined) inodes.add(inode);
    }
  } catch (cause) {
    if (['EACCES', 'EPERM'].includes((cause as NodeJS.ErrnoException).code ?? '')) return null;
    // It ended.
  }
  return inodes;
}

function linkOf(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return '';
  }
}

function listeningSockets(pid: number): ListeningSocket[] {
  return ['tcp', 'tcp6'].flatMap((table) => {
    let text: string;
    try {
      text = readFileSync(`/proc/${pid}/net/${table}`, 'latin1');
    } catch {
      return [];
    }
    return text
      .split('\n')
      .slice(1)
      .flatMap((line) => {
        const [, local = '', , state, , , , , , inode = ''] = line.trim().split(/\s+/);
        if (state !== listenState) return [];
        const [address = '', port = ''] = local.split(':');
        return [{ inode, host: hostOf(address), port: Number.parseInt(port, 16) }];
      });
  });
}

/** The kernel prints addresses as words in the machine's byte order. */
function hostOf(hex: string): string {
  if (/^0+$/.test(hex)) return '*';
  if (hex.length === 8) {
    return (hex.match(/../g) ?? [])
      .reverse()
      .map((byte) => Number.parseInt(byte, 16))
      .join('.');
  }
  return hex === '00000000000000000000000001000000' ? '::1' : hex;
}
