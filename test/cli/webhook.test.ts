import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { NewHook } from '../../src/control-plane/webhooks.ts';
import type { Hook } from '../../src/domain/forge/delivery.ts';
import type { AppName, WallTime } from '../../src/domain/values.ts';
import { type StandIn, startStandIn } from '../api/stand-in.ts';
import { aDelivery, aHook } from '../conformance/store-deliveries.ts';
import { instant } from '../../src/domain/values.ts';

const program = fileURLToPath(new URL('../../bin/signalbox.js', import.meta.url));
let at: StandIn;
let added: NewHook[];

beforeEach(async () => {
  added = [];
  at = await startStandIn({
    api: {
      webhooks: {
        add: async (request) => {
          added.push(request);
          const { app, kind, url, token, deployKey } = request;
          const hook: Hook = {
            app,
            kind,
            url,
            api: null,
            token: token !== undefined,
            deployKey: deployKey !== undefined,
            createdAt: 0 as WallTime,
          };
          return { hook, secret: request.secret ?? 'a-secret-that-was-made' };
        },
        remove: async () => undefined,
        take: async () => {
          throw new Error('nobody calls');
        },
      },
    },
  });
});
afterEach(() => at.close());

/** The real command line, with this on its standard input. */
async function run(words: readonly string[], input = ''): Promise<{ code: number | null; out: string; err: string }> {
  const child = spawn(process.execPath, [program, 'webhook', ...words, '--home', at.home.root], {
    cwd: at.home.root,
    env: { PATH: process.env['PATH'] ?? '', HOME: at.home.root, NO_COLOR: '1' },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  let out = '';
  let err = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    out += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    err += text;
  });
  child.stdin.on('error', () => undefined);
  child.stdin.end(input);
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, out, err };
}
const shop = ['--app', 'shop'];
const url = ['--url', 'https://github.com/acme/shop.git'];

describe('signalbox webhook add', () => {
  it('shows the secret it was given once, with the address and what to tick', async () => {
    const { code, out } = await run(['add', 'github', ...shop, ...url]);
    expect(code).toBe(0);
    expect(out.split('a-secret-that-was-made')).toHaveLength(2);
    for (const words of ['/v1/hooks/shop', 'content type application/json', 'not shown again', 'docs/webhooks.md'])
      expect(out).toContain(words);
    expect(added).toEqual([{ app: 'shop' as AppName, kind: 'github', url: 'https://github.com/acme/shop.git' }]);
  });

  it('takes secret and token from standard input, in this order, and shows neither', async () => {
    const words = ['add', 'gitlab', ...shop, ...url, '--secret-stdin', '--token-stdin'];
    const { code, out } = await run(words, 'the-secret-of-the-hook\r\nglpat-the-token\n');
    expect(code).toBe(0);
    expect(added).toMatchObject([{ kind: 'gitlab', secret: 'the-secret-of-the-hook', token: 'glpat-the-token' }]);
    expect(out).not.toContain('the-secret-of-the-hook');
    expect(out).not.toContain('glpat-the-token');
  });

  it('reads a deploy key from its file, and calls Forgejo by its kind', async () => {
    const key = '-----BEGIN OPENSSH PRIVATE KEY-----\nabc\n-----END OPENSSH PRIVATE KEY-----\n';
    await writeFile(join(at.home.root, 'key'), key);
    const { code } = await run(['add', 'forgejo', ...shop, '--url', 'git@codeberg.org:acme/shop.git', '--deploy-key', 'key']);
    expect([code, added]).toMatchObject([0, [{ kind: 'gitea', deployKey: key }]]);
  });

  it.each<[string, readonly string[], string]>([
    ['without a forge', ['add', ...shop, ...url], ''],
    ['for a forge that is not known', ['add', 'bitbucket', ...shop, ...url], ''],
    ['without an address', ['add', 'github', ...shop], ''],
    ['with nothing on standard input', ['add', 'github', ...shop, ...url, '--token-stdin'], ''],
    ['with too little on standard input', ['add', 'github', ...shop, ...url, '--token-stdin', '--secret-stdin'], 'one\n'],
    ['with too much on standard input', ['add', 'github', ...shop, ...url, '--token-stdin'], 'one\ntwo\n'],
    ['with a key that is not there', ['add', 'github', ...shop, ...url, '--deploy-key', 'nowhere'], ''],
  ])('is wrong usage %s', async (_name, words, input) => {
    const { code, err } = await run(words, input);
    expect([code, added]).toEqual([2, []]);
    expect(err).toContain('WRONG_USAGE');
  });
});

describe('signalbox webhook', () => {
  it('lists, shows deliveries without what terminals act on, and removes', async () => {
    expect((await run([])).out).toContain('No app has a webhook');
    const { epoch } = await at.store.acquire();
    const ref = 'refs/heads/main';
    const event = { type: 'moved', ref, before: null, after: 'a'.repeat(40), commitUrl: null, pusher: null } as const;
    const delivery = aDelivery('a1', { event, outcome: 'build failed: \u001B[31mred\u001B[0m\u0007' });
    await at.store.commit({ epoch, at: instant(1), hooks: [aHook({ deployKey: true })], deliveries: [delivery] });
    expect((await run([])).out).toMatch(/shop +github +https:\/\/github\.com\/acme\/shop\.git +\/v1\/hooks\/shop +deploy key/);
    const shown = (await run(['deliveries', ...shop])).out;
    expect(shown).toMatch(/moved +main +aaaaaaa +done +build failed: red/);
    expect(shown.replaceAll('\n', '')).not.toMatch(/\p{Cc}/u);
    expect(JSON.parse((await run(['deliveries', ...shop, '--json'])).out)).toMatchObject({ items: [{ id: 'a1', ref }] });
    expect((await run(['remove', ...shop])).out).toContain('shop takes no more calls of its forge');
  });
});
