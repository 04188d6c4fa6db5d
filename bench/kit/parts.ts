import { readFileSync } from 'node:fs';
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

/** Keeps containers; it is no instance. */
const warden = ':signalbox-warden';

/**
 * @param home absolute folder of the installation.
 * @param containers id -> instance of those that run for it; what runs in them is an instance, too.
 * @returns a look at what runs; it knows the installation's mark from the first keeper it sees.
 */
export function partsFinder(
  home: string,
  containers: () => Promise<ReadonlyMap<string, string>> = () => Promise.resolve(new Map()),
): () => Promise<Parts> {
  const marks = new Set<string>();
  return async () => {
    const inside = await containers();
    const processes = await listProcesses();
    const ofHome = processes.filter(
      (seen) => seen.argv.some((word) => word.includes(home)) || seen.environment.get('SIGNALBOX_HOME') === home,
    );
    const keeper = ofHome.filter((seen) => seen.argv.some((word) => word.endsWith('keeper/main.js')));
    for (const mark of keeper.map(markOf)) if (mark !== undefined) marks.add(mark);
    const marked = (name: string): ProcessSeen[] =>
      processes.filter((seen) => marks.has(seen.environment.get(name)?.split(':')[0] ?? ''));
    const workers = marked(markers.worker);
    const ofKeeper = marked(markers.instance);
    const instances = [
      ...ofKeeper.filter((seen) => !instanceOf(seen).endsWith(warden)),
      ...(inside.size === 0 ? [] : processes.flatMap((seen) => inContainer(seen, inside))),
    ];
    const controlPlane = ofHome.filter(
      (seen) => seen.argv.some((word) => word.endsWith('daemon.js')) && !ofKeeper.includes(seen),
    );
    return { controlPlane, keeper, workers, instances, all: [...new Set([...ofHome, ...workers, ...ofKeeper, ...instances])] };
  };
}

/** The instance that a process belongs to. */
export const instanceOf = (seen: ProcessSeen): string => seen.environment.get(markers.instance) ?? '';

/** The same process with the mark that a process of its instance has outside a container. */
function inContainer(seen: ProcessSeen, containers: ReadonlyMap<string, string>): readonly ProcessSeen[] {
  let groups: string;
  try {
    groups = readFileSync(`/proc/${seen.pid}/cgroup`, 'utf8');
  } catch {
    return [];
  }
  const instance = containers.get(/[/-]([0-9a-f]{64})(?:\.scope)?$/m.exec(groups)?.[1] ?? '');
  return instance === undefined
    ? []
    : [{ ...seen, environment: new Map([...seen.environment, [markers.instance, `container:${instance}`]]) }];
}

/** The keeper's configuration is its first argument. */
function markOf(keeper: ProcessSeen): string | undefined {
  try {
    return (JSON.parse(keeper.argv.find((word) => word.startsWith('{')) ?? '{}') as { homeId?: string }).homeId;
  } catch {
    return undefined;
  }
}
