import { listProcesses, type ProcessSeen } from './processes.ts';

/** The processes of one installation, told by what they were started with. */
export interface Parts {
  readonly controlPlane: readonly ProcessSeen[];
  readonly keeper: readonly ProcessSeen[];
  readonly workers: readonly ProcessSeen[];
  /** Every process of an instance or a one-off command. */
  readonly instances: readonly ProcessSeen[];
  /** Of all kinds, `signalbox up` in the foreground included. */
  readonly all: readonly ProcessSeen[];
}

const markers = { instance: 'SIGNALBOX_INSTANCE', worker: 'SIGNALBOX_WORKER' } as const;

/** @param home absolute folder of the installation. @returns a look at what runs; it knows the installation's mark from the first keeper it sees. */
export function partsFinder(home: string): () => Promise<Parts> {
  const marks = new Set<string>();
  return async () => {
    const processes = await listProcesses();
    const ofHome = processes.filter(
      (seen) => seen.argv.some((word) => word.includes(home)) || seen.environment.get('SIGNALBOX_HOME') === home,
    );
    const keeper = ofHome.filter((seen) => seen.argv.some((word) => word.endsWith('keeper/main.js')));
    for (const mark of keeper.map(markOf)) if (mark !== undefined) marks.add(mark);
    const marked = (name: string): ProcessSeen[] =>
      processes.filter((seen) => marks.has(seen.environment.get(name)?.split(':')[0] ?? ''));
    const workers = marked(markers.worker);
    const instances = marked(markers.instance);
    const controlPlane = ofHome.filter(
      (seen) => seen.argv.some((word) => word.endsWith('daemon.js')) && !instances.includes(seen),
    );
    return { controlPlane, keeper, workers, instances, all: [...new Set([...ofHome, ...workers, ...instances])] };
  };
}

/** The instance that a process belongs to. */
export const instanceOf = (seen: ProcessSeen): string => seen.environment.get(markers.instance) ?? '';

/** The keeper's configuration is its first argument. */
function markOf(keeper: ProcessSeen): string | undefined {
  try {
    return (JSON.parse(keeper.argv.find((word) => word.startsWith('{')) ?? '{}') as { homeId?: string }).homeId;
  } catch {
    return undefined;
  }
}
