import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { contains, rangeOf } from '../../../src/adapters/runtime/docker/warden/addresses.ts';
import { openNetworks } from '../../../src/adapters/runtime/docker/warden/networks.ts';
import type { Answer, Engine } from '../../../src/engine/client.ts';
import { EngineError } from '../../../src/engine/errors.ts';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'sb-networks-'));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

interface Made {
  Id: string;
  Name: string;
  Labels: Record<string, string>;
  IPAM: { Config: { Subnet: string; Gateway?: string }[] };
}

/** Networks of an engine that gives blocks of 65,536 addresses, as engines do unless they are told otherwise. */
function engineWithWideBlocks(): Engine & { readonly made: Made[] } {
  const made: Made[] = [];
  const overlaps = (a: string, b: string): boolean => {
    const [one, other] = [rangeOf(a), rangeOf(b)];
    return one !== null && other !== null && (contains(one, other.first) || contains(other, one.first));
  };
  const create = (body: Omit<Made, 'Id' | 'IPAM'> & { IPAM?: Made['IPAM'] }): Made => {
    const taken = made.flatMap(({ IPAM }) => IPAM.Config.map(({ Subnet }) => Subnet));
    const free = Array.from({ length: 14 }, (_, n) => `172.${18 + n}.0.0/16`).find((b) => !taken.some((t) => overlaps(b, t)));
    const subnet = body.IPAM?.Config[0]?.Subnet ?? free ?? '';
    if (taken.some((other) => overlaps(subnet, other)))
      throw new EngineError('refused', 'Pool overlaps with other one on this address space', { status: 403 });
    const network = { ...body, Id: `n${made.length}${body.Name}`, IPAM: body.IPAM ?? { Config: [{ Subnet: subnet }] } };
    made.push(network);
    return network;
  };
  const call = async (method: string, path: string, options: { body?: object } = {}): Promise<unknown> => {
    await wait(Math.random() * 5);
    const named = decodeURIComponent(path.replace('/networks/', ''));
    const at = made.findIndex(({ Id, Name }) => Id === named || Name === named);
    if (path === '/networks/create') return { ok: true, status: 201, body: create(options.body as Made) };
    if (path === '/networks') return { ok: true, status: 200, body: [...made] };
    if (at === -1) return { ok: false, status: 404, message: 'no such network' };
    if (method === 'DELETE') made.splice(at, 1);
    return { ok: true, status: 200, body: made[at] };
  };
  return {
    made,
    socketPath: '',
    call: <Body>(method: string, path: string, options?: object) => call(method, path, options) as Promise<Answer<Body>>,
    stream: () => Promise.reject(new Error('not here')),
    version: () => Promise.resolve('1.41'),
    close: () => Promise.resolve(),
  };
}

it('networks that are made at the same moment are cut from one block without getting in each other’s way', async () => {
  const engine = engineWithWideBlocks();
  const networks = openNetworks(engine, 'h', dir);
  const labels = { 'signalbox.installation': 'h' };
  await networks.ensure('signalbox-h-first', labels);
  const names = Array.from({ length: 20 }, (_, n) => `signalbox-h-${n}`);
  const found = await Promise.all(names.map((name) => networks.ensure(name, labels)));
  expect(new Set(found.map(({ subnet }) => subnet)).size).toBe(20);
  expect(found.every(({ subnet }) => subnet.startsWith('172.18.'))).toBe(true);
});
