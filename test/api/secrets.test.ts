import { afterEach, describe, expect, it } from 'vitest';
import type { SecretCommands } from '../../src/control-plane/commands.ts';
import { SignalboxError } from '../../src/domain/errors.ts';
import { createMasker } from '../../src/domain/masking.ts';
import { newYear, release } from './facts.ts';
import { type StandIn, startStandIn } from './stand-in.ts';

let at: StandIn;
afterEach(() => at.close());

const refused = (): never => {
  throw new SignalboxError('SECRET_REFUSED', 'The value hunter2-hunter2 is refused.', { details: { value: 'hunter2-hunter2' } });
};
const commands = (given: Partial<SecretCommands> = {}): SecretCommands => ({
  list: () =>
    Promise.resolve([
      { name: 'KEY', versions: [{ version: 3, createdAt: newYear, bytes: 7, variable: true, usedBy: ['v2 (api)'] }] },
    ]),
  set: () => Promise.resolve({ version: 4, notes: [] }),
  remove: () => Promise.resolve({ removed: [3] }),
  rotateKey: () => Promise.resolve({ rewrapped: 1 }),
  export: () => Promise.resolve({ document: 'sealed', count: 1 }),
  import: () => Promise.resolve({ restored: 1, kept: 0 }),
  ...given,
});
const secrets = '/v1/apps/shop/environments/production/secrets';
async function call(method: 'GET' | 'POST', path: string, body?: unknown): Promise<{ status: number; text: string }> {
  const answer = await fetch(`${at.url}${path}`, {
    method,
    headers: { authorization: `Bearer ${at.token}`, 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return { status: answer.status, text: await answer.text() };
}

describe('secrets in the API', () => {
  it('are taken in base64 and listed by name and version, without the token not at all', async () => {
    const set: unknown[] = [];
    at = await startStandIn({
      commands: {
        secrets: commands({
          set: (request) => {
            set.push({ name: request.name, value: Buffer.from(request.value).toString('hex') });
            return Promise.resolve({ version: 4, notes: ['short'] });
          },
        }),
      },
    });
    const done = await call('POST', `${secrets}/KEY`, { value: Buffer.from([0, 255, 10]).toString('base64') });
    expect(JSON.parse(done.text)).toEqual({ name: 'KEY', version: 4, notes: ['short'] });
    expect(set).toEqual([{ name: 'KEY', value: '00ff0a' }]);
    expect(JSON.parse((await call('GET', secrets)).text)).toEqual({
      secrets: [
        { name: 'KEY', versions: [{ version: 3, createdAt: new Date(newYear).toISOString(), bytes: 7, usedBy: ['v2 (api)'] }] },
      ],
    });
    expect((await fetch(`${at.url}${secrets}`)).status).toBe(401);
  });

  it.each([
    ['a value that is no base64', `${secrets}/KEY`, { value: 'no base64!' }],
    ['far too large a value', `${secrets}/KEY`, { value: 'A'.repeat(90_004) }],
    ['a name that is none', `${secrets}/NO-NAME`, { value: 'QQ==' }],
    ['too short a passphrase', '/v1/secrets/export', { passphrase: 'short' }],
    ['an app that is a path', '/v1/secrets/export', { passphrase: 'long enough', app: '../x' }],
  ])('refuses %s, and quotes none of it', async (_what, path, body) => {
    at = await startStandIn({ commands: { secrets: commands() } });
    const answer = await call('POST', path, body);
    expect(answer.status).toBe(400);
    for (const value of Object.values(body)) expect(answer.text).not.toContain(value);
  });

  it('masks answers, problems and streams, and leaves names alone', async () => {
    at = await startStandIn({
      api: { mask: createMasker(['hunter2-hunter2', 'shop', 'data.sqlite']) },
      commands: { secrets: commands({ set: refused, rotateKey: refused, remove: () => Promise.resolve({ removed: [3] }) }) },
      logs: async function* () {
        yield { instance: 'shop-production-web-1.1' as never, text: 'it is aHVudGVyMi1odW50ZXIy now' };
      },
    });
    await at.write({ releases: [release(1)] });
    const problem = await call('POST', '/v1/secrets/rotate-key', {});
    expect(problem.status).toBe(422);
    expect(problem.text).not.toContain('hunter2');
    expect(problem.text).toContain('The value *** is refused.');
    const status = (await call('GET', '/v1/status')).text;
    expect(status).toContain('"app":"shop"');
    const plan = (
      await call('POST', '/v1/apps/shop/environments/production/plan', {
        sha: 'a'.repeat(40),
        dirty: false,
        folder: '.',
        folderName: 'shop',
      })
    ).text;
    expect(JSON.parse(plan)).toMatchObject({
      release: 'v2',
      notes: ['web writes to ***, which is not under persist'],
    });
    const stream = (await call('GET', '/v1/apps/shop/environments/production/logs?tail=10')).text;
    expect(stream).toContain('it is *** now');
  });
});
