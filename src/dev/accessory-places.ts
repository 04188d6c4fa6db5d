import { type AccessorySpec, accessoryImage, type RuntimeKind } from '../domain/accessories.ts';
import { SignalboxError } from '../domain/errors.ts';

export interface PlacedAccessory {
  readonly spec: AccessorySpec;
  readonly kind: RuntimeKind;
  /** For a person, where the choice is not the usual one. */
  readonly note?: string;
}

export interface PlacementFacts {
  /** `--runtime`; undefined: processes where they can, containers where an engine answers. */
  readonly asked: RuntimeKind | undefined;
  /** What it ran as the last time: that is where its data is. */
  readonly last: (name: string) => RuntimeKind | undefined;
  /** Why this system's own programs cannot give it, or null. */
  readonly obstacle: (spec: AccessorySpec) => SignalboxError | null;
  /** Why no engine can be used, or null. Asked only when it matters. */
  readonly engineTrouble: () => Promise<string | null>;
}

export interface Placement {
  readonly placed: readonly PlacedAccessory[];
  /** Nothing refers to a database browser: a stack goes without it. */
  readonly leftOut: readonly { readonly name: string; readonly why: string }[];
}

/**
 * What each accessory runs as at the desk.
 * @throws ENGINE_UNAVAILABLE where containers were asked for, ACCESSORY_UNAVAILABLE where neither way is open
 */
export async function placeAccessories(specs: readonly AccessorySpec[], facts: PlacementFacts): Promise<Placement> {
  const placed: PlacedAccessory[] = [];
  const leftOut: { name: string; why: string }[] = [];
  for (const spec of specs) {
    const where = facts.asked === 'docker' ? await asContainer(spec, facts) : await asUsual(spec, facts);
    if ('why' in where) leftOut.push({ name: spec.name, why: where.why });
    else placed.push(where);
  }
  return { placed, leftOut };
}

async function asContainer(spec: AccessorySpec, { last, obstacle, engineTrouble }: PlacementFacts): Promise<PlacedAccessory> {
  if (accessoryImage(spec) === undefined) {
    const cause = obstacle(spec);
    if (cause !== null) throw cause;
    return { spec, kind: 'process', note: 'has no image, so it runs as a process' };
  }
  const trouble = await engineTrouble();
  if (trouble !== null)
    throw new SignalboxError('ENGINE_UNAVAILABLE', `--runtime docker: ${trouble}`, {
      hint: 'Start it, set SIGNALBOX_DOCKER_HOST to its socket, or leave --runtime out.',
    });
  return { spec, kind: 'docker', ...(last(spec.name) === 'process' ? { note: leftBehind('process') } : {}) };
}

async function asUsual(spec: AccessorySpec, facts: PlacementFacts): Promise<PlacedAccessory | { readonly why: string }> {
  const { asked, last, engineTrouble } = facts;
  const cause = facts.obstacle(spec);
  const before = last(spec.name);
  const mayBeContainer = asked === undefined && accessoryImage(spec) !== undefined;
  const trouble = mayBeContainer && (cause !== null || before === 'docker') ? await engineTrouble() : null;
  if (cause === null) {
    if (before !== 'docker') return { spec, kind: 'process' };
    if (mayBeContainer && trouble === null)
      return {
        spec,
        kind: 'docker',
        note: 'runs as a container, as last time: its data is there (otherwise: --runtime process)',
      };
    return { spec, kind: 'process', note: `${leftBehind('docker')}${trouble === null ? '' : ` (${trouble})`}` };
  }
  const why = cause.message.replace(`${spec.name}: `, '').replace(`${spec.name} `, 'it ');
  if (mayBeContainer && trouble === null)
    return { spec, kind: 'docker', note: `runs as a container${before === 'process' ? ` with data of its own` : ''}: ${why}` };
  const both = trouble === null ? why : `${why} As a container neither: ${trouble}`;
  if (spec.type === 'pgadmin') return { why: `left out: ${both}` };
  throw new SignalboxError(cause.code, trouble === null ? cause.message : `${cause.message} As a container neither: ${trouble}`, {
    hint: `${cause.hint ?? ''} Or bring your own with --no-accessories and .env.`.trim(),
    cause,
  });
}

const leftBehind = (kind: RuntimeKind): string =>
  kind === 'process'
    ? 'runs as a container; what it kept as a process stays where it is, and is not in here'
    : 'runs as a process; what it kept as a container stays where it is, and is not in here';
