/**
 * bench:footprint: memory (PSS) and processor time of control plane, keeper and proxy, idle with 10 apps; time of `signalbox --help`.
 * `node bench/run.js footprint [--quick] [--apps 10] [--seconds 60]`; exits 1 when a bar is missed. Needs /proc (Linux).
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Installation } from './installation.ts';
import { readArguments } from './kit/arguments.ts';
import type { Parts } from './kit/parts.ts';
import type { ProcessSeen } from './kit/processes.ts';
import { makeRepository } from './kit/repository.ts';
import { conclude, median, printTable } from './kit/result.ts';
import { withInstallation } from './kit/with-installation.ts';

const options = readArguments({ apps: [10, 10], seconds: [60, 10], settle: [30, 8], helps: [15, 5] });
/** Of /proc/<pid>/stat on every Linux of interest. */
const ticksPerSecond = 100;

interface Footprint {
  readonly part: string;
  readonly processes: number;
  readonly pssMb: number;
  /** Share of one core. */
  readonly cpu: number;
}

await withInstallation(async ({ installation, folder }) => {
  for (let number = 1; number <= options.apps; number += 1) {
    const repository = await makeRepository(join(folder, `app-${number}`), {
      yaml: [
        ['app: benched', `app: benched-${number}`],
        ['benched.localhost', `benched-${number}.localhost`],
        ['benched.localhost', `benched-${number}.localhost`],
        // The product's defaults; the bench's app is probed faster.
        ['interval: 200ms', 'interval: 1s'],
        ['interval: 200ms', 'interval: 1s'],
      ],
    });
    await repository.commit('1');
    await installation.deploy(repository.folder);
  }
  await delay(options.settle * 1000);
  const footprints = await measure(installation);
  const helpMs: number[] = [];
  for (let run = 0; run < options.helps; run += 1) {
    const started = performance.now();
    await installation.cli('--help');
    helpMs.push(performance.now() - started);
  }
  await tell(footprints, helpMs);
});

async function measure(installation: Installation): Promise<Footprint[]> {
  const parts = await installation.parts();
  const groups: readonly (readonly [keyof Parts, string])[] = [
    ['controlPlane', 'control plane'],
    ['keeper', 'keeper'],
    ['workers', 'proxy workers'],
    ['instances', 'instances (the apps themselves)'],
  ];
  const before = await Promise.all(groups.map(([group]) => ticks(parts[group])));
  const started = performance.now();
  await delay(options.seconds * 1000);
  const seconds = (performance.now() - started) / 1000;
  return await Promise.all(
    groups.map(async ([group, part], index) => ({
      part,
      processes: parts[group].length,
      pssMb: await pssMb(parts[group]),
      cpu: ((await ticks(parts[group])) - (before[index] ?? 0)) / ticksPerSecond / seconds,
    })),
  );
}

async function ticks(processes: readonly ProcessSeen[]): Promise<number> {
  const each = await Promise.all(
    processes.map(async ({ pid }) => {
      const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
      const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      return Number(fields[11]) + Number(fields[12]);
    }),
  );
  return each.reduce((sum, value) => sum + value, 0);
}

async function pssMb(processes: readonly ProcessSeen[]): Promise<number> {
  const each = await Promise.all(
    processes.map(
      async ({ pid }) => Number(/^Pss:\s+(\d+) kB/m.exec(await readFile(`/proc/${pid}/smaps_rollup`, 'utf8'))?.[1]) / 1024,
    ),
  );
  return each.reduce((sum, value) => sum + value, 0);
}

async function tell(footprints: readonly Footprint[], helpMs: readonly number[]): Promise<void> {
  const own = footprints.filter(({ part }) => !part.startsWith('instances'));
  const sum = (pick: (footprint: Footprint) => number): number => own.reduce((total, footprint) => total + pick(footprint), 0);
  printTable(
    `Idle with ${options.apps} apps, over ${options.seconds} s`,
    ['', 'processes', 'MiB PSS', '% of a core'],
    footprints.map(({ part, processes, pssMb, cpu }) => [part, processes, pssMb, cpu * 100]),
  );
  await conclude({
    bench: 'footprint',
    quick: options.quick,
    bars: [
      { name: 'control plane + keeper + proxy, PSS', value: sum(({ pssMb }) => pssMb), limit: 150, unit: 'MiB' },
      { name: 'control plane + keeper + proxy, of a core', value: sum(({ cpu }) => cpu) * 100, limit: 1, unit: '%' },
      { name: 'signalbox --help, median', value: median(helpMs), limit: 150, unit: 'ms' },
    ],
    skipped: [],
    figures: { footprints, helpMs },
  });
}
