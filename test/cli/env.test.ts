import { hostname } from 'node:os';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import * as schemas from '../../src/api/schemas.ts';
import * as bodies from '../../src/api/schema-environments.ts';
import { SignalboxError } from '../../src/domain/errors.ts';
import { idOf, newYear, release, service } from '../api/facts.ts';
import { type StandIn, type StandInOptions, startStandIn } from '../api/stand-in.ts';
import { endStarted, makeFolder, onlyJson, type Ran, removeFolders, runCli } from './run-cli.ts';

let at: StandIn | undefined;
afterEach(async () => {
  endStarted();
  await at?.close();
  at = undefined;
});
afterAll(removeFolders);

const begin = async (options: StandInOptions = {}): Promise<StandIn> => {
  at = await startStandIn(options);
  await at.write({
    releases: [release(1, { services: [service({ name: 'web' })] })],
    environment: { arms: [{ release: idOf(1), weight: 10_000, role: 'stable' }], proven: idOf(1) },
  });
  return at;
};
/** From a folder that is no repository. */
const run = async (standIn: StandIn, words: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Ran> =>
  runCli([...words, '--app', 'shop'], { home: standIn.home.root, cwd: await makeFolder({}, { git: false }), env });
const asked = (standIn: StandIn, name: string) => standIn.calls.filter(([call]) => call === name).map(([, request]) => request);

describe('deploy --from', () => {
  it('promotes from any folder, sends no source, and says so in its JSON', async () => {
    const keys = { web: 'ab'.padEnd(64, '0') };
    const promotedFrom = { environment: 'staging', release: 'shop/staging/v7', keys };
    const standIn = await begin();
    await standIn.write({ releases: [release(2, { promotedFrom: promotedFrom as never })] });
    const ran = await run(standIn, ['deploy', '--from', 'staging', '--release', 'v7', '--detach', '--json', '--owner', 'Zoë']);
    expect(ran.code, ran.out + ran.err).toBe(0);
    expect(asked(standIn, 'deployFrom')).toMatchObject([
      { app: 'shop', environment: 'production', from: 'staging', release: 7, force: false, by: 'Zoë' },
    ]);
    expect(asked(standIn, 'receiveSource')).toEqual([]);
  });

  it('is planned in the same way', async () => {
    const standIn = await begin();
    const ran = await run(standIn, ['plan', '--from', 'staging', '--json']);
    expect(ran.code, ran.out + ran.err).toBe(0);
    expect(asked(standIn, 'planFrom')).toMatchObject([{ from: 'staging' }]);
    expect(asked(standIn, 'deployFrom')).toEqual([]);
  });

  it('what means something with --from alone is wrong usage without it', async () => {
    const standIn = await begin();
    for (const words of [
      ['deploy', '--release', 'v7'],
      ['deploy', '--force'],
      ['plan', '--release', 'v7'],
    ]) {
      const ran = await run(standIn, words);
      expect(ran.code).toBe(2);
      expect(ran.err).toContain('goes with --from');
    }
    expect((await run(standIn, ['deploy', '--from', 'staging', '--ref', 'main'])).code).toBe(2);
    expect(standIn.calls).toEqual([]);
  });

  it('a closed window is told with its next opening, and exits with 1', async () => {
    const standIn = await begin({
      commands: {
        deployFrom: () =>
          Promise.reject(
            new SignalboxError('DEPLOY_WINDOW_CLOSED', 'shop/production takes no deploys now: x.', {
              details: { nextOpening: '2026-11-23T08:00:00.000Z' },
            }),
          ),
      },
    });
    const ran = await run(standIn, ['deploy', '--from', 'staging', '--json']);
    expect(ran.code).toBe(1);
    expect(onlyJson(ran)).toMatchObject({
      error: { code: 'DEPLOY_WINDOW_CLOSED', details: { nextOpening: '2026-11-23T08:00:00.000Z' } },
    });
  });

  it('the reason to go through a closed window reaches the control plane, also with a source', async () => {
    const standIn = await begin();
    await run(standIn, ['deploy', '--from', 'staging', '--force-window', 'the shop is down', '--detach']);
    expect(asked(standIn, 'deployFrom')).toMatchObject([{ forceWindow: 'the shop is down' }]);
    const folder = await makeFolder({
      'signalbox.yaml': 'app: shop\nservices: { web: { run: node server.js } }\n',
      'server.js': '',
    });
    await runCli(['deploy', folder, '--force-window', 'now', '--detach'], { home: standIn.home.root });
    expect(asked(standIn, 'deploy')).toMatchObject([{ forceWindow: 'now' }]);
  });
});

describe('env', () => {
  it('lock says who and why; the owner is the name in git and this machine unless another is given', async () => {
    const standIn = await begin();
    const folder = await makeFolder({ 'a.txt': '' });
    await runCli(['env', 'lock', 'production', '--reason', 'moving', '--app', 'shop'], {
      home: standIn.home.root,
      cwd: folder,
      env: { SIGNALBOX_OWNER: '' },
    });
    const ran = await run(standIn, ['env', 'lock', 'production', '--reason', 'moving', '--owner', 'Ana', '--json']);
    expect(ran.code, ran.err).toBe(0);
    expect(onlyJson(ran)).toMatchObject({ app: 'shop', environment: 'production', lock: { owner: 'Ana', reason: 'moving' } });
    await run(standIn, ['env', 'lock', 'production', '--reason', 'moving'], { SIGNALBOX_OWNER: 'ci' });
    const owners = asked(standIn, 'lock').map((request) => (request as { owner: string }).owner);
    expect(owners[0]).toMatch(new RegExp(`^.+ on ${hostname()}$`));
    expect(owners.slice(1)).toEqual(['Ana', 'ci']);
  });

  it('lock without a reason is wrong usage', async () => {
    const standIn = await begin();
    const ran = await run(standIn, ['env', 'lock', 'production']);
    expect([ran.code, standIn.calls]).toEqual([2, []]);
  });

  it('unlock says whose lock it was, or that there was none', async () => {
    const standIn = await begin({
      commands: {
        unlock: ({ force }) => Promise.resolve(force ? { owner: 'Ana', reason: 'moving', since: newYear } : null),
      },
    });
    expect((await run(standIn, ['env', 'unlock', 'production'])).out).toContain('was not locked');
    const ran = await run(standIn, ['env', 'unlock', 'production', '--force']);
    expect(ran.out).toContain('it was locked by Ana');
  });

  it('a lock is seen in status and in the list, and control characters of its reason do nothing to a terminal', async () => {
    const standIn = await begin();
    await standIn.write({ environment: { lock: { owner: 'Ana', reason: 'moving\u001b[2J', since: newYear } } });
    for (const words of [['status'], ['env'], ['env', 'show', 'production']]) {
      const ran = await run(standIn, words);
      expect(ran.code, ran.err).toBe(0);
      expect(ran.out).toMatch(/locked by Ana, \d+ days ago: moving/);
      expect(ran.out).not.toContain('\u001b[2J');
    }
    const status = await run(standIn, ['status', '--json']);
    expect(schemas.statusBody.parse(onlyJson(status)).environments[0]?.lock).toMatchObject({ owner: 'Ana' });
  });

  it('show says what is declared and what runs, names of variables and no values', async () => {
    const standIn = await begin();
    const web = service({ name: 'web', version: 2, replicas: 3 });
    const secrets = { DB_PASSWORD: { name: 'db-password', version: 3 } };
    const secret = { ...web, workload: { ...web.workload, env: { STAGE: 'hush-hush' }, secrets } };
    await standIn.write({
      releases: [release(2, { services: [secret], branch: 'release/*' })],
      environment: { arms: [{ release: idOf(2), weight: 10_000, role: 'stable' }] },
    });
    const ran = await run(standIn, ['env', 'show', 'production', '--json']);
    expect(schemas.environmentBody.parse(onlyJson(ran)).declared).toMatchObject({
      release: 'v2',
      services: [
        {
          service: 'web',
          replicas: 3,
          hosts: ['web.localhost'],
          variables: ['STAGE'],
          secrets: [{ variable: 'DB_PASSWORD', secret: 'db-password', version: 3 }],
        },
      ],
      branch: 'release/*',
      windows: ['at any time'],
    });
    const text = await run(standIn, ['env', 'show', 'production']);
    expect(text.out).toContain('variables: STAGE');
    expect(text.out).toContain('secret: DB_PASSWORD is db-password, version 3');
    expect(text.out).toContain('branch: release/*');
    expect(ran.out + text.out).not.toContain('hush-hush');
  });

  it('diff with itself finds the same builds; an environment that never was is refused by name', async () => {
    const standIn = await begin();
    const ran = await run(standIn, ['env', 'diff', 'production', 'production', '--json']);
    expect(onlyJson(ran)).toMatchObject({ app: 'shop', sameBuilds: true });
    const refused = await run(standIn, ['env', 'diff', 'production', 'nowhere', '--json']);
    expect([refused.code, onlyJson(refused)]).toMatchObject([1, { error: { code: 'NOT_FOUND' } }]);
    expect((await run(standIn, ['env', 'diff', 'production'])).code).toBe(2);
  });

  it('sync refuses to copy data with an error of its own, before anything is done', async () => {
    const standIn = await begin();
    const ran = await run(standIn, ['env', 'sync', 'production', '--data', '--json']);
    expect([ran.code, onlyJson(ran)]).toMatchObject([1, { error: { code: 'DATA_COPY_UNAVAILABLE' } }]);
    expect(standIn.calls).toEqual([]);
  });

  it('sync says what was applied', async () => {
    const standIn = await begin({ commands: { sync: () => Promise.resolve({ applied: ['db'] }) } });
    const ran = await run(standIn, ['env', 'sync', 'production', '--json']);
    expect(ran.code, ran.err + ran.out).toBe(0);
    const { app, environment, ...body } = onlyJson(ran) as Record<string, unknown>;
    expect([app, environment]).toEqual(['shop', 'production']);
    expect(bodies.syncBody.parse(body).applied).toEqual(['db']);
  });
});

describe('who asks', () => {
  it('is one line of at most 200 characters, else the request is refused', async () => {
    const standIn = await begin();
    const ask = (by: string) =>
      fetch(`${standIn.url}/v1/apps/shop/environments/production/traffic`, {
        method: 'POST',
        headers: { authorization: `Bearer ${standIn.token}`, 'content-type': 'application/json', 'signalbox-by': by },
        body: JSON.stringify({ kind: 'open' }),
      });
    for (const bad of ['%0a', '%', 'x'.repeat(201), '%20']) {
      const answer = await ask(bad);
      expect([bad.slice(0, 5), answer.status]).toEqual([bad.slice(0, 5), 400]);
    }
    expect((await ask('Zo%C3%AB')).status).toBe(204);
    expect(asked(standIn, 'traffic')).toMatchObject([{ by: 'Zoë' }]);
  });

  it('a lock without an owner is refused', async () => {
    const standIn = await begin();
    const answer = await fetch(`${standIn.url}/v1/apps/shop/environments/production/lock`, {
      method: 'POST',
      headers: { authorization: `Bearer ${standIn.token}`, 'content-type': 'application/json' },
      body: JSON.stringify({ reason: 'x' }),
    });
    expect([answer.status, standIn.calls]).toEqual([400, []]);
  });
});
