import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { kill, waitFor } from '../../../bench/kit/processes.ts';
import { makeRepository } from '../../../bench/kit/repository.ts';
import { fetchRecord } from '../../../bench/load/fetch-record.ts';
import { verifyOrders, withOrders } from '../../../bench/load/orders.ts';
import { benchedHost, standardLoad } from '../../../bench/load/standard-mix.ts';
import { type Load, startLoad } from '../../../bench/load/start.ts';
import type { AcceptedBody, RolloutBody } from '../../../src/api/contract.ts';
import { oneService, quickHealth } from './apps.ts';
import { losses, noLosses, openSite, type Site } from './site.ts';

export interface StoryPlace {
  /** What the story is told on, e.g. `processes`. */
  readonly name: string;
  /** Operator settings of the installation, or why it cannot be told here. */
  readonly settings: Readonly<Record<string, string>> | { readonly missing: string };
}

const isMissing = (settings: StoryPlace['settings']): settings is { readonly missing: string } => 'missing' in settings;

/** The promise in short, the same on every runtime: a good release, a broken one, a dead control plane, and nobody notices. */
export function releaseStory({ name, settings }: StoryPlace): void {
  describe(`releases on ${name}`, () => {
    let site: Site;
    const skipped = isMissing(settings) ? settings.missing : null;
    beforeAll(async () => {
      if (!isMissing(settings)) site = await openSite(settings);
    });
    afterAll(async () => {
      if (skipped === null) expect(await site.stop()).toBe(0);
    });
    const story = (title: string, tell: () => Promise<void>): void =>
      test(title, async (context) => {
        if (skipped !== null) return context.skip(skipped);
        await tell();
      });
    const mixedLoad = async (): Promise<Load> =>
      await startLoad(standardLoad({ port: site.installation.addresses().http, rate: 250, streams: 8, connections: 24 }));

    story(
      'version 2 of every service goes live under mixed load without one request dropped, and deploy says the same',
      async () => {
        const repository = await makeRepository(join(site.folder, 'benched'), { yaml: [] });
        await repository.commit('1');
        await site.installation.deploy(repository.folder, '--until', 'live');
        const port = site.installation.addresses().http;
        const load = await mixedLoad();
        await waitFor('traffic on version 1', 10_000, async () => (load.totals().apps['1'] ? true : undefined));
        await repository.commit('2');
        const outcome = await site.installation.deploy(repository.folder);
        const seen = load.totals().apps['2'];
        const record = fetchRecord({ host: '127.0.0.1', port, hostHeader: benchedHost, path: '/api/orders' });
        const stopped = await load.stop();
        const report = withOrders(stopped, await verifyOrders(stopped.orders, record));
        expect(outcome.phase).toBe('succeeded');
        expect(seen).toBeDefined();
        expect(losses(report)).toEqual(noLosses);
        expect(report.orders.sent).toBeGreaterThan(10);
        expect(report.websockets.messages).toBeGreaterThan(0);
        expect(report.events.messages).toBeGreaterThan(0);
        expect(outcome.requests.dropped).toBe(0);
        expect(outcome.requests.served).toBeGreaterThan(100);
        expect(outcome.switchMs).toBeLessThan(2000);
      },
    );

    story('a release that breaks under traffic is back on the one before by itself, which was never stopped', async () => {
      const app = await site.app('breaks');
      const settings = (version: string) => oneService('breaks', { env: { VERSION: version } }, { strategy: { bake: '20s' } });
      await app.commit({ fixture: 'healthy', settings: settings('1') });
      await site.installation.deploy(app.folder, '--until', 'live');
      await site.installation.cli('promote', '--app', 'breaks');
      await waitFor('the end of the bake', 20_000, async () =>
        (await site.environment('breaks')).rollout?.ended === false ? undefined : true,
      );
      const before = await site.instancePids();
      await app.commit({ fixture: 'errors-after-switch', settings: settings('2') });
      const visits = await site.visit('breaks.localhost');
      const { exitCode, outcome } = await site.attempt(app);
      await visits.stop();
      expect({ exitCode, phase: outcome.phase }).toEqual({ exitCode: 3, phase: 'rolled-back' });
      expect(outcome.reason?.code).toBeTruthy();
      expect(await site.json('breaks.localhost')).toMatchObject({ version: '1' });
      await site.untilOnly(before);
    });

    story('a release that does not start changes nothing, and its last words are in the result', async () => {
      const app = await site.app('stillborn');
      await app.commit({ fixture: 'healthy', settings: oneService('stillborn', { env: { VERSION: '1' } }) });
      await site.installation.deploy(app.folder);
      const before = await site.instancePids();
      await app.commit({ fixture: 'crash-on-start', settings: oneService('stillborn') });
      const visits = await site.visit('stillborn.localhost');
      const { exitCode, outcome } = await site.attempt(app);
      expect(losses(await visits.stop())).toEqual(noLosses);
      expect({ exitCode, phase: outcome.phase, code: outcome.reason?.code }).toEqual({
        exitCode: 1,
        phase: 'failed',
        code: 'INSTANCE_CRASHED',
      });
      expect(outcome.reason?.log?.join('\n')).toContain('Error: DATABASE_URL is not set');
      await site.untilOnly(before);
    });

    story(
      'a control plane killed in the middle of a rollout finishes it when it is back; its migration ran once, nobody noticed',
      async () => {
        const app = await site.app('orphaned');
        const settings = (version: string) =>
          oneService('orphaned', {
            run: 'sleep 2; exec node server.js',
            release: { run: 'echo "$VERSION" >> journal/lines', when: 'always' },
            persist: ['journal'],
            env: { VERSION: version },
            health: { path: '/health', ...quickHealth, deadline: '30s' },
          });
        await app.commit({ fixture: 'healthy', settings: settings('1') });
        await site.installation.deploy(app.folder);
        const visits = await site.visit('orphaned.localhost');
        await app.commit({ fixture: 'healthy', settings: settings('2') });
        const { stdout } = await site.installation.cli('deploy', app.folder, '--detach', '--json');
        const { rolloutId } = JSON.parse(stdout) as AcceptedBody;
        await waitFor('the start of version 2', 30_000, async () =>
          (await site.installation.api<RolloutBody>('GET', `/v1/rollouts/${rolloutId}`)).phase === 'starting' ? true : undefined,
        );
        for (const seen of (await site.installation.parts()).controlPlane) await kill(seen, 'SIGKILL');
        await site.installation.up();
        expect(await site.installation.ended(rolloutId, 60_000)).toMatchObject({ phase: 'succeeded' });
        expect(losses(await visits.stop())).toEqual(noLosses);
        expect(await site.json('orphaned.localhost')).toMatchObject({ version: '2' });
        expect(await site.json('orphaned.localhost', '/file?name=journal/lines')).toEqual({ text: '1\n2\n' });
      },
    );

    story('a service that may not run twice is exchanged while its requests wait: never two, and none is lost', async () => {
      const app = await site.app('single');
      const server = (version: string): string => `
const { rmSync, writeFileSync } = require('node:fs');
// Whoever comes while another one is there ends at once.
writeFileSync('only/one', '${version}', { flag: 'wx' });
const server = require('node:http').createServer((q, s) => s.end(JSON.stringify({ version: '${version}' })));
server.listen(process.env.PORT, process.env.HOST);
process.on('SIGTERM', () => server.close(() => { rmSync('only/one'); process.exit(0); }));
`;
      const version = (name: string) => ({
        settings: oneService('single', { single: true, persist: ['only'], health: { path: '/', ...quickHealth } }),
        files: { 'server.js': server(name) },
      });
      await app.commit(version('1'));
      await site.installation.deploy(app.folder);
      const visits = await site.visit('single.localhost');
      await app.commit(version('2'));
      const { stdout } = await site.installation.cli('plan', app.folder);
      expect(stdout).toContain('stop the old web, then start the new one; its requests wait meanwhile');
      expect(await site.installation.deploy(app.folder)).toMatchObject({ phase: 'succeeded', requests: { dropped: 0 } });
      expect(losses(await visits.stop())).toEqual(noLosses);
      expect(await site.json('single.localhost')).toEqual({ version: '2' });
      expect((await site.environment('single')).services.map(({ service, running }) => ({ service, running }))).toEqual([
        { service: 'web', running: 1 },
      ]);
    });

    story('a change of one service restarts that service alone', async () => {
      const app = await site.app('pair');
      const server = (version: string): string =>
        `const began = performance.timeOrigin;
require('node:http').createServer((q, s) => s.end(JSON.stringify({ version: '${version}', began }))).listen(process.env.PORT, process.env.HOST);\n`;
      const version = (web: string, api: string) => ({
        settings: {
          app: 'pair',
          services: {
            web: { path: 'web', run: 'node server.js', health: quickHealth, route: { host: 'pair.localhost' } },
            api: { path: 'api', run: 'node server.js', health: quickHealth, route: { host: 'pair.localhost', path: '/api' } },
          },
          strategy: { bake: '500ms' },
        },
        files: { 'web/server.js': server(web), 'api/server.js': server(api) },
      });
      await app.commit(version('1', '1'));
      await site.installation.deploy(app.folder);
      const api = await site.json('pair.localhost', '/api');
      await app.commit(version('2', '1'));
      await site.installation.deploy(app.folder);
      expect(await site.json('pair.localhost')).toMatchObject({ version: '2' });
      expect(await site.json('pair.localhost', '/api')).toEqual(api);
    });
  });
}
