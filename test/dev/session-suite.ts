import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { endStarted, makeFolder, removeFolders, startCli } from '../cli/run-cli.ts';
import { ask, type DevSession, processesWith, server, startDev, until } from './session-kit.ts';

/**
 * What local development promises, whatever runs the services. A test that has no engine is skipped with the reason.
 * @param runtime words and variables that choose it, or why it cannot be had.
 */
export function sessionSuite(
  runtime: { readonly words: readonly string[]; readonly env: Record<string, string> } | { readonly missing: string },
): void {
  let home: string;
  const sessions: DevSession[] = [];
  const chosen = 'missing' in runtime ? { words: [], env: {} } : runtime;

  beforeEach(async (ctx) => {
    home = await mkdtemp(join(tmpdir(), 'sb-dev-'));
    if ('missing' in runtime) ctx.skip(runtime.missing);
  });
  afterEach(async () => {
    for (const session of sessions.splice(0).reverse()) await session.stop();
    endStarted();
    await removeFolders();
    await rm(home, { recursive: true, force: true });
  });

  const start = async (folder: string, words: readonly string[] = [], env: Record<string, string> = {}): Promise<DevSession> => {
    const session = await startDev(folder, { home, words: [...chosen.words, ...words], env: { ...chosen.env, ...env } });
    sessions.push(session);
    return session;
  };
  const yaml = (services: string): string => `app: shop\nservices:\n${services}`;
  const web = yaml('  web: { run: node server.mjs, route: { host: shop.example.com } }\n');
  const one = (files: Record<string, string> = {}) =>
    makeFolder({ 'signalbox.yaml': web, 'server.mjs': server('one'), ...files }, { git: false });

  describe('a service that is restarted on change', { timeout: 150_000 }, () => {
    test('answers anew within seconds, and no request fails meanwhile', async () => {
      const folder = await one();
      const { port, ready } = await start(folder);
      expect(await ready()).toMatchObject({ ready: true });
      expect((await ask(port)).body).toBe('one');
      const statuses = new Set<number>();
      let asking = true;
      const load = (async () => {
        while (asking) {
          statuses.add((await ask(port).catch(() => ({ status: 0 }))).status);
          await wait(10);
        }
      })();
      for (const text of ['two', 'three']) {
        await writeFile(join(folder, 'server.mjs'), server(text));
        await until(port, ({ body }) => body === text);
      }
      asking = false;
      await load;
      expect([...statuses]).toEqual([200]);
    });

    test('that cannot start shows why, to people and to machines, and is back when it is mended', async () => {
      const folder = await one();
      const { port, ready } = await start(folder);
      await ready();
      await writeFile(join(folder, 'server.mjs'), 'console.error("the <reason>"); process.exit(3);');
      const page = await until(port, ({ status }) => status === 503, '/', { accept: 'text/html' });
      expect(page.body).toContain('ended with code 3');
      expect(page.body).not.toContain('listening');
      expect(page.body).toContain('the &#60;reason&#62;');
      const problem = JSON.parse((await ask(port)).body) as { code: string; lines: string[] };
      expect(problem).toMatchObject({ code: 'DEV_SERVICE_DOWN', lines: expect.arrayContaining(['the <reason>']) as string[] });
      await writeFile(join(folder, 'server.mjs'), server('mended'));
      expect((await until(port, ({ status }) => status === 200)).body).toBe('mended');
    });

    test('that crashes while it runs shows its last words', async () => {
      const { port, ready } = await start(await one());
      await ready();
      // One that was up for a while is started again by itself: then it is told once more.
      expect((await until(port, ({ status }) => status === 503, '/crash')).body).toContain('I was told to crash');
    });

    test('makes requests wait while it starts', async () => {
      const slow = server('late').replace('createServer((', 'await new Promise((r) => setTimeout(r, 1200));\ncreateServer((');
      const { port } = await start(await one({ 'server.mjs': slow }));
      expect(await ask(port)).toMatchObject({ status: 200, body: 'late' });
    });

    test('is reached again when the proxy was killed, and nobody is refused meanwhile', async () => {
      const { port, ready } = await start(await one());
      await ready();
      const [place = ''] = await readdir(join(home, 'dev'));
      const [proxy] = processesWith(`dev${place.replace('shop-', '')}:proxy`);
      if (proxy === undefined) throw new Error('the proxy was not found');
      process.kill(proxy, 'SIGKILL');
      expect(await ask(port)).toMatchObject({ status: 200, body: 'one' });
      expect((await ask(port)).body).toBe('one');
    });

    test('is not restarted by what it writes itself', async () => {
      const writing = `import { writeFileSync } from 'node:fs';\nwriteFileSync('state.json', String(Date.now()));\n${server('writes')}`;
      const { port, said, entries } = await start(await one({ 'server.mjs': writing }));
      await until(port, ({ status }) => status === 200);
      await said(/state\.json changes with every restart/);
      const restarts = entries().filter(({ text }) => text === 'state.json changed').length;
      expect(restarts).toBeLessThanOrEqual(3);
      expect((await ask(port)).body).toBe('writes');
    });

    test('takes new values from files of variables', async () => {
      const folder = await one({ '.env': 'GREETING=hello' });
      const { port, ready } = await start(folder);
      await ready();
      const greeting = async (): Promise<string> => (JSON.parse((await ask(port, '/env')).body) as { GREETING: string }).GREETING;
      expect(await greeting()).toBe('hello');
      await writeFile(join(folder, '.env'), 'GREETING=goodbye');
      await until(port, ({ body }) => body.includes('"GREETING":"goodbye"'), '/env');
    });
  });

  describe('a service that reloads itself', { timeout: 150_000 }, () => {
    const own = yaml('  web: { run: node server.mjs, route: /, dev: node --watch server.mjs }\n');
    /** Takes its time to listen, as bigger apps do. */
    const late = (text: string): string =>
      server(text).replace('createServer((', 'await new Promise((r) => setTimeout(r, 2500));\ncreateServer((');

    test('is waited for while it is away, however long it takes', async () => {
      const folder = await one({ 'signalbox.yaml': own });
      const { port, ready } = await start(folder);
      await ready();
      const statuses: number[] = [];
      let asking = true;
      const load = (async () => {
        while (asking) {
          statuses.push((await ask(port).catch(() => ({ status: 0 }))).status);
          await wait(20);
        }
      })();
      await writeFile(join(folder, 'server.mjs'), late('two'));
      await until(port, ({ body }) => body === 'two');
      asking = false;
      await load;
      // Whoever was being answered at the very moment it was killed is beyond help.
      expect(statuses.filter((status) => status !== 200).length).toBeLessThanOrEqual(1);
    });
  });

  describe('a stack of several services', { timeout: 150_000 }, () => {
    const services =
      yaml(`  web: { path: front, run: node server.mjs, route: { host: shop.example.com }, env: { API: '\${services.api.url}' } }
  api: { path: back, run: node server.mjs, route: { host: shop.example.com, path: /api } }
  docs: { static: docs, route: { host: shop.example.com, path: /docs, stripPath: true } }
  mailer: { path: back, run: node worker.mjs }
`);
    const files = {
      'signalbox.yaml': services,
      'front/server.mjs': server('front'),
      'back/server.mjs': server('back'),
      'back/worker.mjs': "console.log('I work'); setInterval(() => {}, 1000);",
      'docs/index.html': '<body>first</body>',
      'docs/app-1a2b3c4d.js': 'one',
    };

    test('has the routes of production behind one address, and its own API behind the reference', async () => {
      const { port, ready, said } = await start(await makeFolder(files, { git: false }));
      expect(await ready()).toMatchObject({ ready: true });
      await said(/^I work$/);
      expect((await ask(port)).body).toBe('front');
      expect((await ask(port, '/api/x')).body).toBe('back');
      expect((await ask(port, '/', { host: `shop.localhost:${port}` })).body).toBe('front');
      const { API } = JSON.parse((await ask(port, '/env')).body) as { API: string };
      expect(await (await fetch(`${API}/x`)).text()).toBe('back');
    });

    test('serves files fresh and tells open pages of changes', async () => {
      const folder = await makeFolder(files, { git: false });
      const { port, ready } = await start(folder);
      await ready();
      const page = await ask(port, '/docs/');
      expect(page.headers['cache-control']).toBe('no-store');
      expect(page.body).toContain('first');
      expect((await ask(port, '/docs/app-1a2b3c4d.js')).headers['cache-control']).toBe('no-store');
      const news = new AbortController();
      const stream = await fetch(`http://localhost:${port}/docs/__signalbox/changes`, { signal: news.signal });
      const reader = (stream.body as ReadableStream<Uint8Array>).getReader();
      await reader.read();
      await writeFile(join(folder, 'docs/index.html'), '<body>second</body>');
      expect(Buffer.from((await reader.read()).value ?? []).toString()).toContain('changed');
      news.abort();
      expect((await ask(port, '/docs/')).body).toContain('second');
      expect((await ask(port, '/docs/..%2f..%2fsignalbox.yaml')).status).toBe(404);
    });

    test('starts only what --only names', async () => {
      const { port, ready } = await start(await makeFolder(files, { git: false }), ['--only', 'api']);
      await ready();
      expect((await ask(port, '/api/x')).body).toBe('back');
      expect((await ask(port)).body).toContain('left out with --only');
    });

    test('passes websockets on', async () => {
      const echo = `
import { createServer } from 'node:http';
import { createHash } from 'node:crypto';
createServer((req, res) => res.end('plain')).on('upgrade', (req, socket) => {
  const key = createHash('sha1').update(req.headers['sec-websocket-key'] + '258EAFA5-E914-47DA-95CA-C5AB0DC85B11').digest('base64');
  socket.write('HTTP/1.1 101 Switching Protocols\\r\\nUpgrade: websocket\\r\\nConnection: Upgrade\\r\\nSec-WebSocket-Accept: ' + key + '\\r\\n\\r\\n');
  socket.write(Buffer.from([0x81, 2, 104, 105]));
}).listen(process.env.PORT, '127.0.0.1');`;
      const { port, ready } = await start(await makeFolder({ ...files, 'front/server.mjs': echo }, { git: false }));
      await ready();
      const socket = new WebSocket(`ws://localhost:${port}/hmr`);
      const message = await new Promise<string>((resolve, reject) => {
        socket.on('message', (data: Buffer) => resolve(data.toString()));
        socket.on('error', reject);
      });
      socket.terminate();
      expect(message).toBe('hi');
    });
  });

  describe('what is wrong is said before anything starts', { timeout: 150_000 }, () => {
    test('a variable that is missing, by name and place', async () => {
      const needs = yaml('  web: { run: node server.mjs, route: /, requires: [STRIPE_KEY] }\n');
      const folder = await one({ 'signalbox.yaml': needs });
      const ran = await startCli(['dev', folder, '--json', '--port', '0', ...chosen.words], {
        home,
        cwd: folder,
        env: chosen.env,
      }).done;
      expect(ran.code).toBe(1);
      expect(ran.out).toContain('"VARIABLE_MISSING"');
      expect(ran.out).toContain('web needs STRIPE_KEY (signalbox.yaml:3)');
      await writeFile(join(folder, '.env.local'), 'STRIPE_KEY=sk_test');
      const { port } = await start(folder);
      expect((await ask(port, '/env')).body).toContain('"STRIPE_KEY":"sk_test"');
    });

    test('a second one of the same folder is refused and the first goes on', async () => {
      const folder = await one();
      const { port, ready, running } = await start(folder);
      await ready();
      const ran = await startCli(['dev', folder, '--port', '0', ...chosen.words], { home, cwd: folder, env: chosen.env }).done;
      expect(ran.code).toBe(1);
      expect(ran.err).toContain(`process ${running.child.pid}`);
      expect(ran.err).toContain(`http://localhost:${port}`);
      expect((await ask(port)).body).toBe('one');
    });

    test('a port that was asked for and is taken', async () => {
      const taken = createServer().listen(0, '127.0.0.1');
      await new Promise((resolve) => taken.once('listening', resolve));
      const { port } = taken.address() as { port: number };
      const folder = await one();
      const ran = await startCli(['dev', folder, '--port', String(port), ...chosen.words], { home, cwd: folder, env: chosen.env })
        .done;
      taken.close();
      expect(ran.code).toBe(1);
      expect(ran.err).toContain('PORT_IN_USE');
      expect(processesWith(folder)).toEqual([]);
    });
  });

  describe('the end', { timeout: 150_000 }, () => {
    /** Starts a program of its own session that ignores every polite word. */
    const stubborn = (folder: string): string => `
import { spawn } from 'node:child_process';
process.on('SIGTERM', () => {});
spawn('setsid', [process.execPath, '-e', 'process.on("SIGTERM",()=>{});process.on("SIGHUP",()=>{});setInterval(()=>{},1000)', ${JSON.stringify(folder)}], { stdio: 'ignore' });
${server('stubborn')}`;

    test.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)(
      'by %s leaves nothing behind, whatever the services do',
      async (signal) => {
        const folder = await makeFolder({ 'signalbox.yaml': web }, { git: false });
        await writeFile(join(folder, 'server.mjs'), stubborn(folder));
        const { port, ready, running } = await start(folder);
        await ready();
        running.child.kill(signal);
        const { code } = await running.done;
        expect(code).toBe(0);
        expect(processesWith(folder)).toEqual([]);
        await expect(ask(port)).rejects.toThrow();
      },
    );

    test('by kill -9 is tidied up by the next start, which touches nothing else', async () => {
      const folder = await makeFolder({ 'signalbox.yaml': web }, { git: false });
      await writeFile(join(folder, 'server.mjs'), stubborn(folder));
      const other = await one();
      const neighbour = await start(other);
      const { ready, running } = await start(folder);
      await ready();
      running.child.kill('SIGKILL');
      await running.done;
      expect(processesWith(folder).length).toBeGreaterThan(0);
      const left = processesWith(folder);
      const again = await start(folder);
      await again.said(/that an earlier run left behind/);
      await again.ready();
      expect(processesWith(folder).filter((pid) => left.includes(pid))).toEqual([]);
      expect((await ask(again.port)).body).toBe('stubborn');
      expect((await ask(neighbour.port)).body).toBe('one');
    });

    test('by a reader that has seen enough leaves nothing behind', async () => {
      const { running, ready } = await start(
        await one({ 'server.mjs': `setInterval(() => console.log('tick'), 50);\n${server('one')}` }),
      );
      await ready();
      running.child.stdout?.destroy();
      expect((await running.done).code).toBe(0);
      expect(processesWith(home)).toEqual([]);
    });

    test('at once when it is asked for twice', async () => {
      const folder = await makeFolder({ 'signalbox.yaml': web }, { git: false });
      await writeFile(join(folder, 'server.mjs'), stubborn(folder));
      const { ready, running } = await start(folder);
      await ready();
      running.child.kill('SIGINT');
      const began = performance.now();
      await wait(300);
      running.child.kill('SIGINT');
      await running.done;
      expect(performance.now() - began).toBeLessThan(5000);
      expect(processesWith(folder)).toEqual([]);
    });

    test('while it still starts is an end, too', async () => {
      const folder = await one({ 'server.mjs': 'await new Promise((r) => setTimeout(r, 60_000));' });
      const { running } = await start(folder);
      running.child.kill('SIGINT');
      expect((await running.done).code).toBe(0);
      expect(processesWith(folder)).toEqual([]);
    });
  });
}
