import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type Look, lookAround, ownMemory, type ProcessIdentity } from './processes.ts';

export interface ResourceLimits {
  /** MiB. */
  readonly memoryMb?: number;
  /** Cores. */
  readonly cpus?: number;
}

/** What the kernel enforces for one instance or run. */
export interface Cage {
  /** Moves a process in; its children follow by themselves. */
  admit(pid: number): void;
  /** Pids inside. */
  members(): number[];
  /** Whether the kernel killed a process of it for memory since the last call. */
  outOfMemory(): boolean;
  remove(): void;
}

export interface Cages {
  /** Null where the kernel does not let us: then memory is watched by sampling, and CPU is not limited. */
  open(id: string, limits: ResourceLimits): Cage | null;
}

/** A fork bomb stops here. */
const processLimit = 8192;
const root = '/sys/fs/cgroup';

/**
 * Control groups, version 2 or 1, where this user may make them.
 * @param homeId keeps installations apart: their groups are `signalbox-<homeId>/<instance>`.
 */
export function openCages(homeId: string): Cages {
  const parent = `signalbox-${homeId}`;
  const version = process.getuid?.() === 0 ? detect(parent) : null;
  return {
    open: (id, limits) => {
      if (!version) return null;
      try {
        return version === 2 ? unified(parent, folderName(id), limits) : separate(parent, folderName(id), limits);
      } catch {
        return null;
      }
    },
  };
}

const folderName = (id: string): string => encodeURIComponent(id).slice(0, 250);

function detect(parent: string): 1 | 2 | null {
  try {
    const controllers = readOr(join(root, 'cgroup.controllers'));
    if (/\bmemory\b/.test(controllers)) {
      write(join(root, 'cgroup.subtree_control'), '+memory +cpu +pids');
      delegate(parent);
      return 2;
    }
    if (!existsSync(join(root, 'memory/memory.limit_in_bytes'))) return null;
    mkdirSync(join(root, 'memory', parent), { recursive: true });
    return 1;
  } catch {
    return null;
  }
}

function delegate(parent: string): void {
  mkdirSync(join(root, parent), { recursive: true });
  write(join(root, parent, 'cgroup.subtree_control'), '+memory +cpu +pids');
}

function unified(parent: string, name: string, { memoryMb, cpus }: ResourceLimits): Cage {
  delegate(parent);
  const folder = join(root, parent, name);
  mkdirSync(folder, { recursive: true });
  write(join(folder, 'memory.max'), memoryMb ? `${mib(memoryMb)}` : 'max');
  optional(join(folder, 'memory.swap.max'), memoryMb ? '0' : 'max');
  optional(join(folder, 'memory.oom.group'), '1');
  optional(join(folder, 'cpu.max'), cpus ? `${Math.round(cpus * 100_000)} 100000` : 'max 100000');
  optional(join(folder, 'pids.max'), `${processLimit}`);
  return cage([folder], () => counter(join(folder, 'memory.events'), /^oom_kill (\d+)/m));
}

function separate(parent: string, name: string, { memoryMb, cpus }: ResourceLimits): Cage {
  const folders = ['memory', 'cpu', 'pids'].map((controller) => join(root, controller, parent, name));
  const [memory = '', cpu = '', pids = ''] = folders;
  const usable = folders.filter((folder) => {
    try {
      mkdirSync(folder, { recursive: true });
      return existsSync(join(folder, 'cgroup.procs'));
    } catch {
      return false;
    }
  });
  write(join(memory, 'memory.limit_in_bytes'), memoryMb ? `${mib(memoryMb)}` : '-1');
  optional(join(memory, 'memory.memsw.limit_in_bytes'), memoryMb ? `${mib(memoryMb)}` : '-1');
  optional(join(cpu, 'cpu.cfs_quota_us'), cpus ? `${Math.round(cpus * 100_000)}` : '-1');
  optional(join(pids, 'pids.max'), `${processLimit}`);
  return cage(usable, () => counter(join(memory, 'memory.oom_control'), /^oom_kill (\d+)/m));
}

/** The first folder is the one whose members count. */
function cage(folders: readonly string[], kills: () => number): Cage {
  let seen = kills();
  return {
    admit: (pid) => {
      for (const folder of folders) optional(join(folder, 'cgroup.procs'), `${pid}`);
    },
    members: () =>
      readOr(join(folders[0] ?? '', 'cgroup.procs'))
        .split('\n')
        .filter(Boolean)
        .map(Number),
    outOfMemory: () => {
      const before = seen;
      seen = kills();
      return seen > before;
    },
    remove: () => {
      for (const folder of folders) {
        try {
          rmdirSync(folder);
          rmdirSync(dirname(folder));
        } catch {
          // It still holds a zombie, or the installation's group still holds others: both cost nothing and are used again.
        }
      }
    },
  };
}

export interface MemoryRequest {
  readonly limitBytes: number;
  /** Those of what runs that count. */
  readonly processes: (look: Look) => readonly ProcessIdentity[];
  /** Called once, when they together hold more than the limit of their own. */
  readonly exceeded: () => void;
}

export interface MemoryWatch {
  watch(id: string, request: MemoryRequest): void;
  unwatch(id: string): void;
}

/** Stands in where the kernel gives us no groups. Coarse: what grows faster than the sampling goes over its limit for a while. */
const sampleMs = 2000;

export function openMemoryWatch(): MemoryWatch {
  const watched = new Map<string, MemoryRequest>();
  let timer: NodeJS.Timeout | undefined;
  const sample = async (): Promise<void> => {
    const look = await lookAround();
    for (const [id, { limitBytes, processes, exceeded }] of watched) {
      const held = processes(look).reduce((sum, { pid }) => sum + ownMemory(pid), 0);
      if (held > limitBytes && watched.delete(id)) exceeded();
    }
    timer = undefined;
    schedule();
  };
  const schedule = (): void => {
    if (watched.size > 0) timer ??= setTimeout(() => void sample(), sampleMs);
  };
  return {
    watch: (id, request) => {
      watched.set(id, request);
      schedule();
    },
    unwatch: (id) => void watched.delete(id),
  };
}

const mib = (n: number): number => Math.round(n * 1024 * 1024);
const write = (file: string, text: string): void => writeFileSync(file, text);
function optional(file: string, text: string): void {
  try {
    writeFileSync(file, text);
  } catch {
    // This controller is not there or not ours; the others still count.
  }
}
function readOr(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}
const counter = (file: string, pattern: RegExp): number => Number(pattern.exec(readOr(file))?.[1] ?? 0);
