import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { json } from 'node:stream/consumers';
import { describe, expect, it } from 'vitest';
import { listProcesses, waitFor } from '../../bench/kit/processes.ts';
import { type Running, startCli } from './run-cli.ts';

interface Result {
  readonly claims: readonly { readonly says: string; readonly holds: boolean }[];
  readonly deploys: Readonly<Record<string, { readonly phase: string; readonly reason?: { readonly code: string } }>>;
  readonly load: { readonly ok: number; readonly dropped: number; readonly appErrors: number };
}

/** A story takes some 25 s on an idle machine. */
const timeout = 120_000;

/** Runs a demo in a temporary folder of its own, and shows that it has left nothing there: no file and no process. */
async function withDemo(
  words: readonly string[],
  look: (demo: Running) => Promise<void>,
  before: (start: () => Running) => Promise<void> = () => Promise.resolve(),
): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'demo-test-'));
  // Settings of another installation: none of the demo's business.
  const foreign = { SIGNALBOX_HTTP_PORT: '1', SIGNALBOX_URL: 'http://127.0.0.1:1', SIGNALBOX_TOKEN: 'of-another-one-altogether' };
  const start = (): Running =>
    startCli(['demo', ...words], { home: folder, cwd: process.cwd(), env: { TMPDIR: folder, ...foreign } });
  await before(start);
  const demo = start();
  try {
    await look(demo);
    expect(await readdir(folder)).toEqual([]);
    const processes = await listProcesses();
    const left = processes.filter(({ argv, environment }) =>
      [...argv, ...environment.values()].some((word) => word.includes(`${folder}/signalbox-demo-`)),
    );
    expect(left.map(({ argv }) => argv)).toEqual([]);
  } finally {
    demo.child.kill('SIGTERM');
    await demo.done;
    await rm(folder, { recursive: true, force: true });
  }
}

const printed = (demo: Running, text: string): Promise<true> =>
  waitFor(`"${text}"`, timeout, async () => (demo.out().includes(text) ? true : undefined));

async function askApp(demo: Running): Promise<unknown> {
  const port = /http:\/\/hello\.localhost:(\d+)\//.exec(demo.out())?.[1];
  return await new Promise((resolve, reject) => {
    request({ host: '127.0.0.1', port, path: '/health', headers: { host: 'hello.localhost' } }, (answer) => resolve(json(answer)))
      .once('error', reject)
      .end();
  });
}

describe('signalbox demo', () => {
  it.concurrent('ships, breaks and rolls back under load without losing a request', { timeout }, async () => {
    await withDemo(['--once', '--json'], async (demo) => {
      const { code, out } = await demo.done;
      const { claims, load, deploys } = JSON.parse(out) as Result;
      expect(claims.filter(({ holds }) => !holds)).toEqual([]);
      expect(code).toBe(0);
      expect(load.ok).toBeGreaterThan(500);
      expect(load.dropped).toBe(0);
      expect(load.appErrors).toBeGreaterThan(0);
      expect(deploys['v3']).toMatchObject({ phase: 'rolled-back', reason: { code: 'BAKE_FAILED' } });
    });
  });

  it.concurrent('says so and fails when one request was lost for real', { timeout }, async () => {
    await withDemo(['--once', '--sabotage', 'drop'], async (demo) => {
      const { code, out, err } = await demo.done;
      expect(err.match(/not true: .*?\./g), err).toEqual(['not true: dropped 0, by the count of the clients.']);
      expect(out).toContain('dropped: 1');
      expect(out).not.toContain('All of it was checked');
      expect(code).toBe(1);
    });
  });

  it.concurrent('stays with the app up until Ctrl-C, then ends all that it started', { timeout }, async () => {
    await withDemo([], async (demo) => {
      await printed(demo, 'Ctrl-C ends it all');
      expect(await askApp(demo)).toEqual({ status: 'ok', version: 'v2' });
      // Somebody's editor in the other terminal, where they exported the home as they were told.
      const home = /export SIGNALBOX_HOME=(\S+)/.exec(demo.out())?.[1] ?? '';
      const editor = spawn('sleep', ['100'], { env: { PATH: process.env['PATH'], SIGNALBOX_HOME: home }, stdio: 'ignore' });
      try {
        demo.child.kill('SIGINT');
        expect((await demo.done).code).toBe(0);
        expect([home !== '', editor.exitCode, editor.signalCode]).toEqual([true, null, null]);
      } finally {
        editor.kill();
        await once(editor, 'exit');
      }
    });
  });

  it.concurrent('ends all that it started when it is interrupted in the middle of a deploy', { timeout }, async () => {
    await withDemo([], async (demo) => {
      await printed(demo, 'v1: the first release');
      demo.child.kill('SIGINT');
      expect((await demo.done).code).toBe(130);
    });
  });

  it.concurrent('ends what an earlier demo could not, which was killed', { timeout }, async () => {
    const killOne = async (start: () => Running): Promise<void> => {
      const killed = start();
      await printed(killed, 'v1: the first release');
      killed.child.kill('SIGKILL');
      await killed.done;
    };
    await withDemo(
      [],
      async (demo) => {
        await printed(demo, 'v1: the first release');
        demo.child.kill('SIGINT');
        expect((await demo.done).code).toBe(130);
      },
      killOne,
    );
  });

  it.concurrent('ends all that it started when nobody reads it any more', { timeout }, async () => {
    await withDemo([], async (demo) => {
      await printed(demo, 'Starting Signalbox');
      demo.child.stdout?.destroy();
      expect((await demo.done).code).toBe(130);
    });
  });
});
