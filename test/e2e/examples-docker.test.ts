import { execFile } from 'node:child_process';
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test, type TestContext } from 'vitest';
import { homeIdOf } from '../../bench/kit/docker.ts';
import { waitFor } from '../../bench/kit/processes.ts';
import { checkoutRoot } from '../../bench/load/program.ts';
import { testEngine } from '../docker/engine.ts';
import { ask } from './kit/ask.ts';
import { buildParts, coldFiles, shareOfMachine } from './kit/cold-build.ts';
import { losses, noLosses, openSite, type Site } from './kit/site.ts';

const run = promisify(execFile);
const engine = testEngine();
let site: Site;

beforeAll(async () => {
  if (!('missing' in engine)) site = await openSite({ SIGNALBOX_RUNTIME: 'docker', SIGNALBOX_DOCKER_HOST: engine.host });
});
afterAll(async () => {
  if (!('missing' in engine)) expect(await site.stop()).toBe(0);
});

interface Example {
  readonly name: string;
  readonly host: string;
  readonly smoke: readonly string[];
  /** A file of the frontend, and a text in it that may become another without breaking it. */
  readonly page: { readonly file: string; readonly found: string; readonly instead: string };
  /** Where the changed text is seen; null: not in one answer. */
  readonly seen: string | null;
  /** Services that a change of the frontend must leave alone. */
  readonly others: readonly string[];
}

const examples: readonly Example[] = [
  {
    name: 'portfolio',
    host: 'portfolio.localhost',
    smoke: ['/', '/about', '/projects', '/contact', '/health', '/api/health', '/api/projects'],
    page: { file: 'frontend/app/about/page.tsx', found: '</h1>', instead: ', second edition</h1>' },
    seen: '/about',
    others: ['api', 'db'],
  },
  {
    name: 'tasks',
    host: 'tasks.localhost',
    smoke: ['/', '/health', '/api/session'],
    page: { file: 'frontend/index.html', found: 'Tasks for small teams.', instead: 'Tasks for small teams, second edition.' },
    seen: '/',
    others: ['api', 'mailer', 'db', 'cache', 'mail'],
  },
];

/** 0: the engine chooses. */
const freePorts = { HTTP_PORT: '0', MAIL_PORT: '0', DBADMIN_PORT: '0' };

const docker = async (...words: string[]): Promise<string[]> => {
  if ('missing' in engine) return [];
  const { stdout } = await run('docker', ['--host', engine.host, ...words]);
  return stdout
    .split('\n')
    .filter((line) => line !== '')
    .toSorted();
};
/** Ids of the containers that run a service. */
const containersOf = async (app: string, service: string): Promise<string[]> => {
  const labels = [`installation=${homeIdOf(site.installation.home)}`, `app=${app}`, `service=${service}`];
  return await docker('ps', '--quiet', ...labels.flatMap((label) => ['--filter', `label=signalbox.${label}`]));
};

/** All in: images, accessories, migrations, checks, the switch and a bake of a second. */
const coldBar = 120_000;

/**
 * Deploys an app whose images, packages included, nobody has built before, and prints where the time went. The bar is for a machine that
 * has nothing else to do; one that gives its tests half of its processors may take twice as long.
 */
async function deployCold(name: string, folder: string): Promise<void> {
  const shareBefore = await shareOfMachine();
  const from = performance.now();
  expect(await site.installation.deploy(folder)).toMatchObject({ phase: 'succeeded' });
  const took = performance.now() - from;
  const share = (shareBefore + (await shareOfMachine())) / 2;
  const { builds, buildMs, packagesMs } = await buildParts(site.installation.home, name);
  const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`;
  process.stdout.write(
    ` ${name} on Docker, cold: ${seconds(took)} all in: ${seconds(packagesMs)} to download and install its packages, ` +
      `${seconds(buildMs - packagesMs)} for the rest of ${builds} builds, ${seconds(took - buildMs)} before and after them; ` +
      `${Math.round(share * 100)} % of the processors were free.\n`,
  );
  expect(packagesMs).toBeGreaterThan(0);
  expect(took * Math.min(1, share / 0.9)).toBeLessThan(coldBar);
}

for (const example of examples) {
  test(`${example.name} runs on Docker with its accessories, built cold in under two minutes; a change of its frontend rebuilds and restarts the frontend alone`, {
    timeout: 600_000,
  }, async (context: TestContext) => {
    if ('missing' in engine) return context.skip(engine.missing);
    const { name, host, smoke, page } = example;
    const app = await site.app(name);
    const yaml = await readFile(join(checkoutRoot(), 'examples', name, 'signalbox.yaml'), 'utf8');
    expect(yaml).toMatch(/bake: \d+s/);
    const files = { ...(await coldFiles(name)), 'signalbox.yaml': yaml.replace(/bake: \d+s/, 'bake: 1s') };
    await app.commit({ copy: `examples/${name}`, files });
    await deployCold(name, app.folder);
    for (const path of smoke) expect((await site.ask(host, path)).status, path).toBe(200);
    const others = await Promise.all(example.others.map(async (service) => await containersOf(name, service)));
    for (const [index, ids] of others.entries()) expect(ids, example.others[index]).toHaveLength(1);

    const text = await readFile(join(app.folder, page.file), 'utf8');
    expect(text).toContain(page.found);
    await app.change({ [page.file]: text.replace(page.found, page.instead) });
    const visits = await site.visit(host, '/');
    const second = await site.installation.deploy(app.folder);
    expect(losses(await visits.stop())).toEqual(noLosses);
    expect(second).toMatchObject({ phase: 'succeeded', requests: { dropped: 0 } });
    if (example.seen !== null) expect((await site.ask(host, example.seen)).body).toContain('second edition');
    expect(await Promise.all(example.others.map(async (service) => await containersOf(name, service)))).toEqual(others);
    for (const path of smoke) expect((await site.ask(host, path)).status, path).toBe(200);
  });
}

// Side by side: the images are built by now, and what is left is waiting for health checks.
for (const example of examples) {
  test.concurrent(`${example.name} is started by its generated compose.yaml with plain docker-compose and passes its smoke list`, {
    timeout: 600_000,
  }, async (context: TestContext) => {
    if ('missing' in engine) return context.skip(engine.missing);
    const found = await run('docker-compose', ['version', '--short']).catch(() => null);
    if (found === null) return context.skip('no docker-compose: apt-get install -y docker-compose');
    const { name, host, smoke } = example;
    const folder = await mkdtemp(join(tmpdir(), 'signalbox-compose-'));
    const project = `signalbox-${process.pid}-${name}`;
    const compose = async (...words: string[]) =>
      await run('docker-compose', ['--project-name', project, ...words], {
        cwd: folder,
        maxBuffer: 64 * 1024 * 1024,
        env: { ...process.env, DOCKER_HOST: engine.host, DOCKER_BUILDKIT: '0', COMPOSE_DOCKER_CLI_BUILD: '0', ...freePorts },
      });
    try {
      await cp(join(checkoutRoot(), 'examples', name), folder, {
        recursive: true,
        filter: (path) => !/\/(?:node_modules|dist|\.next)$/.test(path),
      });
      await cp(join(folder, '.env.example'), join(folder, '.env'));
      for (const [file, text] of Object.entries(await coldFiles(name))) await writeFile(join(folder, file), text);
      await compose('up', '--detach', '--build');
      const { stdout } = await compose('port', 'router', '8080');
      const port = Number(/^127\.0\.0\.1:(\d+)$/m.exec(stdout)?.[1]);
      expect(port, stdout).toBeGreaterThan(0);
      for (const path of smoke) {
        await waitFor(`200 for ${path}`, 60_000, async () =>
          (await ask(port, { host, path }).catch(() => null))?.status === 200 ? true : undefined,
        );
      }
    } finally {
      await compose('down', '--volumes', '--rmi', 'local', '--remove-orphans').catch(() => {});
      await rm(folder, { recursive: true, force: true });
    }
  });
}
