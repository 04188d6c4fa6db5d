import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { kill, waitFor } from '../../bench/kit/processes.ts';
import { checkoutRoot } from '../../bench/load/program.ts';
import type { EventBody, ListBody, SecretsBody } from '../../src/api/contract.ts';
import { type App, quickHealth } from './kit/apps.ts';
import { openSite, type Site } from './kit/site.ts';

/** Not the same as any other word in a home, and different in every encoding. */
const first = 'Zq7/first+s3cret value?';
const second = 'Zq7/second+s3cret value?';
const host = 'vault.localhost';

/** Says its secret in every way it can think of, at its start and in its release command. */
const talker = `
const value = process.env.API_KEY ?? 'none';
const forms = [value, Buffer.from(value).toString('base64'), Buffer.from('user:' + value).toString('base64'),
  encodeURIComponent(value), Buffer.from(value).toString('hex'), JSON.stringify({ value })];
for (const form of forms) console.log('it is ' + form);
const middle = Math.floor(value.length / 2);
process.stdout.write('in two writes ' + value.slice(0, middle));
await new Promise((resolve) => setTimeout(resolve, 50));
process.stdout.write(value.slice(middle) + '\\n');
`;
const server = `${talker}
import { createHash } from 'node:crypto';
import { createServer } from 'node:http';
const right = createHash('sha256').update(value).digest('hex') === process.env.EXPECTED;
createServer((request, response) => {
  if (request.url === '/health') return response.end(process.env.BROKEN ? (response.statusCode = 500, 'no') : 'ok');
  response.end(JSON.stringify({ right, pid: process.pid }));
}).listen(Number(process.env.PORT), process.env.HOST);
`;
const plain = `
import { createServer } from 'node:http';
createServer((_request, response) => response.end(JSON.stringify({ key: process.env.API_KEY ?? null, pid: process.pid })))
  .listen(Number(process.env.PORT), process.env.HOST);
`;

const settings = (expected: string, env: Record<string, string> = {}, release = 'node talk.mjs') => ({
  app: 'vault',
  services: {
    api: {
      path: 'api',
      inputs: [],
      run: 'node server.mjs',
      health: { path: '/health', ...quickHealth, deadline: '5s' },
      route: { host, path: '/' },
      release: { run: release, when: 'always' },
      secrets: { API_KEY: 'UPSTREAM_KEY' },
      env: { EXPECTED: createHash('sha256').update(expected).digest('hex'), ...env },
      grace: '1s',
    },
    side: {
      path: 'side',
      inputs: [],
      run: 'node server.mjs',
      health: { ...quickHealth },
      route: { host, path: '/side' },
      grace: '1s',
    },
  },
  strategy: { bake: '1s' },
});
const files = { 'api/server.mjs': server, 'api/talk.mjs': talker, 'side/server.mjs': plain };

interface Spoken {
  readonly exitCode: number;
  readonly out: string;
}

describe('secrets of a whole installation', { timeout: 240_000 }, () => {
  let site: Site;
  let app: App;
  beforeAll(async () => {
    site = await openSite();
    app = await site.app('vault');
  }, 120_000);
  afterAll(async () => {
    expect(await site.stop()).toBe(0);
  }, 60_000);

  async function secrets(words: readonly string[], input?: string): Promise<Spoken> {
    const child = spawn(process.execPath, [join(checkoutRoot(), 'bin/signalbox.js'), 'secrets', ...words, '--app', 'vault'], {
      env: { PATH: process.env['PATH'], HOME: process.env['HOME'], SIGNALBOX_HOME: site.installation.home, NO_COLOR: '1' },
      stdio: 'pipe',
    });
    let out = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (part) => (out += String(part)));
    child.stdin.end(input ?? '');
    const [code] = (await once(child, 'close')) as [number | null];
    return { exitCode: code ?? 1, out };
  }
  const events = async (): Promise<readonly EventBody[]> =>
    (await site.installation.api<ListBody<EventBody>>('GET', '/v1/events?limit=500')).items;
  const listed = async (): Promise<SecretsBody['secrets']> =>
    (await site.installation.api<SecretsBody>('GET', '/v1/apps/vault/environments/production/secrets')).secrets;

  /** Every way in which a value must not be found. */
  const shown = (value: string): readonly string[] => [
    value,
    Buffer.from(value).toString('base64').replaceAll('=', ''),
    Buffer.from(`user:${value}`).toString('base64').slice(8, 32),
    encodeURIComponent(value),
    Buffer.from(value).toString('hex'),
  ];
  const expectHidden = (text: string): void => {
    for (const value of [first, second]) for (const form of shown(value)) expect(text).not.toContain(form);
  };

  /** Files of the home that hold one of the forms; what the app itself wrote is its own affair. */
  function filesThatShow(): readonly string[] {
    const { home } = site.installation;
    const own = /^logs\/vault\/|^artifacts\/|^scratch\/|^persist\//;
    return readdirSync(home, { withFileTypes: true, recursive: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name))
      .filter((file) => !own.test(relative(home, file)))
      .filter((file) => {
        const content = readFileSync(file);
        return [first, second].some((value) => shown(value).some((form) => content.includes(form)));
      })
      .map((file) => relative(home, file));
  }

  it('refuses a deploy that names a secret which is not set, with the command that sets it', async () => {
    await app.commit({ settings: settings(first), files });
    const refused = await site.installation.cli('deploy', app.folder);
    expect(refused.exitCode).toBe(1);
    expect(refused.stderr).toContain('api needs the secret UPSTREAM_KEY, which is not set in vault/production');
    expect(refused.stderr).toContain('signalbox secrets set UPSTREAM_KEY --app vault --env production');
    expect(refused.stderr).toContain('SECRET_MISSING');
  });

  it('takes a value from standard input, without the newline at its end, and shows it to nobody', async () => {
    const done = await secrets(['set', 'UPSTREAM_KEY'], `${first}\n`);
    expect(done.exitCode).toBe(0);
    expect(done.out).toContain('is v1 now');
    expect(done.out).toContain('newline at its end was dropped');
    expectHidden(done.out);
    expect((await secrets(['set', 'UPSTREAM_KEY'], '')).exitCode).toBe(2);
    expect((await secrets(['set', 'NO-NAME'], 'value')).exitCode).toBe(1);
    expect((await secrets(['list'])).out).toMatch(/UPSTREAM_KEY +v1 .* not used/);
    expect(await listed()).toMatchObject([{ name: 'UPSTREAM_KEY', versions: [{ version: 1, bytes: first.length, usedBy: [] }] }]);
  });

  it('gives it to the service that names it, and to no other, whatever they print', async () => {
    expect((await site.attempt(app)).outcome).toMatchObject({ phase: 'succeeded' });
    expect(await site.json(host)).toMatchObject({ right: true });
    expect(await site.json(host, '/side')).toMatchObject({ key: null });
    const log = await waitFor('the whole log', 10_000, async () => {
      const { stdout } = await site.installation.cli('logs', 'api', '--app', 'vault');
      return stdout.includes('in two writes ***') ? stdout : undefined;
    });
    expect(log).toMatch(/it is \*\*\*/);
    expectHidden(log);
    expect((await secrets(['versions', 'UPSTREAM_KEY'])).out).toMatch(/v1 .* used by v1 \(api\)/);
  });

  it('starts again only what names it when there is a new version, and plan says so', async () => {
    const before = { api: await site.json<{ pid: number }>(host), side: await site.json<{ pid: number }>(host, '/side') };
    expect((await secrets(['set', 'UPSTREAM_KEY'], second)).out).toContain('is v2 now');
    expect(await site.json(host)).toEqual(before.api);
    const planned = await site.installation.cli('plan', app.folder);
    expect(planned.stdout).toContain('secrets of api: API_KEY changes from UPSTREAM_KEY v1 to UPSTREAM_KEY v2');
    await app.commit({ settings: settings(second), files });
    expect((await site.attempt(app)).outcome).toMatchObject({ phase: 'succeeded' });
    expect(await site.json(host)).toMatchObject({ right: true });
    expect(await site.json<{ pid: number }>(host)).not.toMatchObject({ pid: before.api.pid });
    expect(await site.json(host, '/side')).toEqual(before.side);
  });

  it('goes back to a release with the version that it was made with', async () => {
    const back = await site.installation.cli('rollback', '--app', 'vault', '--to', 'v1', '--force', '--json');
    expect(back.exitCode).toBe(0);
    expect(await site.json(host)).toMatchObject({ right: true });
    const forth = await site.installation.cli('rollback', '--app', 'vault', '--to', 'v2', '--force', '--json');
    expect(forth.exitCode).toBe(0);
    expect(await site.json(host)).toMatchObject({ right: true });
  });

  it('masks the evidence of a release that fails, and of a release command', async () => {
    await app.commit({ settings: settings(second, { BROKEN: '1' }), files });
    const sick = await site.attempt(app);
    expect(sick.exitCode).not.toBe(0);
    expect(sick.outcome.reason?.log?.join('\n')).toContain('***');
    await app.commit({ settings: settings(second, {}, 'node talk.mjs && exit 3'), files });
    const failed = await site.attempt(app);
    expect(failed.outcome.reason).toMatchObject({ code: 'COMMAND_FAILED' });
    expect(failed.outcome.reason?.log?.join('\n')).toContain('in two writes ***');
    for (const { outcome } of [sick, failed]) expectHidden(JSON.stringify(outcome));
    expectHidden(JSON.stringify(await site.installation.status()));
  });

  it('writes names and versions into events, and a value into no file of the home', async () => {
    const all = await events();
    expect(all.filter(({ type }) => type === 'secret.set').map(({ body }) => body)).toEqual([
      { name: 'UPSTREAM_KEY', version: 1 },
      { name: 'UPSTREAM_KEY', version: 2 },
    ]);
    expectHidden(JSON.stringify(all));
    expect(filesThatShow()).toEqual([]);
  });

  it('refuses to remove what a kept release needs, unless it is forced', async () => {
    const refused = await secrets(['remove', 'UPSTREAM_KEY', '--only', '1']);
    expect(refused.exitCode).toBe(1);
    expect(refused.out).toContain('v1 (api)');
    expect(refused.out).toContain('SECRET_IN_USE');
    expect((await secrets(['set', 'SPARE'], 'nobody needs it')).exitCode).toBe(0);
    expect((await secrets(['remove', 'SPARE'])).exitCode).toBe(0);
    expect((await secrets(['remove', 'SPARE'])).exitCode).toBe(1);
    expect((await secrets(['remove', 'UPSTREAM_KEY', '--only', '1', '--force'])).exitCode).toBe(0);
    const back = await site.installation.cli('rollback', '--app', 'vault', '--to', 'v1', '--force');
    expect(back.exitCode).toBe(1);
    expect(back.stderr).toContain('needs version 1 of the secret UPSTREAM_KEY for api, which was removed');
    expect(await site.json(host)).toMatchObject({ right: true });
  });

  it('survives the control plane: what crashes meanwhile comes back with its secret, and output is masked again at once', async () => {
    const [plane] = (await site.installation.parts()).controlPlane;
    if (!plane) throw new Error('no control plane runs');
    await kill(plane, 'SIGKILL');
    const before = await site.json<{ pid: number }>(host);
    process.kill(before.pid, 'SIGKILL');
    await waitFor('another instance with its secret', 20_000, async () => {
      const now = await site.json<{ pid: number; right: boolean }>(host).catch(() => undefined);
      return now !== undefined && now.pid !== before.pid && now.right ? now : undefined;
    });
    await site.installation.up();
    expectHidden((await site.installation.cli('logs', 'api', '--app', 'vault')).stdout);
    expect(await site.json(host)).toMatchObject({ right: true });
  });

  it('exchanges its key, and gives a sealed backup that puts everything back', async () => {
    expect((await secrets(['rotate-key'])).exitCode).toBe(0);
    const file = join(site.folder, 'backup.json');
    expect((await secrets(['export', '--out', file], 'short')).exitCode).toBe(1);
    expect((await secrets(['export', '--out', file], 'a long passphrase\n')).exitCode).toBe(0);
    expect((await secrets(['export', '--out', file], 'a long passphrase\n')).exitCode).toBe(2);
    expectHidden(readFileSync(file, 'utf8'));
    expect((await secrets(['remove', 'UPSTREAM_KEY', '--force'])).exitCode).toBe(0);
    expect(await listed()).toEqual([]);
    const wrong = await secrets(['import', file], 'another passphrase');
    expect(wrong.out).toContain('SECRET_REFUSED');
    expect((await secrets(['import', file], 'a long passphrase')).out).toContain('1 values were put back');
    expect(await listed()).toMatchObject([{ name: 'UPSTREAM_KEY', versions: [{ version: 2 }] }]);
    rmSync(file);
    writeFileSync(file, '{}');
    expect((await secrets(['import', file], 'a long passphrase')).out).toContain('SECRET_REFUSED');
  });
});
