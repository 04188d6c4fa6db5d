import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { handOver } from '../../src/adapters/data-plane/embedded/delivery.ts';
import { Edition } from '../../src/adapters/data-plane/embedded/edition.ts';
import { TableStore } from '../../src/adapters/data-plane/embedded/table-store.ts';
import type { Live } from '../../src/adapters/data-plane/embedded/worker-link.ts';
import type { RouteTable } from '../../src/domain/route-table.ts';
import type { WorkloadId } from '../../src/domain/values.ts';
import { type EmbeddedProxy, startEmbedded } from '../peers/embedded.ts';
import { tableOf } from '../peers/table.ts';

export interface Applied {
  /** Each table differs from the one before in one app. */
  readonly oneMs: readonly number[];
  /** Each table differs from the one before in every app. */
  readonly allMs: readonly number[];
  /** Longest time in which the worker answered nobody, right after a table. */
  readonly worstPauseMs: number;
}

export interface ApplySpec {
  readonly proxy: EmbeddedProxy;
  readonly folder: string;
  readonly hosts: readonly string[];
  readonly backendPort: number;
  readonly applies: number;
}

/**
 * What a commit of the data plane takes: the table compared with the one before, written to disk for good, handed to the worker,
 * checked, bound, served and acknowledged.
 */
export async function applyOften({ proxy, folder, hosts, backendPort, applies }: ApplySpec): Promise<Applied> {
  const store = new TableStore(join(folder, 'routes.json'));
  const live: Live = { control: proxy.control, hello: await proxy.control.call('hello', {}), digest: null, open: true };
  const worst = { pauseMs: 0 };
  let present: Edition | undefined;
  let version = 0;
  const apply = async (table: RouteTable): Promise<number> => {
    const before = performance.now();
    const { edition, file } = Edition.of(table, present);
    const stored = await store.write(file);
    await handOver(live, edition, 60_000);
    const took = performance.now() - before;
    await stored.keep();
    present = edition;
    const asked = performance.now();
    await proxy.control.call('hello', {});
    worst.pauseMs = Math.max(worst.pauseMs, performance.now() - asked);
    return took;
  };
  const allMs: number[] = [];
  for (let round = 0; round < applies; round += 1) {
    version += 1;
    allMs.push(await apply(moved(tableOf({ version, hosts, backendPort }), version)));
  }
  const oneMs: number[] = [];
  for (let round = 0; round < applies; round += 1) {
    version += 1;
    // Composed anew each time, as the control plane does it: nothing is known to be the same by being the same object.
    const table = moved(tableOf({ version, hosts, backendPort }), applies);
    oneMs.push(await apply({ ...table, ...deployed(table, round % hosts.length) }));
  }
  return { oneMs, allMs, worstPauseMs: worst.pauseMs };
}

/** Every app has another pool, and its route leads there. */
function moved(table: RouteTable, round: number): RouteTable {
  const idOf = (id: string): WorkloadId => `${id}-${round}` as WorkloadId;
  return {
    ...table,
    splits: table.splits.map((split) => ({
      ...split,
      routes: split.routes.map((route) => ({
        ...route,
        pools: Object.fromEntries(Object.entries(route.pools).map(([release, pool]) => [release, idOf(pool)])),
      })),
    })),
    pools: table.pools.map((pool) => ({ ...pool, id: idOf(pool.id) })),
  };
}

/** One app has. */
function deployed(table: RouteTable, index: number): Pick<RouteTable, 'splits' | 'pools'> {
  const [split, pool] = [table.splits[index], table.pools[index]];
  if (!split || !pool) return table;
  const one = moved({ ...table, splits: [split], pools: [pool] }, 0);
  return { splits: table.splits.with(index, one.splits[0] ?? split), pools: table.pools.with(index, one.pools[0] ?? pool) };
}

/** From the start of the program to its first answer, with nothing stored and with the table `stored`. */
export async function startOften(
  folder: string,
  stored: Buffer,
  rounds: number,
): Promise<{ readonly empty: readonly number[]; readonly many: readonly number[] }> {
  const took = { empty: [] as number[], many: [] as number[] };
  for (let round = 0; round < rounds; round += 1) {
    for (const kind of ['empty', 'many'] as const) {
      await mkdir(folder, { recursive: true });
      if (kind === 'many') await writeFile(join(folder, 'routes.json'), stored);
      const before = performance.now();
      const proxy = await startEmbedded(folder);
      took[kind].push(performance.now() - before);
      await proxy.stop();
      await rm(folder, { recursive: true, force: true });
    }
  }
  return took;
}
