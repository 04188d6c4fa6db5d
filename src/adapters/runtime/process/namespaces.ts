import { createHash } from 'node:crypto';
import { accessSync, constants } from 'node:fs';
import { networkInterfaces } from 'node:os';
import { delimiter, join } from 'node:path';
import type { Owner } from './scratch.ts';

/** A network of its own for one instance: for programs that insist on a port which another copy holds already. */
export interface Network {
  readonly name: string;
  /** Our end of the pair of interfaces, at most 15 characters. */
  readonly device: string;
  /** Where the instance reaches this machine. */
  readonly gateway: string;
  /** Where the instance is reached. */
  readonly address: string;
}

/** 10.213.0.0/16 in pieces of four addresses. */
const pieces = 16_384;

/** @param homeId keeps installations apart in names; addresses are told apart by `taken`. */
export function planNetwork(homeId: string, instance: string, taken: ReadonlySet<string>): Network {
  const hash = createHash('sha256').update(`${homeId}:${instance}`).digest();
  for (let tried = 0, piece = hash.readUInt16BE(0) % pieces; tried < pieces; tried++, piece = (piece + 1) % pieces) {
    const prefix = `10.213.${piece >> 6}.`;
    const base = (piece & 63) * 4;
    const address = `${prefix}${base + 2}`;
    if (taken.has(address)) continue;
    const tag = hash.toString('hex', 2, 7);
    return { name: `signalbox-${homeId}-${tag}`, device: `sb${tag}`, gateway: `${prefix}${base + 1}`, address };
  }
  throw new Error('All network addresses for instances are taken.');
}

/** Addresses of instances, another installation's too: each is the one after its gateway, which is ours. */
export function addressesInUse(): string[] {
  const addresses = Object.values(networkInterfaces()).flatMap((list = []) => list.map(({ address }) => address));
  return addresses
    .filter((address) => address.startsWith('10.213.'))
    .map((gateway) => gateway.replace(/\d+$/, (last) => `${Number(last) + 1}`));
}

/**
 * Makes the network anew and runs the command in it as the owner. Everything is in the one command, so that the keeper can repeat it
 * after a reboot. The network loses its name as soon as it is entered: it lives exactly as long as the processes in it, and nobody
 * has to remove it. Without iptables the instance reaches this machine only.
 */
export function networkArgv(network: Network, owner: Owner | null, argv: readonly string[]): [string, ...string[]] {
  const user = owner ? ['setpriv', '--reuid', `${owner.uid}`, '--regid', `${owner.gid}`, '--clear-groups', '--'] : [];
  const { name, device, gateway, address } = network;
  return ['/bin/sh', '-ec', script, 'signalbox', name, device, gateway, address, ...user, ...argv];
}

const script = `
name=$1 device=$2 gateway=$3 address=$4; shift 4
ip link del "$device" 2>/dev/null || :
ip netns del "$name" 2>/dev/null || :
ip netns add "$name"
ip link add "$device" type veth peer name eth0 netns "$name"
ip addr add "$gateway/30" dev "$device"
ip link set "$device" up
ip -n "$name" link set lo up
ip -n "$name" addr add "$address/30" dev eth0
ip -n "$name" link set eth0 up
ip -n "$name" route add default via "$gateway"
if command -v iptables >/dev/null 2>&1; then
  echo 1 >/proc/sys/net/ipv4/ip_forward || :
  iptables -t nat -C POSTROUTING -s 10.213.0.0/16 ! -d 10.213.0.0/16 -j MASQUERADE 2>/dev/null ||
    iptables -t nat -A POSTROUTING -s 10.213.0.0/16 ! -d 10.213.0.0/16 -j MASQUERADE || :
fi
exec nsenter --net="/run/netns/$name" -- /bin/sh -ec 'ip netns del "$1"; shift; exec "$@"' signalbox "$name" "$@"`;

/** Whether this machine and user can make them: root, with iproute2 and util-linux. */
export function canMakeNetworks(uid: number, path: string): boolean {
  return (
    uid === 0 &&
    ['ip', 'nsenter', 'setpriv'].every((program) => path.split(delimiter).some((folder) => isExecutable(join(folder, program))))
  );
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
