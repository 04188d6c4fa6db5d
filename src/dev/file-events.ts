import { statfs } from 'node:fs/promises';

/** File systems whose changes come from elsewhere: what another machine writes is no event here. By their number in the kernel. */
const silent: Readonly<Record<number, string>> = {
  0x01021997: '9p',
  0x6969: 'NFS',
  0xff534d42: 'CIFS',
  0xfe534d42: 'SMB',
  0x786f4256: 'vboxsf',
  0x65735546: 'FUSE',
};

/** How development servers are told to look for changes themselves: chokidar (Vite, Nuxt, Astro), webpack and Next.js, TypeScript, watchfiles. */
const polling = {
  CHOKIDAR_USEPOLLING: '1',
  WATCHPACK_POLLING: 'true',
  TSC_WATCHFILE: 'DynamicPriorityPolling',
  TSC_WATCHDIRECTORY: 'DynamicPriorityPolling',
  WATCHFILES_FORCE_POLLING: 'true',
};

export interface FileEvents {
  /** For the programs of services, weaker than what anybody says. */
  readonly variables: Readonly<Record<string, string>>;
  /** For people; undefined: every change is told. */
  readonly note?: string;
}

/** Whether changes below the folder are told of, and what to do where not all are. */
export async function fileEventsIn(folder: string): Promise<FileEvents> {
  return fileEventsOf((await statfs(folder).catch(() => ({ type: 0 }))).type);
}

/** Pure. @param type the number of a file system, which some platforms give with a sign. */
export function fileEventsOf(type: number): FileEvents {
  const name = silent[type >>> 0];
  if (name === undefined) return { variables: {} };
  return {
    variables: polling,
    note: `the folder is on ${name}, where changes by another machine are not told: development servers are asked to look for them`,
  };
}
