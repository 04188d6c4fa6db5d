import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { createServer, type AddressInfo } from 'node:net';
import { request } from 'node:http';
import { promisify } from 'node:util';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { testEngine } from '../docker/engine.ts';
import { endStarted, makeFolder, removeFolders, runCli } from './run-cli.ts';

afterEach(endStarted);
afterAll(removeFolders);

const execute = promisify(execFile);
const engine = testEngine();
const compose = await execute('docker-compose', ['version', '--short']).then(
  ({ stdout }) => stdout.trim(),
  () => undefined,
);
const images = ['node:20-bookworm-slim', 'redis:7', 'caddy:2.10-alpine'];

const program = (body: string): string => `const { createServer } = require('node:http');
const { appendFileSync, readFileSync } = require('node:fs');
createServer((ask, answer) => { ${body} }).listen(process.env.PORT || 4000, process.env.HOST);\n`;

const app = {
  'web/package.json': '{"scripts":{"start":"node server.js"}}',
  'web/server.js': program(
    "if (ask.url === '/up') return answer.end('ok'); fetch(process.env.API_URL + '/api/who').then((r) => r.text()).then((text) => answer.end('web and ' + text));",
  ),
  'api/package.json': '{"scripts":{"start":"node server.js"}}',
  'api/server.js': program(
    "if (ask.url === '/api/up') return answer.end('ok'); if (ask.url === '/api/runs') return answer.end(readFileSync('kept/runs')); if (ask.url === '/api/redis') { const url = new URL(process.env.REDIS_URL); const s = require('node:net').connect(url.port, url.hostname, () => s.write('AUTH ' + url.password + '\\r\\nPING\\r\\n')); let all = ''; s.on('data', (d) => { all += d; if (all.includes('PONG')) { s.end(); answer.end('PONG'); } }); return; } answer.end('uid ' + process.getuid() + ' open ' + process.env.OPEN_ONE);",
  ),
  'api/migrate.js':
    "require('node:fs').appendFileSync('kept/runs', 'x'); if (process.env.OPEN_ONE !== undefined) process.exit(1);",
  'site/index.html': 'the docs',
  'signalbox.yaml': [
    'services:',
    "  web: { path: web, run: npm start, health: /up, route: /, env: { API_URL: '${services.api.url}' } }",
    '  api: { path: api, run: npm start, health: /api/up, route: /api, persist: [kept], release: node migrate.js }',
    '  docs: { path: site, static: ., route: { host: docs.localhost } }',
    'accessories: { cache: redis }',
  ].join('\n'),
};

describe('a generated compose.yaml', () => {
  it('starts the whole app with plain docker-compose, on one address', { timeout: 300_000 }, async (ctx) => {
    if ('missing' in engine) return ctx.skip(engine.missing);
    if (compose === undefined) return ctx.skip('no docker-compose: apt-get install docker-compose');
    const env = {
      PATH: process.env['PATH'] ?? '',
      HOME: '/nowhere',
      DOCKER_HOST: engine.host,
      DOCKER_BUILDKIT: '0',
      HTTP_PORT: String(await freePort()),
    };
    const there = await execute('docker', ['image', 'inspect', ...images], { env, maxBuffer: 1e8 }).then(
      () => true,
      () => false,
    );
    if (!there) return ctx.skip(`the test engine has no ${images.join(', ')}: start it with --stand-ins`);
    const folder = await makeFolder(app);
    for (const what of ['dockerfile', 'compose', 'env-example'])
      expect((await runCli(['generate', what, folder], { home: folder })).code).toBe(0);
    const project = `sbxtest${randomBytes(4).toString('hex')}`;
    const run = (...words: string[]): Promise<{ stdout: string; stderr: string }> =>
      execute('docker-compose', ['--project-name', project, ...words], { cwd: folder, env, maxBuffer: 1e8 });
    const ask = (path: string, host = 'localhost'): Promise<string> => answerOf(Number(env.HTTP_PORT), path, host);
    try {
      await run('config', '--quiet');
      await run('up', '--detach', '--build');
      expect(await eventually(() => ask('/'))).toBe('web and uid 1000 open undefined');
      expect(await ask('/api/who')).toBe('uid 1000 open undefined');
      expect(await ask('/api/redis')).toBe('PONG');
      expect(await ask('/api/runs')).toBe('x');
      expect(await ask('/', 'docs.localhost')).toBe('the docs');
      const started = Date.now();
      await run('stop', '--timeout', '60', 'web', 'api');
      // Without an init the servers would not hear the signal and be killed after the whole minute.
      expect(Date.now() - started).toBeLessThan(40_000);
    } finally {
      await run('down', '--volumes', '--rmi', 'local', '--remove-orphans');
    }
    const { stdout } = await execute(
      'docker',
      ['ps', '--all', '--quiet', '--filter', `label=com.docker.compose.project=${project}`],
      { env },
    );
    expect(stdout).toBe('');
  });
});

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

function answerOf(port: number, path: string, host: string): Promise<string> {
  return new Promise((resolve, reject) => {
    request({ host: '127.0.0.1', port, path, headers: { host } }, (answer) => {
      let text = '';
      answer.setEncoding('utf8').on('data', (part: string) => {
        text += part;
      });
      answer.on('end', () => (answer.statusCode === 200 ? resolve(text) : reject(new Error(`${answer.statusCode}: ${text}`))));
    })
      .on('error', reject)
      .end();
  });
}

/** The router may need a moment after its container has started. */
async function eventually(look: () => Promise<string>): Promise<string> {
  const deadline = Date.now() + 30_000;
  for (;;) {
    try {
      return await look();
    } catch (error) {
      if (Date.now() > deadline) throw error;
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
  }
}
