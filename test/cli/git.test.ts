import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { hostname } from 'node:os';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { GitRequest } from '../../src/api/options.ts';
import { type StandIn, startStandIn } from '../api/stand-in.ts';
import { endStarted, makeFolder, onlyJson, type Ran, removeFolders, runCli, startCli } from './run-cli.ts';

let at: StandIn;
let folder = '';
const asked: GitRequest[] = [];
beforeEach(async () => {
  asked.length = 0;
  at = await startStandIn({
    api: {
      git: async (wanted, { outgoing }) => {
        asked.push(wanted);
        outgoing.writeHead(404).end();
      },
    },
  });
  folder = await makeFolder({ 'signalbox.yaml': 'app: shop\nservices: { web: { run: node server.js } }\n', 'server.js': '' });
});
afterEach(async () => {
  endStarted();
  await at.close();
});
afterAll(removeFolders);

async function git(...words: string[]): Promise<Ran> {
  const child = spawn('git', words, {
    cwd: folder,
    env: { PATH: process.env['PATH'] ?? '', HOME: folder, GIT_TERMINAL_PROMPT: '0', LC_ALL: 'C' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let out = '';
  let err = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    out += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    err += text;
  });
  const [code] = (await once(child, 'close')) as [number];
  return { code, out, err };
}
const signalbox = (words: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Ran> =>
  runCli(words, { home: at.home.root, cwd: folder, env });

describe('signalbox git remote', () => {
  it('makes a remote by which git gets in, and writes no token down', async () => {
    await git('config', 'user.name', 'Ana Lee');
    const { code, out, err } = await signalbox(['git', 'remote']);
    expect([code, err]).toEqual([0, '']);
    expect(out).toContain(`The remote signalbox of shop is http://127.0.0.1:${at.api.port}/git/shop.git`);
    expect(out).toMatch(/Deploy with: git push signalbox \w+/);
    const config = await git('config', '--local', '--list');
    expect(config.out).toContain(`remote.signalbox.url=http://127.0.0.1:${at.api.port}/git/shop.git`);
    expect(config.out).not.toContain(at.token);
    await git('ls-remote', 'signalbox');
    expect(asked).toEqual([{ app: 'shop', service: 'git-upload-pack', part: 'info/refs', pusher: `Ana Lee on ${hostname()}` }]);
  });

  it('said twice is the same; under another name and for another app it is another', async () => {
    await signalbox(['git', 'remote']);
    const before = (await git('config', '--local', '--list')).out;
    expect((await signalbox(['git', 'remote'])).code).toBe(0);
    expect((await git('config', '--local', '--list')).out).toBe(before);
    const other = await signalbox(['git', 'remote', '--name', 'live', '--app', 'blog', '--json']);
    expect(onlyJson(other)).toEqual({ app: 'blog', remote: 'live', url: `http://127.0.0.1:${at.api.port}/git/blog.git` });
  });

  it('follows a control plane that has moved, and leaves nothing of the old place', async () => {
    await git('remote', 'add', 'signalbox', 'http://127.0.0.1:1/git/shop.git');
    await git('config', 'credential.http://127.0.0.1:1/git/shop.git.helper', '!old');
    expect((await signalbox(['git', 'remote'])).code).toBe(0);
    expect((await git('config', '--local', '--list')).out).not.toContain('127.0.0.1:1/');
  });

  it('leaves a remote of that name that leads elsewhere as it is', async () => {
    await git('remote', 'add', 'signalbox', 'git@forge.example:me/shop.git');
    const { code, err } = await signalbox(['git', 'remote']);
    expect(code).toBe(2);
    expect(err).toContain('leads to git@forge.example:me/shop.git');
    expect((await git('remote', 'get-url', 'signalbox')).out.trim()).toBe('git@forge.example:me/shop.git');
  });

  it('refuses a folder of a larger repository, and names that are options', async () => {
    const inner = await makeFolder({ 'apps/web/signalbox.yaml': 'app: web\nservices: { web: { run: node s.js } }\n' });
    const ran = await runCli(['git', 'remote'], { home: at.home.root, cwd: `${inner}/apps/web` });
    expect([ran.code, ran.err]).toEqual([1, expect.stringContaining('git pushes whole repositories')]);
    expect((await signalbox(['git', 'remote', '--name=--exec=x'])).code).toBe(2);
  });
});

describe('signalbox git credential', () => {
  const credential = async (question: string, env: Readonly<Record<string, string>> = {}): Promise<Ran> => {
    const script = `printf '${question}' | '${process.execPath}' '${process.cwd()}/bin/signalbox.js' git credential get`;
    const child = spawn('sh', ['-c', script], {
      cwd: folder,
      env: { PATH: process.env['PATH'] ?? '', HOME: folder, SIGNALBOX_HOME: at.home.root, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let out = '';
    let err = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      out += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      err += text;
    });
    const [code] = (await once(child, 'close')) as [number];
    return { code, out, err };
  };

  it('gives the token to the control plane that it belongs to', async () => {
    const { code, out } = await credential(`protocol=http\\nhost=127.0.0.1:${at.api.port}\\n\\n`);
    expect([code, out]).toEqual([0, expect.stringMatching(new RegExp(`^username=.+ on .+\\npassword=${at.token}\\n$`))]);
  });

  it('gives it to nobody else', async () => {
    const questions = [
      'protocol=http\\nhost=evil.example\\n\\n',
      `protocol=https\\nhost=127.0.0.1:${at.api.port}\\n\\n`,
      `protocol=http\\nhost=127.0.0.1:${at.api.port}.evil.example\\n\\n`,
      'protocol=http\\nhost=127.0.0.1:1\\n\\n',
      '\\n',
    ];
    for (const question of questions) expect((await credential(question)).out, question).toBe('');
    const remote = { SIGNALBOX_URL: 'https://box.example', SIGNALBOX_TOKEN: 'the-token-of-the-other' };
    expect((await credential(`protocol=http\\nhost=127.0.0.1:${at.api.port}\\n\\n`, remote)).out).toBe('');
    expect((await credential('protocol=https\\nhost=box.example\\n\\n', remote)).out).toContain(
      'password=the-token-of-the-other\n',
    );
  });

  it('keeps and forgets nothing', async () => {
    for (const what of ['store', 'erase']) {
      const running = startCli(['git', 'credential', what], { home: at.home.root, cwd: folder });
      expect(await running.done).toEqual({ code: 0, out: '', err: '' });
    }
  });
});
