import type { ProcessSeen } from './processes.ts';

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

const programs = { controlPlane: 'daemon.js', keeper: 'keeper/main.js', workers: 'proxy/main.js' } as const;
const marker = 'SIGNALBOX_INSTANCE';

/** @param home absolute folder of the installation. */
export function findParts(processes: readonly ProcessSeen[], home: string): Parts {
  const ofHome = processes.filter(
    (seen) => seen.argv.some((word) => word.includes(home)) || seen.environment.get('SIGNALBOX_HOME') === home,
  );
  const running = (program: string): ProcessSeen[] => ofHome.filter((seen) => seen.argv.some((word) => word.endsWith(program)));
  const keeper = running(programs.keeper);
  const homeIds = new Set(keeper.map(homeIdOf));
  const instances = processes.filter((seen) => {
    const mark = seen.environment.get(marker);
    if (mark === undefined) return false;
    return (
      homeIds.has(mark.slice(0, mark.indexOf(':'))) ||
      [...seen.environment.values()].some((value) => value.startsWith(`${home}/`))
    );
  });
  const known = new Set(instances);
  return {
    controlPlane: running(programs.controlPlane).filter((seen) => !known.has(seen)),
    keeper,
    workers: running(programs.workers),
    instances,
    all: [...ofHome.filter((seen) => !known.has(seen)), ...instances],
  };
}

/** The keeper's configuration is its first argument. */
function homeIdOf(keeper: ProcessSeen): string | undefined {
  const config = keeper.argv.find((word) => word.startsWith('{'));
  try {
    return (JSON.parse(config ?? '{}') as { homeId?: string }).homeId;
  } catch {
    return undefined;
  }
}
