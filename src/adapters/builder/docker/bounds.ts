import { mkdir, readdir, rmdir, statfs, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import type { EngineInfo } from './engine-images.ts';

/** What keeps a build from disturbing what runs beside it: a small share of the processors, part of the memory, a number of processes. */
export interface BuildBounds {
  /** For `POST /build`. */
  readonly query: Readonly<Record<string, string | number>>;
}

/** Of 1024, which everything else has. Counts only while the processors are busy. */
const cpuShares = 128;
/** Share of the machine's memory that one build step may take. */
const memoryShare = 0.75;
/** Processes and threads of all builds together. */
const mostProcesses = 4096;

const cgroups = '/sys/fs/cgroup';

/**
 * The number of processes is bounded by a control group that the engine is asked to build in: only root can make one, and only where
 * the engine keeps its groups itself (`cgroupfs`).
 */
export async function buildBounds(info: EngineInfo, homeId: string): Promise<BuildBounds> {
  const memory = Math.floor(info.MemTotal * memoryShare);
  const query = { cpushares: cpuShares, memory, memswap: memory };
  if (info.CgroupDriver !== 'cgroupfs' || process.getuid?.() !== 0) return { query };
  const folder = groupFolder(info, homeId);
  try {
    await mkdir(folder, { recursive: true });
    await writeFile(join(folder, 'pids.max'), String(mostProcesses));
    return { query: { ...query, cgroupparent: `/${groupName(homeId)}` } };
  } catch {
    return { query };
  }
}

/** Takes the group away when nothing builds in it. The engine has made it in every hierarchy there is, and leaves it behind. */
export async function dropBounds(homeId: string): Promise<void> {
  const name = groupName(homeId);
  const hierarchies = await readdir(cgroups).catch(() => []);
  const folders = [join(cgroups, name), ...hierarchies.map((hierarchy) => join(cgroups, hierarchy, name))];
  for (let attempt = 0; attempt < dropAttempts; attempt += 1) {
    const left = await Promise.all(folders.map((folder) => rmdir(folder).then(gone, isBusy)));
    if (!left.includes(true)) return;
    await wait(100);
  }
}

/** What ran in it may need a moment to leave it. */
const dropAttempts = 10;
const gone = (): boolean => false;
const isBusy = (error: NodeJS.ErrnoException): boolean => error.code === 'EBUSY';

const groupName = (homeId: string): string => `signalbox-builds-${homeId}`;
const groupFolder = (info: EngineInfo, homeId: string): string =>
  info.CgroupVersion === '2' ? join(cgroups, groupName(homeId)) : join(cgroups, 'pids', groupName(homeId));

/** Bytes free where the engine keeps its images; null when that place cannot be seen from here. */
export async function freeBytes(info: EngineInfo): Promise<number | null> {
  const facts = await statfs(info.DockerRootDir).catch(() => null);
  return facts === null ? null : facts.bavail * facts.bsize;
}
