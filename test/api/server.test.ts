import { randomBytes } from 'node:crypto';
import { readdir, stat } from 'node:fs/promises';
import { request as httpRequest } from 'node:http';
import { connect } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { operations } from '../../src/api/operations.ts';
import * as schemas from '../../src/api/schemas.ts';
import { SignalboxError } from '../../src/domain/errors.ts';
import { release, rollout, shop } from './facts.ts';
import { type StandIn, startStandIn } from './stand-in.ts';

/** The machine may be busy. */
const patience = { timeout: 10_000 };
let at: StandIn;
afterEach(async () => at.close());

const call = (path: string, init: RequestInit = {}): Promise<Response> =>
  fetch(`${at.url}${path}`, {
    ...init,
    headers: { authorization: `Bearer ${at.token}`, ...(init.headers as Record<string, string>) },
  });
const post = (path: string, body: unknown): Promise<Response> =>
  call(path, { method: 'POST', body: JSON.stringify(body), headers: { 'content-type': 'application/json' } });
const deploy = { sha: 'a'.repeat(40), dirty: false, folder: '.', folderName: 'shop' };

/** A raw answer, for what fetch would not send. */
function raw(options: {
  socketPath?: string;
  path: string;
  headers?: Record<string, string>;
}): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    const target =
      options.socketPath === undefined ? { host: '127.0.0.1', port: at.api.port } : { socketPath: options.socketPath };
    const asked = httpRequest({ ...target, path: options.path, headers: options.headers ?? {} }, (answer) => {
      let text = '';
      answer.on('data', (chunk: Buffer) => {
        text += chunk.toString();
      });
      answer.on('end', () => resolve({ status: answer.statusCode ?? 0, text }));
    });
    asked.on('error', reject);
    asked.end();
  });
}

describe('who may call', () => {
  beforeEach(async () => {
    at = await startStandIn();
  });

  it('answers a ping without a token, and nothing else', async () => {
    const ping = await fetch(`${at.url}/v1/ping`);
    expect(ping.status).toBe(200);
    expect(schemas.pingBody.parse(await ping.json())).toMatchObject({ name: 'signalbox', version: '0.0.1' });
    for (const [name, operation] of Object.entries(operations)) {
      if (name === 'ping') continue;
      const path = operation.path
        .replaceAll('{app}', 'shop')
        .replaceAll('{environment}', 'production')
        .replaceAll('{id}', 'r1')
        .replaceAll('{verb}', 'pause');
      const answer = await fetch(`${at.url}${path}`, { method: operation.method.toUpperCase() });
      expect([name, answer.status]).toEqual([name, 401]);
    }
    expect((await fetch(`${at.url}/v1/nothing`)).status).toBe(401);
    expect(at.calls).toEqual([]);
  });

  it.each(['', 'Bearer', 'Bearer wrong', `Basic ${Buffer.from('a:b').toString('base64')}`])(
    'refuses the authorization %j',
    async (authorization) => {
      const answer = await fetch(`${at.url}/v1/status`, { headers: { authorization } });
      expect(answer.status).toBe(401);
      expect(answer.headers.get('www-authenticate')).toBe('Bearer');
      expect(answer.headers.get('content-type')).toBe('application/problem+json');
      expect(schemas.problemBody.parse(await answer.json())).toMatchObject({ code: 'UNAUTHORISED', status: 401 });
    },
  );

  it('refuses a token that is right but for one character', async () => {
    const wrong = `${at.token.slice(0, -1)}${at.token.endsWith('A') ? 'B' : 'A'}`;
    expect((await fetch(`${at.url}/v1/status`, { headers: { authorization: `Bearer ${wrong}` } })).status).toBe(401);
  });

  it('asks for the token on the unix socket too, which is for its owner alone', async () => {
    const { socketPath } = { socketPath: at.home.apiSocket };
    expect((await stat(socketPath)).mode & 0o777).toBe(0o600);
    expect((await raw({ socketPath, path: '/v1/status' })).status).toBe(401);
    expect((await raw({ socketPath, path: '/v1/status', headers: { authorization: `Bearer ${at.token}` } })).status).toBe(200);
  });

  it('refuses a foreign host name that was pointed at this machine', async () => {
    for (const host of ['evil.example', 'evil.example:7070', '127.0.0.1.evil.example', 'localhost.evil.example'])
      expect([host, (await raw({ path: '/v1/ping', headers: { host } })).status]).toEqual([host, 421]);
    for (const host of ['localhost', `127.0.0.1:${at.api.port}`, '[::1]:7070', 'signalbox.localhost'])
      expect([host, (await raw({ path: '/v1/ping', headers: { host } })).status]).toEqual([host, 200]);
  });

  it('lets no other site read its answers', async () => {
    const answer = await call('/v1/status', { headers: { origin: 'https://evil.example' } });
    expect([...answer.headers.keys()].filter((name) => name.startsWith('access-control'))).toEqual([]);
    const preflight = await fetch(`${at.url}/v1/status`, {
      method: 'OPTIONS',
      headers: { origin: 'https://evil.example', 'access-control-request-method': 'GET' },
    });
    expect(preflight.ok).toBe(false);
  });

  it('says that a taken port is taken', async () => {
    await expect(startStandIn({ api: { port: at.api.port } })).rejects.toMatchObject({ code: 'PORT_IN_USE' });
  });
});

describe('what is asked', () => {
  beforeEach(async () => {
    at = await startStandIn({ limits: { sourceBytes: 1024 * 1024 } });
  });

  it('passes a deploy on as a command and answers with the rollout', async () => {
    const answer = await post('/v1/apps/shop/environments/production/deploys', { ...deploy, strategy: 'canary' });
    expect(answer.status).toBe(202);
    expect(await answer.json()).toEqual({ rolloutId: 'r1', release: 'v1' });
    expect(at.calls).toEqual([['deploy', { app: 'shop', environment: 'production', ...deploy, strategy: 'canary' }]]);
  });

  it.each([
    [{ ...deploy, sha: 'main' }, 'sha has to be a full git SHA'],
    [{ ...deploy, strategy: 'yolo' }, 'strategy has to be one of blue-green, rolling, canary'],
    [{ ...deploy, folder: '../other' }, 'folder has to be a folder inside the repository'],
    [{ ...deploy, folder: 'a/../../b' }, 'folder has to be a folder inside the repository'],
    [{ ...deploy, folder: '/etc' }, 'folder has to be a folder inside the repository'],
    [{ ...deploy, force: true }, 'force is not known here'],
    [[], 'The body has to be'],
  ])('refuses the deploy %j and says what is wrong', async (body, expected) => {
    const answer = await post('/v1/apps/shop/environments/production/deploys', body);
    expect(answer.status).toBe(400);
    const problem = schemas.problemBody.parse(await answer.json());
    expect(problem.code).toBe('BAD_REQUEST');
    expect(problem.detail).toContain(expected);
    expect(at.calls).toEqual([]);
  });

  it('refuses names in the path that could be anything else', async () => {
    for (const path of [
      '/v1/apps/Shop/environments/production/releases',
      '/v1/apps/..%2f/environments/production/releases',
      '/v1/rollouts/%00/pause',
    ])
      expect([path, (await call(path, { method: path.endsWith('pause') ? 'POST' : 'GET' })).status]).toEqual([path, 400]);
    expect((await post('/v1/rollouts/r1/destroy', {})).status).toBe(400);
  });

  it('refuses what is not JSON, and JSON beyond its limit', async () => {
    const path = '/v1/apps/shop/environments/production/deploys';
    expect(
      (await call(path, { method: 'POST', body: 'sha=1', headers: { 'content-type': 'application/x-www-form-urlencoded' } }))
        .status,
    ).toBe(400);
    expect((await call(path, { method: 'POST', body: '{', headers: { 'content-type': 'application/json' } })).status).toBe(400);
    expect((await post(path, { ...deploy, folderName: 'x'.repeat(2 * 1024 * 1024) })).status).toBe(413);
  });

  it('streams a bundle into a file of its own that is gone afterwards', async () => {
    const bundle = randomBytes(700_000);
    let seen = 0;
    await at.close();
    at = await startStandIn({
      commands: {
        async receiveSource({ file }) {
          const facts = await stat(file);
          seen = facts.size;
          expect(facts.mode & 0o777).toBe(0o600);
          return { sha: 'b'.repeat(40), subject: 'Second', author: 'B' };
        },
      },
    });
    const answer = await call('/v1/apps/shop/source?ref=refs/heads/main', { method: 'POST', body: bundle });
    expect(await answer.json()).toEqual({ sha: 'b'.repeat(40), subject: 'Second' });
    expect(seen).toBe(bundle.length);
    expect(await readdir(at.home.incoming)).toEqual([]);
  });

  it('refuses a bundle beyond the limit, announced or not, and keeps nothing of it', async () => {
    const path = '/v1/apps/shop/source?ref=HEAD';
    const large = randomBytes(1024 * 1024 + 1);
    expect((await call(path, { method: 'POST', body: large })).status).toBe(413);
    const unannounced = new ReadableStream<Uint8Array>({
      start(controller) {
        controller.enqueue(new Uint8Array(large));
        controller.close();
      },
    });
    expect((await call(path, { method: 'POST', body: unannounced, duplex: 'half' })).status).toBe(413);
    expect(await readdir(at.home.incoming)).toEqual([]);
    expect(at.calls).toEqual([]);
    expect((await call('/v1/status')).status).toBe(200);
  });

  it('keeps nothing of a bundle whose sender went away', async () => {
    const socket = connect(at.api.port, '127.0.0.1');
    socket.write(
      `POST /v1/apps/shop/source?ref=HEAD HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer ${at.token}\r\ncontent-length: 5000\r\n\r\nhalf`,
    );
    await expect.poll(() => readdir(at.home.incoming), { timeout: 5000 }).toHaveLength(1);
    socket.destroy();
    await expect.poll(() => readdir(at.home.incoming), { timeout: 5000 }).toEqual([]);
    expect(at.calls).toEqual([]);
  });

  it('steers the rollout of an environment and one by id', async () => {
    expect(await (await post('/v1/apps/shop/environments/production/rollout/pause', {})).json()).toEqual({ rolloutId: 'r1' });
    expect((await post('/v1/rollouts/r7/abort', {})).status).toBe(200);
    expect(at.calls).toEqual([
      ['steer', { target: { app: shop, environment: 'production' }, verb: 'pause' }],
      ['steer', { target: { rollout: 'r7' }, verb: 'abort' }],
    ]);
  });

  it('passes rollback, traffic and shutdown on', async () => {
    expect((await post('/v1/apps/shop/environments/production/rollbacks', { to: 'v3', force: true })).status).toBe(202);
    expect((await post('/v1/apps/shop/environments/production/traffic', { kind: 'stop', message: 'Back at noon' })).status).toBe(
      204,
    );
    expect((await post('/v1/shutdown', { instances: false })).status).toBe(202);
    expect(at.calls).toEqual([
      ['rollback', { app: 'shop', environment: 'production', force: true, to: 3 }],
      ['traffic', { app: 'shop', environment: 'production', kind: 'stop', message: 'Back at noon' }],
    ]);
    await expect.poll(() => at.shutdowns, patience).toEqual([{ instances: false }]);
  });
});

describe('what goes wrong', () => {
  it('answers a refusal with its code, message, hint and details', async () => {
    at = await startStandIn({
      commands: {
        deploy: () =>
          Promise.reject(new SignalboxError('APP_TAKEN', 'shop belongs to another repository.', { details: { app: 'shop' } })),
      },
    });
    const answer = await post('/v1/apps/shop/environments/production/deploys', deploy);
    expect(answer.status).toBe(409);
    expect(await answer.json()).toEqual({
      type: 'urn:signalbox:error:app-taken',
      title: 'The app name belongs to another repository',
      status: 409,
      code: 'APP_TAKEN',
      detail: 'shop belongs to another repository.',
      hint: 'Choose another name under `app:` in signalbox.yaml.',
      retryable: false,
      details: { app: 'shop' },
    });
    expect(at.faults).toEqual([]);
  });

  it('says nothing of an unforeseen fault but reports it', async () => {
    const fault = new Error('connect postgres://user:secret@db');
    at = await startStandIn({ commands: { plan: () => Promise.reject(fault) } });
    const answer = await post('/v1/apps/shop/environments/production/plan', deploy);
    expect(answer.status).toBe(500);
    expect(await answer.text()).not.toContain('secret');
    expect(at.faults).toEqual([fault]);
  });

  it('names what there is when something is not there', async () => {
    at = await startStandIn();
    await at.write({ releases: [release(1)] });
    expect(await (await call('/v1/apps/shop/environments/staging/releases')).json()).toMatchObject({
      code: 'NOT_FOUND',
      detail: 'shop has no environment staging here; it has production.',
    });
    expect(await (await call('/v1/rollouts/r9')).json()).toMatchObject({ code: 'NOT_FOUND', status: 404 });
    expect((await call('/v1/nothing')).status).toBe(404);
  });
});

describe('what is shown', () => {
  it('answers every read with a body of the documented form', async () => {
    const [one, two] = [release(1), release(2)];
    at = await startStandIn({ declared: [{ workload: two.services[0]?.workload.id as never, release: two.id, replicas: 2 }] });
    const running = rollout(
      two,
      { phase: 'starting', times: { ...rollout(two).times, startedAt: rollout(two).times.createdAt } },
      { live: one },
    );
    await at.write({
      releases: [one, two],
      rollouts: [running],
      environment: { arms: [{ release: one.id, weight: 10_000, role: 'stable' }], proven: one.id },
    });
    const status = schemas.statusBody.parse(await (await call('/v1/status')).json());
    expect(status.environments[0]).toMatchObject({
      release: 'v1',
      urls: ['http://web.localhost:8080/'],
      drift: ['web of v2: 2 declared, 0 running.'],
    });
    expect(status.environments[0]?.rollout).toMatchObject({ id: 'r2', phase: 'starting', live: false });
    const releases = schemas
      .listOf(schemas.releaseBody)
      .parse(await (await call('/v1/apps/shop/environments/production/releases')).json());
    expect(releases.items.map((row) => [row.release, row.state])).toEqual([
      ['v2', 'candidate'],
      ['v1', 'live'],
    ]);
    const rollouts = schemas
      .listOf(schemas.rolloutBody)
      .parse(await (await call('/v1/apps/shop/environments/production/rollouts')).json());
    expect(rollouts.items).toHaveLength(1);
    schemas.rolloutBody.parse(await (await call('/v1/rollouts/r2')).json());
    const doctor = schemas.doctorBody.parse(await (await call('/v1/doctor')).json());
    expect(doctor.checks.map((check) => [check.name, check.state])).toEqual([
      ['control plane', 'ok'],
      ['store', 'ok'],
      ['data plane', 'ok'],
      ['drift', 'warning'],
    ]);
  });

  it('pages through lists without leaving a row out', async () => {
    at = await startStandIn();
    await at.write({ releases: [1, 2, 3, 4, 5].map((number) => release(number)) });
    const seen: string[] = [];
    for (let before = ''; ; ) {
      const page = schemas
        .listOf(schemas.releaseBody)
        .parse(await (await call(`/v1/apps/shop/environments/production/releases?limit=2${before}`)).json());
      seen.push(...page.items.map((row) => row.release));
      if (page.next === undefined) break;
      before = `&before=${encodeURIComponent(page.next)}`;
    }
    expect(seen).toEqual(['v5', 'v4', 'v3', 'v2', 'v1']);
  });

  it('describes every operation, and only these, without a dangling reference', async () => {
    at = await startStandIn();
    const text = await (await call('/v1/openapi.json')).text();
    const description = JSON.parse(text) as {
      openapi: string;
      paths: Record<string, Record<string, { operationId: string }>>;
      components: { schemas: Record<string, unknown> };
    };
    expect(description.openapi).toBe('3.1.0');
    const described = Object.values(description.paths).flatMap((path) => Object.values(path).map((one) => one.operationId));
    expect(described.sort()).toEqual(Object.keys(operations).sort());
    const references = [...text.matchAll(/"\$ref":"#\/components\/schemas\/(\w+)"/g)].map(([, name]) => name);
    expect(references.length).toBeGreaterThan(20);
    for (const name of references) expect(Object.keys(description.components.schemas)).toContain(name);
    expect(text).not.toContain('$defs');
  });
});
