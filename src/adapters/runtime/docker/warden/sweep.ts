import type { Engine } from '../../../../engine/client.ts';
import { prefixOf } from '../names.ts';

interface Listed {
  readonly Id: string;
  readonly Names: readonly string[];
  readonly State: string;
  readonly Command: string;
  /** Seconds since 1970. */
  readonly Created: number;
}

/** A step of a build that does nothing but write something down takes a fraction of a second. */
const stepSeconds = 10;

/** The engine ended in the middle of such a step; it has the labels of its image, and a name that the engine made up. */
const isForsakenStep = ({ State, Command, Created }: Listed): boolean =>
  State === 'created' && /^\/bin\/sh -c '?#\(nop\)/.test(Command) && Date.now() / 1000 - Created > stepSeconds;

/**
 * Removes containers of this installation that nobody has on record: label and name must both be ours, or it is a step of a build that an
 * ended engine left. One that runs is left alone unless `strays` says that nobody is going to claim it any more.
 */
export async function sweepContainers(
  engine: Engine,
  options: {
    readonly homeId: string;
    readonly known: () => ReadonlySet<string>;
    readonly strays: boolean;
    readonly remove: (container: string) => Promise<void>;
    readonly report: (message: string) => void;
  },
): Promise<void> {
  const { homeId, known, strays, remove, report } = options;
  // What is being made at this moment is on record before it is in the list.
  const answer = await engine.call<readonly Listed[]>('GET', '/containers/json', {
    query: { all: true, filters: { label: [`signalbox.installation=${homeId}`] } },
  });
  if (!answer.ok) return;
  const names = known();
  for (const container of answer.body) {
    const { Id, Names, State } = container;
    const name = (Names[0] ?? '').replace(/^\//, '');
    const isOurs = name.startsWith(prefixOf(homeId)) || isForsakenStep(container);
    if (!isOurs || names.has(name) || (State === 'running' && !strays)) continue;
    report(`${name} is on nobody's record (${State}); it is removed.`);
    await remove(Id);
  }
}

/** Removes volumes of this installation that no container uses. They are names for folders of ours, which stay. */
export async function sweepVolumes(engine: Engine, homeId: string): Promise<void> {
  const answer = await engine.call<{ readonly Volumes: readonly { readonly Name: string }[] | null }>('GET', '/volumes', {
    query: { filters: { label: [`signalbox.installation=${homeId}`], dangling: ['true'] } },
  });
  if (!answer.ok) return;
  for (const { Name } of answer.body.Volumes ?? []) {
    if (Name.startsWith(prefixOf(homeId))) await engine.call('DELETE', `/volumes/${Name}`);
  }
}
