/**
 * bench:crash: SIGKILL of everything, under load. Control plane: in each phase of a rollout and between each commit and its effect,
 * whether the rollout goes on or back, by itself or by hand (seen in the store, killed within a millisecond or two). Proxy workers, keeper, instances, control plane and workers together, a reboot.
 * `node bench/run.js crash [--runtime docker] [--quick] [--kills 11] [--parts 10] [--rate 300]`: kills per cell; exits 1 when a bar is missed.
 */
import { join } from 'node:path';
import { cells } from './crash/cells.ts';
import { type Kill, killControlPlane } from './crash/control-plane-kills.ts';
import { Decisions } from './crash/decisions.ts';
import { killPart, type PartKill, partKills } from './crash/part-kills.ts';
import type { Scene } from './crash/scene.ts';
import { readArguments } from './kit/arguments.ts';
import { runtimeSettings } from './kit/docker.ts';
import { makeRepository } from './kit/repository.ts';
import { conclude, printTable, quantile } from './kit/result.ts';
import { withInstallation } from './kit/with-installation.ts';
import type { LoadReport } from './load/contract.ts';
import { fetchRecord } from './load/fetch-record.ts';
import { verifyOrders, withOrders } from './load/orders.ts';
import { benchedHost, standardLoad } from './load/standard-mix.ts';
import { startLoad } from './load/start.ts';

const options = readArguments({ kills: [11, 1], parts: [10, 1], rate: [300, 200], streams: [20, 5] }, ['process', 'docker']);
/** A moment that was over before it was seen is tried again this often. */
const tries = 5;

await withInstallation(async ({ installation, folder }) => {
  const repository = await makeRepository(join(folder, 'benched'), {
    yaml: [['    persist: [orders]\n', '    persist: [orders]\n    release: { run: node migrate.js, when: always }\n']],
  });
  await repository.commit('1');
  await installation.deploy(repository.folder);
  const scene: Scene = { installation, repository, http: installation.addresses().http };
  const { kills, report } = await controlPlaneKills(scene);
  const parts = await otherKills(scene);
  const left = await installation.stop();
  await tell({ kills, report, parts, left });
}, runtimeSettings(options.runtime));

async function controlPlaneKills(scene: Scene): Promise<{ kills: Counted<Kill>[]; report: LoadReport }> {
  const load = await startLoad(standardLoad({ port: scene.http, rate: options.rate, streams: options.streams }));
  const decisions = new Decisions(join(scene.installation.home, 'signalbox.db'));
  const kills: Counted<Kill>[] = [];
  let version = 1;
  let lost = 0;
  for (let round = 0; round < options.kills; round += 1) {
    for (const cell of cells) {
      for (let attempt = 1; attempt <= tries; attempt += 1) {
        version += 1;
        const kill = await killControlPlane(scene, decisions, { cell, version: String(version) });
        if (!kill.hit && attempt < tries) continue;
        const { started, drops } = load.totals();
        const sum = Object.values(drops).reduce((total, count) => total + count, 0);
        kills.push({ ...kill, dropped: sum - lost });
        lost = sum;
        const outcome = kill.hit
          ? `back after ${Math.round(kill.backMs)} ms, ${kill.faults.join('; ') || 'all well'}`
          : 'never seen';
        process.stdout.write(`control plane, ${cell.name}: ${outcome}; ${started} requests, dropped: ${summary(drops)}\n`);
        break;
      }
    }
  }
  decisions.close();
  const record = fetchRecord({ host: '127.0.0.1', port: scene.http, hostHeader: benchedHost, path: '/api/orders' });
  const report = await load.stop();
  return { kills, report: withOrders(report, await verifyOrders(report.orders, record)) };
}

/** These cut what is in flight: what is measured is how soon everything is back, and that nothing else went wrong. */
async function otherKills(scene: Scene): Promise<Counted<PartKill>[]> {
  const results: Counted<PartKill>[] = [];
  for (const part of Object.keys(partKills)) {
    for (let round = 0; round < options.parts; round += 1) {
      const load = await startLoad(standardLoad({ port: scene.http, rate: options.rate, streams: options.streams }));
      const killed = await killPart(scene, part);
      const { dropped } = await load.stop();
      results.push({ ...killed, dropped });
      process.stdout.write(
        `${part}: back after ${Math.round(killed.backMs)} ms, ${killed.faults.join('; ') || 'all well'}; ${dropped} dropped\n`,
      );
    }
  }
  return results;
}

function summary(drops: LoadReport['drops']): string {
  const kinds = Object.entries(drops).filter(([, count]) => count > 0);
  return kinds.length === 0 ? '0' : kinds.map(([kind, count]) => `${count} ${kind}`).join(', ');
}

/** With the requests that its clients lost meanwhile. */
type Counted<Measured> = Measured & { readonly dropped: number };

interface Outcome {
  readonly kills: readonly Counted<Kill>[];
  readonly report: LoadReport;
  readonly parts: readonly Counted<PartKill>[];
  /** Processes that `down --all` left behind. */
  readonly left: number;
}

async function tell({ kills, report, parts, left }: Outcome): Promise<void> {
  const hits = kills.filter((kill) => kill.hit);
  printTable(
    `SIGKILL under ${options.rate} requests a second: of the control plane at a moment of a rollout, then of other parts (what they had in flight is cut)`,
    ['killed', 'kills', 'ended wrong', 'back, p50 ms', 'longest', 'requests dropped'],
    [
      ...cells.map(({ name }) =>
        row(
          name,
          hits.filter((kill) => kill.cell === name),
        ),
      ),
      ...Object.keys(partKills).map((name) =>
        row(
          name,
          parts.filter((kill) => kill.part === name),
        ),
      ),
    ],
  );
  for (const drop of report.firstDrops.slice(0, 10))
    process.stdout.write(`  ${new Date(drop.at).toISOString()} ${drop.kind} ${drop.item}: ${drop.detail}\n`);
  const perCell = cells.map(({ name }) => hits.filter((kill) => kill.cell === name).length);
  const proxies = parts.filter(({ part }) => part.startsWith('proxy workers')).map(({ backMs }) => backMs);
  const keepers = parts.filter(({ part }) => part === 'keeper');
  await conclude({
    bench: options.runtime === 'docker' ? 'crash-docker' : 'crash',
    quick: options.quick,
    bars: [
      { name: 'dropped by kills of the control plane', value: report.dropped, limit: 0 },
      { name: 'dropped by kills of the keeper', value: keepers.reduce((sum, kill) => sum + kill.dropped, 0), limit: 0 },
      { name: 'kills of the control plane', value: hits.length, limit: options.quick ? cells.length : 200, kind: 'least' },
      {
        name: 'kills in each phase and before each effect',
        value: Math.min(...perCell),
        limit: options.quick ? 1 : 10,
        kind: 'least',
      },
      { name: 'rollouts that ended wrong', value: hits.filter((kill) => kill.faults.length > 0).length, limit: 0 },
      { name: 'other kills that ended wrong', value: parts.filter((kill) => kill.faults.length > 0).length, limit: 0 },
      { name: 'proxy back, longest', value: Math.max(...proxies), limit: 1000, unit: 'ms' },
      { name: 'processes left behind by down --all', value: left, limit: 0 },
      { name: 'faults of the clients themselves', value: report.clientFaults, limit: 0 },
    ],
    skipped: [],
    figures: { kills, parts, started: report.started, drops: report.drops, firstDrops: report.firstDrops },
  });
}

function row(name: string, of: readonly { backMs: number; faults: readonly string[]; dropped: number }[]): (string | number)[] {
  const back = of.map((kill) => Math.round(kill.backMs));
  const wrong = of.filter((kill) => kill.faults.length > 0).length;
  const dropped = of.reduce((sum, kill) => sum + kill.dropped, 0);
  return [name, of.length, wrong, quantile(back, 0.5), Math.max(...back), dropped];
}
