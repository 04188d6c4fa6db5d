import { join, relative } from 'node:path';
import type { ServiceSpec } from '../domain/spec.ts';
import { envFilePaths, type ServicePlace } from './folder.ts';
import { gitIgnored } from './ignored.ts';
import type { DevLog } from './log.ts';
import type { DevPlan } from './command.ts';
import type { RunningService } from './service.ts';
import { noSourceIn, watchPaths } from './watch.ts';

export interface FollowOptions {
  readonly service: RunningService;
  readonly wanted: { readonly spec: ServiceSpec; readonly place: ServicePlace; readonly plan: DevPlan };
  /** All services of the app: a folder inside this one's that is another's does not count. */
  readonly others: readonly ServiceSpec[];
  readonly root: string;
  readonly log: DevLog;
}

/** A file that changes this often within `ownWritesMs` of a restart, or of the moment it took effect, is written by the app itself. */
const ownWritesLimit = 3;
const ownWritesMs = 3000;

/** Restarts a service when its files change, or its files of variables do. */
export function watchService({ service, wanted, others, root, log }: FollowOptions): { close(): void } {
  const { spec, place, plan } = wanted;
  const inside = others.filter((one) => one !== spec && one.path !== spec.path && isWithin(one.path, spec.path));
  const nested = inside.map(({ path }) => join(root, path));
  const named = `${spec.run ?? ''} ${plan.kind === 'command' ? plan.run : ''}`
    .split(/\s+/)
    .map((word) => word.replace(/^\.\//, ''));
  const outputs = plan.prepare === undefined ? named : [];
  const noSource = noSourceIn(place.folder, { data: spec.persist, named: outputs });
  const built = plan.kind === 'files' && plan.prepare !== undefined ? join(place.folder, plan.folder) : undefined;
  const writtenByApp = new Map<string, number>();
  const quiet = new Set<string>();
  let restartedAt = 0;

  const ignored = (path: string): boolean =>
    noSource(path) ||
    nested.some((folder) => path === folder || path.startsWith(`${folder}/`)) ||
    (built !== undefined && built !== place.folder && (path === built || path.startsWith(`${built}/`)));

  const follows = (): boolean => plan.kind === 'files' || !plan.reloads || service.standing().kind === 'down';
  const onChange = async (paths: readonly string[]): Promise<void> => {
    if (!follows()) return;
    const skipped = await gitIgnored(root, paths);
    const counted = paths.filter((path) => !skipped.has(path) && !quiet.has(path));
    if (counted.length === 0) return;
    for (const path of counted) if (isOwnWrite(path)) return;
    restartedAt = performance.now();
    log.note(service.name, `${shown(counted, place.folder)} changed`);
    service.restart('a file changed');
  };
  const isOwnWrite = (path: string): boolean => {
    const soon = performance.now() - Math.max(restartedAt, service.beganAt()) < ownWritesMs;
    const times = soon ? (writtenByApp.get(path) ?? 0) + 1 : 0;
    writtenByApp.set(path, times);
    if (times < ownWritesLimit) return false;
    quiet.add(path);
    log.note(
      service.name,
      `${shown([path], place.folder)} changes with every restart, so the app writes it itself; it is not watched any more`,
    );
    return true;
  };

  const paths =
    plan.kind === 'command' && plan.watch !== undefined ? plan.watch.map((path) => join(place.folder, path)) : [place.folder];
  const shared = (spec.inputs ?? []).filter((input) => input !== spec.path && input !== '.').map((input) => join(root, input));
  const trouble = (what: string): void => log.note(service.name, what, 'bad');
  const source = watchPaths({
    paths: [...paths, ...shared],
    ignored,
    onChange: (changed) => void onChange(changed),
    onTrouble: trouble,
  });
  const variables = watchPaths({
    paths: envFilePaths(place),
    ignored: () => false,
    onChange: (changed) => {
      log.note(service.name, `${shown(changed, root)} changed`);
      service.restart('its variables changed');
    },
    onTrouble: trouble,
  });
  return {
    close: () => {
      source.close();
      variables.close();
    },
  };
}

const isWithin = (path: string, folder: string): boolean => folder === '.' || path.startsWith(`${folder}/`);

function shown(paths: readonly string[], folder: string): string {
  const [first = '', ...rest] = paths.map((path) => relative(folder, path));
  return rest.length === 0 ? first : `${first} and ${rest.length} more`;
}
