import { execFileSync } from 'node:child_process';
import { createHmac, randomUUID } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { kill, waitFor } from '../../bench/kit/processes.ts';
import type { DeliveryBody, EventBody, ListBody, WebhookAddedBody } from '../../src/api/contract.ts';
import { type FakeForge, startForge } from '../adapters/forge/fake-forge.ts';
import { githubPush, zeros } from '../domain/forge/payloads.ts';
import { type App, oneService } from './kit/apps.ts';
import { openSite, type Site } from './kit/site.ts';

const token = 'ghp_token_for_statuses_and_source';
let site: Site;
let forge: FakeForge;
let app: App;
let bare: string;
let secret: string;
let last: string = zeros;

beforeAll(async () => {
  site = await openSite({ SIGNALBOX_FORGE_PLAIN_HTTP: 'true' });
  const folder = join(site.folder, 'forge');
  bare = join(folder, 'acme', 'hooked.git');
  mkdirSync(bare, { recursive: true });
  execFileSync('git', ['init', '--quiet', '--bare', bare]);
  forge = await startForge({ folder, token });
  app = await site.app('hooked');
  const body = { kind: 'github', url: `${forge.url}/acme/hooked.git`, token };
  ({ secret } = await site.installation.api<WebhookAddedBody>('POST', '/v1/apps/hooked/webhook', body));
});
afterAll(async () => {
  await forge.close();
  expect(await site.stop()).toBe(0);
});

/** Pushes to the forge, which tells of it. */
async function push(version: string, fixture = 'healthy'): Promise<string> {
  const after = await app.commit({ fixture, settings: oneService('hooked', { env: { VERSION: version } }) });
  execFileSync('git', ['-C', app.folder, 'push', '--quiet', bare, 'main']);
  const payload = JSON.stringify(githubPush({ before: last, after }));
  const answer = await fetch(`http://127.0.0.1:${site.installation.addresses().api}/v1/hooks/hooked`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      'x-github-event': 'push',
      'x-github-delivery': randomUUID(),
      'x-hub-signature-256': `sha256=${createHmac('sha256', secret).update(payload).digest('hex')}`,
    },
    body: payload,
  });
  expect(answer.status).toBe(202);
  last = after;
  return after;
}
const deliveries = async (): Promise<readonly DeliveryBody[]> =>
  (await site.installation.api<ListBody<DeliveryBody>>('GET', '/v1/apps/hooked/webhook/deliveries')).items;
const settled = (sha: string): Promise<DeliveryBody> =>
  waitFor(`the delivery of ${sha}`, 60_000, async () =>
    (await deliveries()).find((one) => one.sha === sha && ['done', 'failed'].includes(one.state)),
  );
/** What the forge was told of a commit, in order. */
const told = (sha: string): readonly string[] =>
  forge.calls.filter(({ path }) => path.endsWith(sha)).map(({ body }) => (JSON.parse(body) as { state: string }).state);

test('a push to a forge goes live, and the forge is told so beside the commit', async () => {
  const sha = await push('1');
  expect(await settled(sha)).toMatchObject({ state: 'done', ref: 'refs/heads/main', attempts: 1 });
  expect(await site.json('hooked.localhost')).toMatchObject({ version: '1' });
  await waitFor('the last word on the commit', 30_000, async () => (told(sha).at(-1) === 'success' ? true : undefined));
  expect(told(sha)[0]).toBe('pending');
  expect(forge.calls.every(({ path }) => path === `/api/v3/repos/acme/hooked/statuses/${sha}`)).toBe(true);
});

test('a push that fails leaves the old release serving, and the forge is told why', async () => {
  const sha = await push('2', 'crash-on-start');
  expect((await settled(sha)).outcome).toMatch(/DATABASE_URL|ended|exit|INSTANCE_CRASHED|health/i);
  expect(await site.json('hooked.localhost')).toMatchObject({ version: '1' });
  await waitFor('the last word on the commit', 30_000, async () => (told(sha).at(-1) === 'failure' ? true : undefined));
});

test('a control plane that is killed as soon as it has answered goes on with the push when it is back', async () => {
  const [controlPlane] = (await site.installation.parts()).controlPlane;
  if (!controlPlane) throw new Error('There is no control plane.');
  const sha = await push('3');
  await kill(controlPlane, 'SIGKILL');
  await site.installation.up();
  expect(await settled(sha)).toMatchObject({ state: 'done' });
  expect(await site.json('hooked.localhost')).toMatchObject({ version: '3' });
  await waitFor('the last word on the commit', 30_000, async () => (told(sha).at(-1) === 'success' ? true : undefined));
});

test('neither token nor secret is in the history, and the repository is sound', async () => {
  const { items } = await site.installation.api<ListBody<EventBody>>('GET', '/v1/events?limit=500');
  expect(items.map(({ type }) => type)).toContain('webhook.moved');
  expect(JSON.stringify(items)).not.toContain(token);
  expect(JSON.stringify(items)).not.toContain(secret);
  const repository = join(site.installation.home, 'sources', 'hooked.git');
  expect(execFileSync('git', ['-c', 'safe.directory=*', '--git-dir', repository, 'fsck', '--full'], { encoding: 'utf8' })).toBe(
    '',
  );
  const listed = await site.installation.cli('webhook');
  expect(listed.stdout).toContain('/v1/hooks/hooked');
  expect(listed.stdout).not.toContain(secret);
});
