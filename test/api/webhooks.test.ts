import { createHmac, randomUUID } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { first, githubPull, githubPush, giteaPush, gitlabPush, second, zeros } from '../domain/forge/payloads.ts';
import { githubSignature, openPlace, secret, type WebhookPlace } from './webhook-place.ts';

let place: WebhookPlace;
const call = (path: string, method = 'GET'): Promise<Response> =>
  fetch(`${place.at.url}${path}`, { method, headers: { authorization: `Bearer ${place.at.token}` } });

afterEach(() => place.close());

describe('a call that is not proven', () => {
  beforeEach(async () => {
    place = await openPlace();
    await place.add();
  });

  it.each([
    ['without a signature', { 'x-hub-signature-256': '' }],
    ['with an empty signature', { 'x-hub-signature-256': ' ' }],
    [
      'signed with another secret',
      { 'x-hub-signature-256': githubSignature(JSON.stringify(githubPush()), 'another-secret-of-length') },
    ],
    ['signed over another body', { 'x-hub-signature-256': githubSignature('{}') }],
    ['with the old signature alone', { 'x-hub-signature-256': '', 'x-hub-signature': `sha1=${'0'.repeat(40)}` }],
    ['with a hash and no key', { 'x-hub-signature-256': `sha256=${'0'.repeat(64)}` }],
    ['with the proof of another forge', { 'x-hub-signature-256': '', 'x-gitlab-token': secret }],
    ['with the secret as the proof', { 'x-hub-signature-256': secret }],
  ])('%s is refused with no word of why', async (_name, headers) => {
    const answer = await place.deliver(githubPush(), headers);
    expect(answer.status).toBe(401);
    expect(await answer.json()).toMatchObject({ code: 'WEBHOOK_REFUSED', detail: 'The call is not let in.' });
    expect(await place.deliveries()).toEqual([]);
  });

  it('is answered alike for an app that is not there, that has no webhook, and that no app can be called', async () => {
    const known = await place.deliver(githubPush(), { 'x-hub-signature-256': githubSignature('') });
    const words = (text: string): string => text.replaceAll(/"[0-9a-f-]{36}"/g, '');
    const expected = words(await known.text());
    for (const app of ['other', 'NoName', '..%2F..%2Fetc', '%00', 'a'.repeat(300), '__proto__', 'constructor']) {
      const answer = await place.deliver(githubPush(), {}, app);
      expect([app, answer.status, words(await answer.text())]).toEqual([app, 401, expected]);
    }
  });

  it('is not read beyond a mebibyte, announced or not', async () => {
    const large = JSON.stringify({ ...githubPush(), filler: 'x'.repeat(1024 * 1024) });
    expect((await place.deliver(large)).status).toBe(413);
    const { port } = place.at.api;
    const answer = await new Promise<string>((resolve, reject) => {
      const socket = connect(port, '127.0.0.1');
      let got = '';
      socket.on('data', (part) => {
        got += part.toString('utf8');
      });
      socket.on('close', () => resolve(got));
      socket.on('error', (error) => (got === '' ? reject(error) : resolve(got)));
      socket.write(
        'POST /v1/hooks/shop HTTP/1.1\r\nhost: x\r\nx-hub-signature-256: sha256=0\r\ntransfer-encoding: chunked\r\n\r\n',
      );
      const part = `${(64 * 1024).toString(16)}\r\n${'x'.repeat(64 * 1024)}\r\n`;
      const write = (): void => {
        if (socket.writable && got === '') socket.write(part, () => setTimeout(write, 1));
      };
      write();
    });
    expect(answer).toMatch(/^HTTP\/1\.1 413 /);
    expect(await place.deliveries()).toEqual([]);
  });

  it('that breaks off leaves nothing', async () => {
    const body = JSON.stringify(githubPush());
    await new Promise<void>((resolve) => {
      const socket = connect(place.at.api.port, '127.0.0.1', () => {
        const head = `POST /v1/hooks/shop HTTP/1.1\r\nhost: x\r\nx-github-event: push\r\nx-hub-signature-256: ${githubSignature(body)}\r\n`;
        socket.end(`${head}content-length: ${body.length}\r\n\r\n${body.slice(0, 100)}`);
      });
      socket.resume();
      socket.on('close', () => resolve());
      socket.on('error', () => resolve());
    });
    expect(await place.deliveries()).toEqual([]);
    expect(place.at.faults).toEqual([]);
  });
});

describe('a call that is proven', () => {
  it('of GitHub is taken, its commit fetched and handed over to be deployed', async () => {
    place = await openPlace();
    await place.add();
    const before = place.repository.commit({ 'a.txt': 'one' });
    const after = place.repository.commit({ 'a.txt': 'two' });
    place.push('main');
    const answer = await place.deliver(githubPush({ before, after }));
    expect(answer.status).toBe(202);
    expect(await answer.json()).toMatchObject({ result: 'taken' });
    expect(await place.settled()).toMatchObject([{ state: 'done', attempts: 1 }]);
    expect(place.pushes).toEqual([{ app: 'shop', ref: 'refs/heads/main', before, after, pusher: 'mona (github)' }]);
    const listed = (await (await call('/v1/apps/shop/webhook/deliveries')).json()) as { items: unknown[] };
    expect(listed.items).toMatchObject([{ type: 'moved', ref: 'refs/heads/main', sha: after, state: 'done' }]);
  });

  it('of Gitea and Forgejo is taken by the header of either', async () => {
    place = await openPlace();
    await place.add({ kind: 'gitea' });
    const after = place.repository.commit({ 'a.txt': 'one' });
    place.push('main');
    for (const name of ['gitea', 'forgejo']) {
      const body = JSON.stringify(giteaPush({ before: zeros, after, at: name }));
      const hmac = createHmac('sha256', secret).update(body).digest('hex');
      const headers = { [`x-${name}-signature`]: hmac, [`x-${name}-event`]: 'push', [`x-${name}-delivery`]: randomUUID() };
      expect((await place.deliver(body, headers)).status).toBe(202);
    }
    // The headers of GitHub that Gitea sends, too, prove nothing here.
    expect((await place.deliver(giteaPush({ before: zeros, after }))).status).toBe(401);
    await place.settled();
    expect(place.pushes).toMatchObject([{ after, before: null }, { after }]);
  });

  it('of GitLab is taken by its token, and equal bodies are two pushes', async () => {
    place = await openPlace();
    await place.add({ kind: 'gitlab' });
    const after = place.repository.commit({ 'a.txt': 'one' });
    place.push('main');
    const headers = (uuid: string, token = secret) => ({
      'x-gitlab-token': token,
      'x-gitlab-event': 'Push Hook',
      'x-gitlab-event-uuid': uuid,
      'x-hub-signature-256': '',
    });
    const push = gitlabPush({ before: zeros, after });
    const one = randomUUID();
    expect((await place.deliver(push, headers(one))).status).toBe(202);
    expect((await place.deliver(push, headers(one))).status).toBe(200);
    expect((await place.deliver(push, headers(randomUUID()))).status).toBe(202);
    expect((await place.deliver(push, headers(randomUUID(), `${secret}x`))).status).toBe(401);
    await place.settled();
    expect(place.pushes).toHaveLength(2);
  });

  it('comes by any host name, as a proxy in front passes it on, while all else of the API does not', async () => {
    place = await openPlace();
    await place.add();
    const body = JSON.stringify({ zen: 'Keep it simple.' });
    const status = (path: string, headers: string): Promise<string> =>
      new Promise((resolve) => {
        const socket = connect(place.at.api.port, '127.0.0.1', () => {
          socket.write(
            `POST ${path} HTTP/1.1\r\nhost: ship.example.com\r\nconnection: close\r\n${headers}content-length: ${body.length}\r\n\r\n${body}`,
          );
        });
        socket.once('data', (part) => resolve(part.toString('utf8').split(' ')[1] ?? ''));
      });
    const signed = `x-github-event: ping\r\nx-hub-signature-256: ${githubSignature(body)}\r\n`;
    expect(await status('/v1/hooks/shop', signed)).toBe('202');
    expect(await status('/v1/apps/shop/webhook', `authorization: Bearer ${place.at.token}\r\n`)).toBe('421');
  });
});

describe('a replay', () => {
  let after: string;
  beforeEach(async () => {
    place = await openPlace();
    await place.add();
    after = place.repository.commit({ 'a.txt': 'one' });
    place.push('main');
  });

  it('is told that it is known, and does nothing, by its name or by its body', async () => {
    const push = githubPush({ before: zeros, after });
    const name = randomUUID();
    expect((await place.deliver(push, { 'x-github-delivery': name })).status).toBe(202);
    await place.settled();
    const again = await place.deliver(push, { 'x-github-delivery': name });
    expect([again.status, await again.json()]).toMatchObject([200, { result: 'already taken' }]);
    // Headers are not signed: whoever replays writes what he likes there.
    for (const headers of [{}, { 'x-github-delivery': '' }, { 'x-github-event': 'pull_request' }])
      expect((await place.deliver(push, headers)).status).toBe(200);
    // Another body under a known name is no news either.
    expect((await place.deliver(githubPush({ before: first, after: second }), { 'x-github-delivery': name })).status).toBe(200);
    await place.settled();
    expect(place.pushes).toHaveLength(1);
    expect(await place.deliveries()).toHaveLength(1);
  });

  it('that comes twice at the same time is taken once', async () => {
    const push = githubPush({ before: zeros, after });
    const answers = await Promise.all(Array.from({ length: 8 }, () => place.deliver(push)));
    expect(answers.map(({ status }) => status).sort((a, b) => a - b)).toEqual([200, 200, 200, 200, 200, 200, 200, 202]);
    await place.settled();
    expect(place.pushes).toHaveLength(1);
  });

  it('of a push that was long overtaken deploys nothing, though nobody remembers it', async () => {
    const later = place.repository.commit({ 'a.txt': 'two' });
    place.push('main');
    await place.deliver(githubPush({ before: zeros, after }));
    const [delivery] = await place.settled();
    expect(delivery).toMatchObject({ state: 'done', outcome: `main has moved on to ${later.slice(0, 7)} meanwhile.` });
    expect(place.pushes).toEqual([]);
  });

  it('of a deletion deletes nothing that is there again', async () => {
    await place.deliver(githubPush({ before: first, after: zeros }));
    expect(await place.settled()).toMatchObject([{ state: 'done', outcome: 'main is there again.' }]);
    expect(place.pushes).toEqual([]);
  });

  it('of one that failed is begun anew', async () => {
    const name = randomUUID();
    await place.close();
    place = await openPlace({ token: 'needed' });
    await place.add();
    after = place.repository.commit({ 'a.txt': 'one' });
    place.push('main');
    const other = githubPush({ before: zeros, after });
    await place.deliver(other, { 'x-github-delivery': name });
    expect(await place.settled()).toMatchObject([{ state: 'failed', outcome: expect.stringContaining('FORGE_REFUSED') }]);
    expect((await place.deliver(other, { 'x-github-delivery': name })).status).toBe(202);
    expect(await place.settled()).toMatchObject([{ state: 'failed', attempts: 1 }]);
  });
});

describe('what came over a webhook', () => {
  it('is worked off by the next control plane when the first was killed before it could', async () => {
    place = await openPlace();
    await place.add();
    const after = place.repository.commit({ 'a.txt': 'one' });
    place.push('main');
    place.kill();
    expect((await place.deliver(githubPush({ before: zeros, after }))).status).toBe(202);
    expect(await place.deliveries()).toMatchObject([{ state: 'waiting' }]);
    expect(place.pushes).toEqual([]);
    await place.revive();
    expect(await place.settled()).toMatchObject([{ state: 'done' }]);
    expect(place.pushes).toMatchObject([{ after }]);
  });

  it('is begun again when the control plane was killed in the middle of a deploy', async () => {
    let asked = 0;
    place = await openPlace({
      receive: async () => {
        asked += 1;
        return asked === 1 ? new Promise(() => undefined) : { ok: true };
      },
    });
    await place.add();
    const after = place.repository.commit({ 'a.txt': 'one' });
    place.push('main');
    await place.deliver(githubPush({ before: zeros, after }));
    while (asked === 0)
      await new Promise((resolve) => {
        setTimeout(resolve, 20);
      });
    expect(await place.deliveries()).toMatchObject([{ state: 'working' }]);
    place.kill();
    await place.revive();
    expect(await place.settled()).toMatchObject([{ state: 'done', attempts: 2 }]);
    expect(place.pushes).toHaveLength(2);
  });

  it('says what became of the deploy', async () => {
    place = await openPlace({
      receive: async (_update, say) => {
        say('building web');
        return { ok: false, reason: 'deploy failed: web did not become healthy' };
      },
    });
    await place.add();
    const after = place.repository.commit({ 'a.txt': 'one' });
    place.push('main');
    await place.deliver(githubPush({ before: zeros, after }));
    expect(await place.settled()).toMatchObject([{ state: 'done', outcome: 'deploy failed: web did not become healthy' }]);
  });

  it('gives way to a newer push of the same branch that waits already', async () => {
    place = await openPlace();
    await place.add();
    place.kill();
    const one = place.repository.commit({ 'a.txt': 'one' });
    const two = place.repository.commit({ 'a.txt': 'two' });
    place.push('main');
    await place.deliver(githubPush({ before: zeros, after: one }));
    await place.deliver(githubPush({ before: one, after: two }));
    await place.revive();
    expect(await place.settled()).toMatchObject([{ outcome: 'A newer push of main took its place.' }, { outcome: 'Done.' }]);
    expect(place.pushes).toMatchObject([{ after: two }]);
  });

  it('of a forge that tells before it shows is looked at again', async () => {
    place = await openPlace();
    await place.add();
    const before = place.repository.commit({ 'a.txt': 'one' });
    place.push('main');
    const after = place.repository.commit({ 'a.txt': 'two' });
    await place.deliver(githubPush({ before, after }));
    for (;;) {
      const [one] = await place.deliveries();
      if (one?.attempts === 1 && one.state === 'waiting') break;
      await new Promise((resolve) => {
        setTimeout(resolve, 20);
      });
    }
    place.push('main');
    expect(await place.settled()).toMatchObject([{ state: 'done', attempts: 2 }]);
    expect(place.pushes).toMatchObject([{ after }]);
  });

  it('of a deleted branch is handed over without a commit', async () => {
    place = await openPlace();
    await place.add();
    place.repository.commit({ 'a.txt': 'one' });
    place.push('main');
    await place.deliver(githubPush({ ref: 'refs/heads/blue', before: first, after: zeros }));
    await place.settled();
    expect(place.pushes).toMatchObject([{ ref: 'refs/heads/blue', before: first, after: null }]);
  });

  it('of a pull request from a fork is noted, and nothing of it is fetched', async () => {
    place = await openPlace();
    await place.add();
    const fork = githubPull('opened', { repo: { id: 99, full_name: 'stranger/shop' } });
    const answer = await place.deliver(fork, { 'x-github-event': 'pull_request' });
    expect(await answer.json()).toMatchObject({ result: 'noted' });
    expect(await place.settled()).toMatchObject([
      { event: { fromFork: true }, outcome: 'Noted. It is of a fork: nothing of it is fetched, built or run.' },
    ]);
    expect(place.forge.fetches).toEqual([]);
    expect(place.pushes).toEqual([]);
  });

  it.each(['$(touch x)', '../../x', '<img src=x onerror=alert(1)>', '--upload-pack=x', "a';drop table app;--", '\u001B[2J'])(
    'with a branch called %j is noted, and nothing is fetched',
    async (name) => {
      place = await openPlace();
      await place.add();
      await place.deliver(githubPush({ ref: `refs/heads/${name}` }));
      expect(await place.settled()).toMatchObject([{ event: { type: 'ignored' } }]);
      expect(place.forge.fetches).toEqual([]);
      expect(JSON.stringify(await place.deliveries())).not.toContain(name);
    },
  );

  it.each(['', 'null', '[]', '{', '"push"', '\u0000', '{"ref":7}'])('and is no payload is noted: %j', async (body) => {
    place = await openPlace();
    await place.add();
    expect((await place.deliver(body)).status).toBe(202);
    expect(await place.settled()).toMatchObject([{ state: 'done', event: { type: 'ignored' } }]);
  });
});

describe('the settings of a webhook', () => {
  beforeEach(async () => {
    place = await openPlace();
  });

  it('keep what is secret in files for their owner alone, and show the secret once', async () => {
    const made = await place.add({ secret: undefined, token: 'ghp_token_of_the_forge' });
    expect(made.secret.length).toBeGreaterThanOrEqual(22);
    const keys = join(place.folder, 'keys', 'shop');
    expect(readdirSync(keys).sort()).toEqual(['secret', 'token']);
    for (const name of readdirSync(keys)) expect(statSync(join(keys, name)).mode & 0o777).toBe(0o600);
    expect(statSync(keys).mode & 0o777).toBe(0o700);
    expect(readFileSync(join(keys, 'secret'), 'utf8')).toBe(made.secret);
    const events = JSON.stringify(await place.at.store.events({ limit: 100 }));
    const hooks = await (await call('/v1/webhooks')).text();
    for (const text of [events, hooks, JSON.stringify(await place.at.store.hooks())]) {
      expect(text).not.toContain(made.secret);
      expect(text).not.toContain('ghp_token_of_the_forge');
    }
    expect(JSON.parse(hooks)).toMatchObject({ items: [{ app: 'shop', kind: 'github', token: true, path: '/v1/hooks/shop' }] });
  });

  it('are one per app, and gone with everything secret when they are removed', async () => {
    await place.add();
    await expect(place.add()).rejects.toThrow('WEBHOOK_EXISTS');
    expect((await call('/v1/apps/shop/webhook/remove', 'POST')).status).toBe(204);
    expect(existsSync(join(place.folder, 'keys', 'shop'))).toBe(false);
    expect((await place.deliver(githubPush())).status).toBe(401);
    expect((await call('/v1/apps/shop/webhook/remove', 'POST')).status).toBe(404);
    await place.add();
  });

  it('ask for the token of the API', async () => {
    for (const [method, path] of [
      ['GET', '/v1/webhooks'],
      ['POST', '/v1/apps/shop/webhook'],
      ['POST', '/v1/apps/shop/webhook/remove'],
      ['GET', '/v1/apps/shop/webhook/deliveries'],
    ])
      expect((await fetch(`${place.at.url}${path}`, { method: method ?? '' })).status).toBe(401);
  });

  it.each<[string, Readonly<Record<string, unknown>>]>([
    ['a short secret', { secret: 'short' }],
    ['a secret that no header carries', { secret: 'a secret with spaces in it' }],
    ['a password in the address', { url: 'https://me:pw@github.com/acme/shop.git' }],
    ['an address of a file', { url: 'file:///srv/shop.git' }],
    ['ssh without a key', { url: 'git@github.com:acme/shop.git' }],
    ['a key without ssh', { deployKey: '-----BEGIN OPENSSH PRIVATE KEY-----\nx\n' }],
    ['what is no key', { url: 'git@github.com:acme/shop.git', deployKey: 'ssh-ed25519 AAAA' }],
    ['a token with a line end', { token: 'abc\ndef' }],
    ['an API in the clear', { api: 'http://api.example.com' }],
    ['another forge', { kind: 'bitbucket' }],
    ['a key that is not known', { tokne: 'x' }],
  ])('are refused with %s', async (_name, changes) => {
    await expect(place.add(changes)).rejects.toMatchObject({ status: 400 });
    expect(await place.at.store.hooks()).toEqual([]);
    expect(existsSync(join(place.folder, 'keys', 'shop'))).toBe(false);
  });
});
