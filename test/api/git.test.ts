import { request } from 'node:http';
import { afterEach, describe, expect, it } from 'vitest';
import type { GitRequest } from '../../src/api/options.ts';
import { SignalboxError } from '../../src/domain/errors.ts';
import { type StandIn, startStandIn } from './stand-in.ts';

let at: StandIn;
afterEach(async () => {
  await at.close();
});

const asked: GitRequest[] = [];
const begin = async (serve?: () => never): Promise<void> => {
  asked.length = 0;
  at = await startStandIn({
    api: {
      git: async (wanted, { outgoing }) => {
        asked.push(wanted);
        serve?.();
        outgoing.end('served');
      },
    },
  });
};
const refs = '/git/shop.git/info/refs?service=git-upload-pack';

interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly body: string;
}
const ask = (path: string, options: { method?: string; authorization?: string; host?: string } = {}): Promise<Answer> =>
  new Promise((resolve, reject) => {
    const { method = 'GET', authorization, host } = options;
    const sent = request(
      at.url + path,
      { method, agent: false, headers: { ...(authorization && { authorization }), ...(host && { host }) } },
      (answer) => {
        let body = '';
        answer.setEncoding('utf8').on('data', (text: string) => {
          body += text;
        });
        answer.on('end', () => resolve({ status: answer.statusCode ?? 0, headers: answer.headers, body }));
      },
    );
    sent.on('error', reject);
    sent.end();
  });
const basic = (name: string, password: string): string => `Basic ${Buffer.from(`${name}:${password}`).toString('base64')}`;

describe('git over HTTP', () => {
  it('is for those who have the token as their password, under any name', async () => {
    await begin();
    for (const name of ['ada', '', 'x'.repeat(500), '\u001b[31mred']) {
      const { status, body } = await ask(refs, { authorization: basic(name, at.token) });
      expect([status, body]).toEqual([200, 'served']);
    }
    expect(asked.map(({ pusher }) => pusher)).toEqual(['ada', '', `${'x'.repeat(199)}…`, 'red']);
    expect(asked[0]).toEqual({ app: 'shop', service: 'git-upload-pack', part: 'info/refs', pusher: 'ada' });
  });

  it('refuses everybody else before anything is looked at, and asks git for a password', async () => {
    await begin();
    const wrong = [
      undefined,
      basic('ada', ''),
      basic('ada', `${at.token}x`),
      basic(at.token, ''),
      `Bearer ${at.token}`,
      'Basic !!!',
      `Basic ${Buffer.from(at.token).toString('base64')}`,
    ];
    for (const authorization of wrong) {
      for (const path of [refs, '/git/no.git/info/refs', '/git/']) {
        const answer = await ask(path, authorization === undefined ? {} : { authorization });
        expect(answer.status).toBe(401);
        expect(answer.body).not.toContain(at.token);
      }
      const answer = await ask(refs, authorization === undefined ? {} : { authorization });
      expect(answer.headers['www-authenticate']).toBe('Basic realm="Signalbox", charset="UTF-8"');
      expect(answer.headers['content-type']).toBe('text/plain; charset=utf-8');
    }
    expect(asked).toEqual([]);
  });

  it('answers by the names of this machine alone', async () => {
    await begin();
    const answer = await ask(refs, { authorization: basic('ada', at.token), host: 'rebound.example' });
    expect(answer.status).toBe(421);
    expect(asked).toEqual([]);
  });

  it('knows no other paths, methods and services', async () => {
    await begin();
    const authorization = basic('ada', at.token);
    const unknown: readonly (readonly [string, string])[] = [
      ['GET', '/git/shop.git/HEAD'],
      ['GET', '/git/shop.git/objects/info/packs'],
      ['GET', '/git/shop.git/info/refs'],
      ['GET', '/git/shop.git/info/refs?service=git-upload-archive'],
      ['POST', '/git/shop.git/info/refs?service=git-receive-pack'],
      ['GET', '/git/shop.git/git-receive-pack'],
      ['GET', '/git/..%2fshop.git/info/refs?service=git-receive-pack'],
      ['GET', '/git/Shop.git/info/refs?service=git-receive-pack'],
      ['GET', '/git/a/b.git/info/refs?service=git-receive-pack'],
    ];
    for (const [method, path] of unknown) expect((await ask(path, { method, authorization })).status, path).toBe(404);
    expect(asked).toEqual([]);
    expect((await ask('/git/shop.git/git-receive-pack', { method: 'POST', authorization })).status).toBe(200);
    expect(asked).toEqual([{ app: 'shop', service: 'git-receive-pack', part: 'service', pusher: 'ada' }]);
  });

  it('says in plain text what is wrong, and of our own faults no more than that', async () => {
    await begin(() => {
      throw new SignalboxError('GIT_BUSY', '32 are under way.');
    });
    const busy = await ask(refs, { authorization: basic('ada', at.token) });
    expect([busy.status, busy.body]).toEqual([503, '32 are under way. [GIT_BUSY]\nTry again in a moment.\n']);
    await at.close();
    await begin(() => {
      throw new Error('/secret/path');
    });
    const fault = await ask(refs, { authorization: basic('ada', at.token) });
    expect([fault.status, fault.body.includes('/secret/path'), at.faults.length]).toEqual([500, false, 1]);
  });
});
