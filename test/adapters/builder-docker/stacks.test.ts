import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { gatherImageFacts } from '../../../src/blueprints/image/gather.ts';
import { dockerfile } from '../../../src/blueprints/dockerfile.ts';
import { loadAppSpec } from '../../../src/config/load.ts';
import type { Engine } from '../../../src/engine/client.ts';
import { memoryReader } from '../../config/memory-reader.ts';
import { engineOrSkip, run, succeeded, type Workbench, workbench } from './workbench.ts';

/** Apps whose Dockerfiles are made and built for real. Each answers, as who it runs, and ends with 42 when it hears SIGTERM. */
const fixtures = fileURLToPath(new URL('../../fixtures/images', import.meta.url));

let engine: Engine;
let bench: Workbench;
beforeEach((ctx) => {
  engine = engineOrSkip(ctx);
  bench = workbench(engine);
});
afterEach(() => bench?.end());

for (const [name, base] of [
  ['python-plain', 'python:3.12-slim-bookworm'],
  ['yarn-packed', 'node:20-bookworm-slim'],
  ['pnpm-workspace', 'node:20-bookworm-slim'],
] as const)
  test(`the Dockerfile made for ${name} builds an image that answers, not as root, and hears SIGTERM`, async (ctx) => {
    if (!(await engine.call('GET', `/images/${encodeURIComponent(base)}/json`)).ok)
      ctx.skip(`the engine has no ${base}: docker pull ${base}, or start a test engine with --stand-ins`);
    const files = filesOf(join(fixtures, name));
    const reader = memoryReader(files);
    const { spec } = await loadAppSpec(reader);
    const [service = ''] = Object.keys(spec.services);
    const facts = await gatherImageFacts(reader, spec, service);
    const text = dockerfile(facts);
    expect(text).toContain(`ARG BASE=${base}\n`);
    const sha = await bench.send(files);
    const recipe = await bench.recipe(sha, { dockerfile: { text }, context: facts.context });
    succeeded((await run(await bench.open(), bench.request(sha, recipe))).result);
    const ran = await tried(`signalbox/${bench.app}-web:${sha}`, facts.port ?? 0);
    expect(ran).toEqual({ answer: 'hello 60000 1000', exitCode: 42, logins: '' });
  }, 240_000);

/** Runs the image as Signalbox does (an init, no health check of its own) until it has answered and was told to end. */
async function tried(image: string, port: number): Promise<{ answer: string; exitCode: number; logins: string }> {
  const logins = await ended(image, ['sh', '-c', 'test ! -e /app/.npmrc || echo /app/.npmrc']);
  const id = await started(image, {});
  try {
    const { NetworkSettings } = await body<{ NetworkSettings: { IPAddress: string } }>('GET', `/containers/${id}/json`);
    const answer = await answerOf(`http://${NetworkSettings.IPAddress}:${port}/`);
    await body('POST', `/containers/${id}/stop?t=20`);
    const { State } = await body<{ State: { ExitCode: number } }>('GET', `/containers/${id}/json`);
    return { answer, exitCode: State.ExitCode, logins: logins.trim() };
  } finally {
    await engine.call('DELETE', `/containers/${id}`, { query: { force: true, v: true } });
  }
}

async function started(image: string, more: object): Promise<string> {
  const { Id } = await body<{ Id: string }>('POST', '/containers/create', {
    Image: image,
    Labels: { 'signalbox.test': bench.app },
    HostConfig: { Init: true, CapDrop: ['ALL'], SecurityOpt: ['no-new-privileges:true'] },
    ...more,
  });
  await body('POST', `/containers/${Id}/start`);
  return Id;
}

/** What a command in the image says, by its exit code. */
async function ended(image: string, command: readonly string[]): Promise<string> {
  const id = await started(image, { Entrypoint: command, Cmd: [], Tty: true });
  try {
    await body('POST', `/containers/${id}/wait`);
    const stream = await engine.stream('GET', `/containers/${id}/logs`, { query: { stdout: true, stderr: true } });
    const pieces: Buffer[] = [];
    for await (const piece of stream) pieces.push(piece as Buffer);
    return Buffer.concat(pieces).toString('utf8');
  } finally {
    await engine.call('DELETE', `/containers/${id}`, { query: { force: true, v: true } });
  }
}

async function answerOf(url: string): Promise<string> {
  for (const until = Date.now() + 30_000; ; await wait(100)) {
    const answer = await fetch(url, { signal: AbortSignal.timeout(2000) }).catch(() => null);
    if (answer?.ok === true) return answer.text();
    if (Date.now() > until) throw new Error(`Nothing answers at ${url}.`);
  }
}

async function body<Body>(method: 'GET' | 'POST', path: string, sent?: object): Promise<Body> {
  const answer = await engine.call<Body>(method, path, { timeoutMs: 60_000, ...(sent === undefined ? {} : { body: sent }) });
  if (!answer.ok) throw new Error(answer.message);
  return answer.body;
}

const filesOf = (folder: string): Record<string, string> =>
  Object.fromEntries(
    readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name))
      .map((path) => [relative(folder, path), readFileSync(path, 'utf8')]),
  );
