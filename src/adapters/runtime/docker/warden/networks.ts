import { createHash } from 'node:crypto';
import { join } from 'node:path';
import type { Engine } from '../../../../engine/client.ts';
import { EngineError, isRefused } from '../../../../engine/errors.ts';
import { readJson, writeJson } from '../../../../keeper/state.ts';
import { prefixOf } from '../names.ts';
import { contains, formatAddress, type Range, rangeOf, slicesOf } from './addresses.ts';
import { NameTaken } from './containers.ts';

/** Networks of this installation: one per app and environment, with addresses that stay. */
export interface Networks {
  /** Makes the network unless it is there. @throws NameTaken, EngineError. */
  ensure(name: string, labels: Readonly<Record<string, string>>): Promise<Network>;
  /** As it was when it was last seen; undefined when it never was. */
  known(name: string): Network | undefined;
  /** Does nothing when it is in use, gone, or not ours. */
  remove(name: string): Promise<void>;
  /** The same for every network of this installation. */
  removeAll(): Promise<void>;
}

export interface Network {
  readonly id: string;
  readonly subnet: string;
  /** The machine's own address in it. */
  readonly gateway: string;
}

interface Inspected {
  readonly Id: string;
  readonly Name: string;
  readonly Labels: Readonly<Record<string, string>> | null;
  readonly IPAM: { readonly Config: readonly { readonly Subnet?: string; readonly Gateway?: string }[] | null };
}

/** Size of a network that is cut from a larger one: 126 addresses for instances, as many for everything else. */
const slicePrefix = 24;
/** To find a range that nobody takes at the same moment. */
const attempts = 3;

export function openNetworks(engine: Engine, homeId: string, dir: string): Networks {
  const file = join(dir, 'networks.json');
  const known = new Map(Object.entries((readJson(file) as Record<string, Network> | undefined) ?? {}));
  const busy = new Map<string, Promise<Network>>();
  let making: Promise<void> = Promise.resolve();

  const inspect = async (name: string): Promise<Inspected | null> => {
    const answer = await engine.call<Inspected>('GET', `/networks/${encodeURIComponent(name)}`);
    return answer.ok ? answer.body : null;
  };
  const create = async (name: string, labels: object, range: Range | null): Promise<void> => {
    const ipam = range && {
      Config: [
        {
          Subnet: formatRange(range),
          Gateway: formatAddress(range.first + 1),
          // What is not given an address by us gets one from the upper half.
          IPRange: formatRange({ first: range.first + 2 ** (31 - range.prefix), prefix: range.prefix + 1 }),
        },
      ],
    };
    const answer = await engine.call('POST', '/networks/create', {
      body: {
        Name: name,
        CheckDuplicate: true,
        Driver: 'bridge',
        Labels: labels,
        Options: { 'com.docker.network.bridge.name': bridgeName(name) },
        ...(ipam ? { IPAM: ipam } : {}),
      },
    });
    if (!answer.ok) throw new EngineError('refused', answer.message, { status: answer.status });
  };
  /** Only a network whose addresses were asked for lets containers choose theirs. Which are free, the engine knows best. */
  const findRange = async (name: string, labels: object): Promise<Range> => {
    const all = await engine.call<readonly Inspected[]>('GET', '/networks');
    const taken = all.ok ? all.body.flatMap(rangesOf) : [];
    const own = all.ok ? all.body.filter((network) => network.Labels?.['signalbox.installation'] === homeId) : [];
    const parents = own.flatMap((network) => network.Labels?.['signalbox.block'] ?? []).flatMap((text) => rangeOf(text) ?? []);
    for (const parent of parents) {
      const free = slicesOf(parent, slicePrefix).find((slice) => !taken.some((other) => overlap(slice, other)));
      if (free) return free;
    }
    await create(name, labels, null);
    const made = await inspect(name);
    await engine.call('DELETE', `/networks/${made?.Id ?? name}`);
    const given = made && rangesOf(made)[0];
    if (!given) throw new EngineError('refused', `The engine gave ${name} no addresses of IPv4.`);
    return given;
  };
  const make = async (name: string, labels: Readonly<Record<string, string>>): Promise<void> => {
    const before = known.get(name);
    const former = before && rangeOf(before.subnet);
    // The addresses that it had before: variables and route tables may still name them.
    if (former) {
      try {
        await create(name, labels, former);
        return;
      } catch (cause) {
        if (!(cause instanceof EngineError) || cause.kind === 'unavailable') throw cause;
      }
    }
    const block = await findRange(name, labels);
    const slice = block.prefix < slicePrefix ? { first: block.first, prefix: slicePrefix } : block;
    await create(name, block.prefix < slicePrefix ? { ...labels, 'signalbox.block': formatRange(block) } : labels, slice);
  };
  /** One after the other: each looks for what the ones before have left. Others on this engine take ranges as well: then it looks again. */
  const makeInTurn = (name: string, labels: Readonly<Record<string, string>>): Promise<void> => {
    const mine = making.then(async () => {
      for (let attempt = 1; ; attempt++) {
        try {
          await make(name, labels);
          return;
        } catch (cause) {
          if (!isRefused(cause) || attempt === attempts || (await inspect(name))) throw cause;
        }
      }
    });
    making = mine.catch(() => {});
    return mine;
  };
  const ensure = async (name: string, labels: Readonly<Record<string, string>>): Promise<Network> => {
    let found = await inspect(name);
    if (!found) {
      await makeInTurn(name, labels);
      found = await inspect(name);
    }
    if (found?.Name !== name || found.Labels?.['signalbox.installation'] !== homeId)
      throw new NameTaken(`A network named ${name} is there, and it was not made by this installation.`);
    const { Subnet = '', Gateway } = found.IPAM.Config?.[0] ?? {};
    const range = rangeOf(Subnet);
    if (!range) throw new EngineError('refused', `The network ${name} has no addresses of IPv4.`);
    const network = { id: found.Id, subnet: Subnet, gateway: Gateway ?? formatAddress(range.first + 1) };
    if (JSON.stringify(known.get(name)) !== JSON.stringify(network)) {
      known.set(name, network);
      writeJson(file, Object.fromEntries(known));
    }
    return network;
  };

  const remove = async (name: string): Promise<void> => {
    const found = await inspect(name);
    if (found?.Name === name && found.Labels?.['signalbox.installation'] === homeId) {
      try {
        await engine.call('DELETE', `/networks/${found.Id}`);
      } catch (cause) {
        // Somebody's container is in it: it is theirs as well.
        if (cause instanceof EngineError && cause.kind === 'refused') return;
        throw cause;
      }
    }
    if (known.delete(name)) writeJson(file, Object.fromEntries(known));
  };

  return {
    ensure: (name, labels) => {
      const mine = busy.get(name) ?? ensure(name, labels).finally(() => busy.delete(name));
      busy.set(name, mine);
      return mine;
    },
    known: (name) => known.get(name),
    remove,
    removeAll: async () => {
      const filters = { label: [`signalbox.installation=${homeId}`] };
      const answer = await engine.call<readonly Inspected[]>('GET', '/networks', { query: { filters } });
      for (const { Name } of answer.ok ? answer.body : []) if (Name.startsWith(prefixOf(homeId))) await remove(Name);
    },
  };
}

const rangesOf = ({ IPAM }: Inspected): Range[] => (IPAM.Config ?? []).flatMap(({ Subnet }) => rangeOf(Subnet ?? '') ?? []);
const formatRange = ({ first, prefix }: Range): string => `${formatAddress(first)}/${prefix}`;
const overlap = (a: Range, b: Range): boolean => contains(a, b.first) || contains(b, a.first);

/** At most 15 characters; firewalls can let `sgb-+` in. */
const bridgeName = (name: string): string => `sgb-${createHash('sha256').update(name).digest('hex').slice(0, 10)}`;
