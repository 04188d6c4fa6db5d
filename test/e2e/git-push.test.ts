import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { kill } from '../../bench/kit/processes.ts';
import { type App, oneService } from './kit/apps.ts';
import { losses, noLosses, openSite, type Site } from './kit/site.ts';

let site: Site;
let token = '';
beforeAll(async () => {
  site = await openSite();
  token = (await readFile(join(site.installation.home, 'keys/api-token'), 'utf8')).trim();
});
afterAll(async () => expect(await site.stop()).toBe(0));

interface Pushed {
  readonly code: number | null;
  readonly said: string;
}

const addressOf = (app: string, password = token): string =>
  `http://ada:${password}@127.0.0.1:${site.installation.addresses().api}/git/${app}.git`;

/** git as a person at a terminal runs it: what ends it ends all that it has started. */
function startPush(app: App, address: string, ...words: string[]) {
  const child = spawn('git', ['-C', app.folder, 'push', address, ...words], {
    env: { PATH: process.env['PATH'] ?? '', HOME: '/nonexistent', LC_ALL: 'C', GIT_TERMINAL_PROMPT: '0' },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  let said = '';
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => {
      said += text;
    });
  const done = once(child, 'close').then(([code]): Pushed => ({ code: code as number | null, said }));
  return { child, done, said: () => said };
}
const push = (app: App, name: string, ...words: string[]): Promise<Pushed> => startPush(app, addressOf(name), ...words).done;
const repository = async (name: string, ...words: string[]): Promise<string> =>
  (
    await promisify(execFile)('git', [
      '-c',
      'safe.directory=*',
      '-C',
      join(site.installation.home, 'sources', `${name}.git`),
      ...words,
    ]).catch((error: { stdout: string }) => error)
  ).stdout.trim();
const quickly = { strategy: { bake: '1s' } };

describe('git push', () => {
  it('brings a first commit live, a second one without a dropped request, and a broken one nowhere', async () => {
    const app = await site.app('hello');
    const first = await app.commit({ copy: 'examples/hello' });
    const remote = await site.installation.cli('git', 'remote', '--app', app.folder);
    expect([remote.exitCode, remote.stderr]).toEqual([0, '']);
    expect(await readFile(join(app.folder, '.git/config'), 'utf8')).not.toContain(token);
    const pushIt = (...words: string[]): Promise<Pushed> => startPush(app, 'signalbox', ...words).done;
    const made = await pushIt('main');
    expect(made.code, made.said).toBe(0);
    expect(made.said).toMatch(/remote: v1 is live after .*; \d+ requests served, 0 dropped/);
    expect(made.said).toContain('remote: http://hello.localhost:');
    expect(made.said).toContain('* [new branch]      main -> main');
    expect((await site.environment('hello')).release).toBe('v1');

    const visits = await site.visit('hello.localhost');
    const second = await app.change({ 'page.js': `${await readFile(join(app.folder, 'page.js'), 'utf8')}\n// more\n` });
    const next = await pushIt('main');
    expect(next.code, next.said).toBe(0);
    expect(next.said).toMatch(/v2 is live after .*\(switch \d+ ms\); \d+ requests served, 0 dropped/);
    expect(next.said).toContain(`${first.slice(0, 7)}..${second.slice(0, 7)}  main -> main`);

    await app.change({ 'server.js': 'console.log("it is broken: \\u001b[31mred"); process.exit(1);\n' });
    const red = await pushIt('main');
    expect(red.code, red.said).toBe(1);
    expect(red.said).toMatch(/! \[remote rejected\] main -> main \(The step test failed \(exit 1\)\. \[STEP_FAILED\]\)/);
    expect(red.said).toContain('nothing was shipped');

    const settings = await readFile(join(app.folder, 'signalbox.yaml'), 'utf8');
    await app.change({ 'signalbox.yaml': `${settings}\npipeline: { steps: {} }\n` });
    const broken = await pushIt('main');
    expect(losses(await visits.stop())).toEqual(noLosses);
    expect(broken.code, broken.said).toBe(1);
    expect(broken.said).toMatch(/! \[remote rejected\] main -> main \(deploy failed: .*\[INSTANCE_CRASHED\]\)/);
    expect(broken.said).toContain('| it is broken: red');
    expect(broken.said).not.toContain('\u001b[31m');
    expect(await repository('hello', 'rev-parse', 'refs/heads/main')).toBe(second);
    expect((await site.environment('hello')).release).toBe('v2');
    const again = await pushIt(`${second}:refs/heads/other`);
    expect([again.code, again.said]).toEqual([0, expect.stringContaining('no environment follows other')]);
    expect(await repository('hello', 'fsck', '--no-dangling')).toBe('');
  });

  it('needs the token, and tells nothing without it', async () => {
    const app = await site.app('closed');
    await app.commit({ fixture: 'healthy', settings: oneService('closed') });
    for (const password of ['wrong', `${token}x`, '']) {
      const { code, said } = await startPush(app, addressOf('closed', password), 'main').done;
      expect(code).toBe(128);
      expect(said).not.toContain(token);
    }
    const answer = await fetch(
      `http://127.0.0.1:${site.installation.addresses().api}/git/closed.git/info/refs?service=git-receive-pack`,
    );
    expect([answer.status, answer.headers.get('www-authenticate')]).toEqual([401, 'Basic realm="Signalbox", charset="UTF-8"']);
    expect(await repository('closed', 'rev-parse', '--git-dir').catch(() => 'none')).toMatch(/^$|none|undefined/);
  });

  it('of what is live already does nothing; of a file that is wrong says where', async () => {
    const app = await site.app('shop');
    const sha = await app.commit({ fixture: 'healthy', settings: oneService('shop', { env: { VERSION: '1' } }, quickly) });
    await site.installation.deploy(app.folder);
    const same = await push(app, 'shop', 'main');
    expect([same.code, same.said]).toEqual([
      0,
      expect.stringContaining(`${sha.slice(0, 7)} is live already as v1; nothing was done`),
    ]);
    await app.change({ 'signalbox.yaml': 'app: shop\nservices:\n  web: { run: node server.js, rout: / }\n' });
    const wrong = await push(app, 'shop', 'main');
    expect(wrong.code).toBe(1);
    expect(wrong.said).toContain('unknown key rout; did you mean route?');
    expect(wrong.said).toContain('[CONFIG_INVALID]');
    expect(await repository('shop', 'rev-parse', 'refs/heads/main')).toBe(sha);
  });

  it('goes through the environments that follow the branch, in the order of the file, and stops at the first that fails', async () => {
    const app = await site.app('steps');
    const settings = oneService(
      'steps',
      { env: { VERSION: '1' } },
      {
        ...quickly,
        environments: { staging: { branch: 'main', hosts: { web: 'staging.steps.localhost' } }, production: { branch: 'main' } },
      },
    );
    await app.commit({ fixture: 'healthy', settings });
    const { code, said } = await push(app, 'steps', 'main');
    expect(code, said).toBe(0);
    expect(said.indexOf('staging: v1 is live')).toBeGreaterThan(0);
    expect(said.indexOf('production: v1 is live')).toBeGreaterThan(said.indexOf('staging: v1 is live'));
    await app.change({ 'server.js': 'process.exit(1);\n' });
    const broken = await push(app, 'steps', 'main');
    expect(broken.code).toBe(1);
    expect(broken.said).toContain('nothing was done for production');
    expect((await site.environment('steps', 'production')).release).toBe('v1');
  });

  it('of many at once: the newest is live, and everybody is told the truth', async () => {
    const app = await site.app('many');
    const base = await app.commit({
      fixture: 'slow-start',
      settings: oneService('many', { env: { VERSION: '0', START_MS: '500' } }, quickly),
    });
    expect((await push(app, 'many', 'main')).code).toBe(0);
    const commits: string[] = [];
    for (let n = 1; n <= 4; n += 1) {
      await promisify(execFile)('git', ['-C', app.folder, 'reset', '--quiet', '--hard', base]);
      commits.push(await app.change({ 'note.txt': String(n) }));
    }
    const pushes: Promise<Pushed>[] = [];
    for (const sha of commits) {
      const one = startPush(app, addressOf('many'), `${sha}:refs/heads/main`);
      pushes.push(one.done);
      await expect.poll(one.said, { timeout: 20_000 }).toContain('Ctrl-C ends this report');
    }
    const results = await Promise.all(pushes);
    const live = commits[commits.length - 1] ?? '';
    expect(
      results.map(({ code }) => code),
      results.map(({ said }) => said).join('\n---\n'),
    ).toEqual([1, 1, 1, 0]);
    for (const { said } of results.slice(0, -1)) expect(said).toMatch(/\(superseded by a newer (?:push|deploy)\)/);
    expect(await repository('many', 'rev-parse', 'refs/heads/main')).toBe(live);
    const releases = await site.installation.releases('many');
    expect(releases.find(({ state }) => state === 'live')?.sha).toBe(live);
    expect(await repository('many', 'fsck', '--no-dangling')).toBe('');
  });

  it('whose pusher goes away goes on, and the branch is where the deploy has led', async () => {
    const app = await site.app('gone');
    const sha = await app.commit({ fixture: 'slow-start', settings: oneService('gone', { env: { VERSION: '1' } }, quickly) });
    const running = startPush(app, addressOf('gone'), 'main');
    await expect.poll(running.said, { timeout: 20_000 }).toContain('Ctrl-C ends this report');
    process.kill(-(running.child.pid ?? 0), 'SIGINT');
    await running.done;
    await expect
      .poll(() => repository('gone', 'rev-parse', '--verify', '--quiet', 'refs/heads/main'), { timeout: 30_000 })
      .toBe(sha);
    expect((await site.environment('gone')).release).toBe('v1');
  });

  it('over the death of the control plane ends clearly, leaves a sound repository, and the next one tells how it went', async () => {
    const app = await site.app('killed');
    const sha = await app.commit({ fixture: 'slow-start', settings: oneService('killed', { env: { VERSION: '1' } }, quickly) });
    const running = startPush(app, addressOf('killed'), 'main');
    await expect.poll(running.said, { timeout: 20_000 }).toContain('starting web');
    const { controlPlane } = await site.installation.parts();
    for (const seen of controlPlane) await kill(seen, 'SIGKILL');
    const cut = await running.done;
    expect(cut.code).not.toBe(0);
    expect(cut.said).toContain('the remote end hung up unexpectedly');
    await site.installation.up();
    expect(await repository('killed', 'fsck', '--no-dangling')).toBe('');
    const again = await push(app, 'killed', 'main');
    expect(again.code, again.said).toBe(0);
    expect(again.said).toMatch(/is on its way already|is live already/);
    expect(await repository('killed', 'rev-parse', 'refs/heads/main')).toBe(sha);
    expect(await repository('killed', 'count-objects', '-v')).toMatch(/garbage: 0/);
  });
});
