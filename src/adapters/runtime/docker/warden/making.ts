import type { Engine } from '../../../../engine/client.ts';
import type { ContainerSpec } from '../protocol.ts';
import { contains, freeAddress, rangeOf } from './addresses.ts';
import type { Containers } from './containers.ts';
import { bindOf, handOver, makeFolders } from './lasting.ts';
import type { Network, Networks } from './networks.ts';

/** Makes containers with what they need around them: their network, an address that stays theirs, their lasting folders. */
export interface Making {
  network(spec: ContainerSpec): Promise<Network>;
  /** @param address the one that it had before, kept if it can be. @throws NameTaken, EngineError. */
  make(spec: ContainerSpec, address: string | null): Promise<{ readonly container: string; readonly address: string }>;
  /** Takes an address that is on record. */
  hold(spec: ContainerSpec, address: string | null): void;
  release(id: string): void;
}

export interface MakingOptions {
  readonly engine: Engine;
  readonly homeId: string;
  readonly containers: Containers;
  readonly networks: Networks;
}

export function openMaking({ engine, homeId, containers, networks }: MakingOptions): Making {
  const held = new Map<string, { readonly network: string; readonly address: string }>();
  const takenIn = (network: string): Set<string> =>
    new Set([...held.values()].flatMap((one) => (one.network === network ? one.address : [])));
  const network = (spec: ContainerSpec): Promise<Network> =>
    networks.ensure(
      spec.network,
      Object.fromEntries(Object.entries(spec.labels).filter(([name]) => /\.(installation|app|environment)$/.test(name))),
    );

  /** New folders are filled and handed over before the next container mounts them. */
  let folders: Promise<unknown> = Promise.resolve();
  const make: Making['make'] = async (spec, before) => {
    const { subnet, gateway } = await network(spec);
    held.delete(spec.id);
    const taken = takenIn(spec.network);
    const address = before !== null && !taken.has(before) && isIn(subnet, before) ? before : freeAddress(subnet, taken);
    held.set(spec.id, { network: spec.network, address });
    await makeFolders(spec.lasting);
    const binds = spec.lasting.map((one) => bindOf(homeId, spec, one));
    const made = await containers.create(spec, { address, gateway, binds });
    if (made.address !== null) held.set(spec.id, { network: spec.network, address: made.address });
    await handOver(engine, made.container, spec);
    return { container: made.container, address: made.address ?? address };
  };

  return {
    network,
    make: (spec, before) => {
      if (spec.lasting.length === 0) return make(spec, before);
      const mine = folders.then(() => make(spec, before));
      folders = mine.catch(() => {});
      return mine;
    },
    hold: (spec, address) => {
      if (address !== null) held.set(spec.id, { network: spec.network, address });
    },
    release: (id) => void held.delete(id),
  };
}

function isIn(subnet: string, address: string): boolean {
  const [range, one] = [rangeOf(subnet), rangeOf(`${address}/32`)];
  return range !== null && one !== null && contains(range, one.first);
}
