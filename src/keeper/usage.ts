import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { markedProcesses, ownMemory } from './processes.ts';
import type { InstanceUsage } from './protocol.ts';

interface ListeningSocket {
  readonly inode: string;
  readonly host: string;
  readonly port: number;
}

/** State of a listening socket in /proc/net/tcp. */
const listenState = '0A';

/** What the processes of instances hold right now. One look over the machine's processes for all of them. */
export async function usageOf(homeId: string, ids: readonly string[], withListening: boolean): Promise<InstanceUsage[]> {
  const wanted = new Map<string, number[]>(ids.map((id) => [`${homeId}:${id}`, []]));
  for (const { process, marker } of await markedProcesses()) wanted.get(marker)?.push(process.pid);
  return ids.map((id) => {
    const pids = wanted.get(`${homeId}:${id}`) ?? [];
    return {
      id,
      memoryBytes: pids.reduce((sum, pid) => sum + ownMemory(pid), 0),
      listening: withListening ? listeningOf(pids) : [],
    };
  });
}

function listeningOf(pids: readonly number[]): { host: string; port: number }[] {
  const found = new Map<string, { host: string; port: number }>();
  for (const pid of pids) {
    const held = socketsOf(pid);
    if (held.size === 0) continue;
    // Read through the process: it may live in a network namespace of its own.
    for (const { inode, host, port } of listeningSockets(pid)) {
      if (held.has(inode)) found.set(`${host} ${port}`, { host, port });
    }
  }
  return [...found.values()].sort((a, b) => a.port - b.port);
}

function socketsOf(pid: number): Set<string> {
  const inodes = new Set<string>();
  try {
    for (const fd of readdirSync(`/proc/${pid}/fd`)) {
      const inode = /^socket:\[(\d+)\]$/.exec(linkOf(`/proc/${pid}/fd/${fd}`))?.[1];
      if (inode !== undefined) inodes.add(inode);
    }
  } catch {
    // It ended, or it is not ours to look into.
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
