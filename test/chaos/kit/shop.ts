import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { kill, waitFor } from '../../../bench/kit/processes.ts';
import type { AcceptedBody, RolloutBody } from '../../../src/api/contract.ts';
import { type App, oneService, quickHealth, type Settings } from '../../e2e/kit/apps.ts';
import { openSite, type Site } from '../../e2e/kit/site.ts';

export interface Who {
  readonly version: string;
  readonly pid: number;
}

/** What the next version of the shop is; everything has its default. */
export interface NextVersion {
  /** Folder of test/fixtures/apps. */
  readonly fixture?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly strategy?: Settings;
  /** Paths to smoke. */
  readonly smoke?: readonly string[];
}

/** An installation with one app whose releases take their time in every phase, so that they can be interrupted there. */
export interface Shop {
  readonly site: Site;
  readonly host: string;
  /** The newest version's number. */
  version(): string;
  /** Commits and deploys the next version. @returns the rollout as soon as it is accepted. */
  deploy(next?: NextVersion): Promise<string>;
  rollout(id: string): Promise<RolloutBody>;
  /** Waits for the moment. @throws Error when the rollout has ended before. */
  reaches(id: string, is: (now: RolloutBody) => boolean): Promise<void>;
  /** kill -9. */
  killControlPlane(): Promise<void>;
  /** How often the release command of this version has run. */
  commandRuns(version: string): Promise<number>;
  /** Waits until nothing runs but the instance that serves: no old release, no one-off command, no drift. */
  settled(): Promise<Who>;
}

/** @param pause how long build, release command and start take beyond their work, s. */
export async function openShop(pause: number): Promise<Shop> {
  const site = await openSite();
  try {
    return await stock(site, await site.app('shop'), pause);
  } catch (error) {
    await site.stop();
    throw error;
  }
}

async function stock(site: Site, app: App, pause: number): Promise<Shop> {
  const { installation } = site;
  const host = 'shop.localhost';
  let version = 1;
  const contents = ({ fixture = 'healthy', env = {}, strategy = { bake: '2s' }, smoke = ['/'] }: NextVersion) => ({
    fixture,
    settings: oneService(
      'shop',
      {
        run: `sleep ${pause}; exec node server.js`,
        build: `sleep ${pause}`,
        buildEnv: { VERSION: String(version) },
        release: { run: `sleep ${pause}; echo "$VERSION" >> journal/lines`, when: 'always' },
        persist: ['journal'],
        env: { VERSION: String(version), ...env },
        health: { path: '/health', ...quickHealth, interval: '200ms' },
      },
      { strategy, smoke },
    ),
  });
  await app.commit(contents({}));
  await installation.deploy(app.folder);
  const rollout = async (id: string): Promise<RolloutBody> => await installation.api('GET', `/v1/rollouts/${id}`);
  return {
    site,
    host,
    version: () => String(version),
    deploy: async (next = {}) => {
      version += 1;
      await app.commit(contents(next));
      const { exitCode, stdout, stderr } = await installation.cli('deploy', app.folder, '--detach', '--json');
      if (exitCode !== 0) throw new Error(`deploy ended with ${exitCode}: ${stdout}${stderr}`);
      return (JSON.parse(stdout) as AcceptedBody).rolloutId;
    },
    rollout,
    reaches: async (id, is) => {
      await waitFor(`the moment in ${id}`, 20_000, async () => {
        const now = await rollout(id);
        if (is(now)) return true;
        if (now.ended) throw new Error(`It ended before: ${JSON.stringify(now)}`);
        return undefined;
      });
    },
    killControlPlane: async () => {
      const { controlPlane } = await installation.parts();
      if (controlPlane.length !== 1) throw new Error(`There are ${controlPlane.length} control planes.`);
      for (const seen of controlPlane) await kill(seen, 'SIGKILL');
    },
    commandRuns: async (of) => {
      const journal = join(installation.home, 'persist/shop/production/journal/lines');
      return (await readFile(journal, 'utf8')).split('\n').filter((line) => line === of).length;
    },
    settled: async () => {
      const who = await site.json<Who>(host);
      await site.untilOnly([who.pid]);
      await waitFor('nothing but what is declared', 20_000, async () => {
        const { services, drift, rollout: open } = await site.environment('shop');
        const instances = await readdir(join(installation.home, 'keeper/instances'));
        return services.length === 1 && drift.length === 0 && (open?.ended ?? true) && instances.length === 1 ? true : undefined;
      });
      return who;
    },
  };
}

/** A step of the plan that is under way. */
export const running = (name: string) => (now: RolloutBody) =>
  now.steps.some((step) => step.name.startsWith(name) && step.state === 'running');
