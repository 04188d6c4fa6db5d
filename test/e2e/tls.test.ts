import { chmod, readFile } from 'node:fs/promises';
import { connect } from 'node:http2';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { oneService } from './kit/apps.ts';
import { openSite, type Site } from './kit/site.ts';

let site: Site;
beforeAll(async () => {
  site = await openSite();
});
afterAll(async () => expect(await site.stop()).toBe(0));

const host = 'secure.localhost';

/** Asks again and again over one connection of HTTP/2 until told to stop. */
async function askOn(port: number, authority: string) {
  const session = connect(`https://${host}:${port}`, {
    ca: authority,
    lookup: (_name, _options, done) => done(null, [{ address: '127.0.0.1', family: 4 }] as never),
  });
  await new Promise<void>((resolve, reject) => {
    session.once('connect', () => resolve());
    session.once('error', reject);
  });
  const seen = { versions: new Set<string>(), failed: [] as string[], answers: 0, stop: false };
  const once = (): Promise<void> =>
    new Promise((resolve) => {
      const stream = session.request({ ':path': '/' });
      let body = '';
      let status = 0;
      stream.setEncoding('utf8');
      stream.on('response', (headers) => (status = headers[':status'] ?? 0));
      stream.on('data', (text: string) => (body += text));
      stream.on('error', (cause) => seen.failed.push(cause.message));
      stream.on('close', () => {
        seen.answers += 1;
        if (status === 200) seen.versions.add((JSON.parse(body) as { version: string }).version);
        else seen.failed.push(`${status}`);
        setTimeout(resolve, 10);
      });
    });
  const run = (async () => {
    while (!seen.stop) await once();
  })();
  return {
    seen,
    stop: async () => {
      seen.stop = true;
      await run;
      session.destroy();
    },
  };
}

test('an app gets HTTPS by one command: HTTP leads there, and releases switch under HTTP/2 without a lost answer', async () => {
  const { installation } = site;
  const app = await site.app('secure');
  const version = (number: string) => ({
    fixture: 'dies-at-once-on-sigterm',
    settings: { ...oneService('secure', { env: { VERSION: number } }), smoke: ['/'] },
  });
  await app.commit(version('1'));
  await installation.deploy(app.folder);
  expect((await site.ask(host)).status).toBe(200);

  const made = await installation.cli('certificates', 'local', host, '--json');
  expect(made.stderr).toBe('');
  const { authority, served } = JSON.parse(made.stdout) as { authority: string; served: { https: number } };
  const sent = await site.ask(host, '/some/path?q=1');
  expect([sent.status, sent.headers['location']]).toEqual([308, `https://${host}:${served.https}/some/path?q=1`]);

  const asking = await askOn(served.https, await readFile(authority, 'utf8'));
  await app.commit(version('2'));
  // Its smoke list is asked on the public route, too, and must not be sent elsewhere.
  const outcome = await installation.deploy(app.folder);
  await asking.stop();
  expect(outcome).toMatchObject({ phase: 'succeeded', requests: { dropped: 0 } });
  expect(asking.seen.failed).toEqual([]);
  expect([...asking.seen.versions].sort()).toEqual(['1', '2']);
  expect(outcome.requests.served).toBeGreaterThan(10);
});

test('doctor and the list of certificates say what is wrong with one, and everything else is served', async () => {
  const { installation } = site;
  const folder = join(installation.home, 'certificates');
  const pair = [join(folder, 'local.crt'), join(folder, 'local.key')] as const;
  const wrong = await installation.cli(
    'certificates',
    'add',
    '--cert',
    pair[0],
    '--key',
    join(installation.home, 'local-ca', 'ca.key'),
  );
  expect([wrong.exitCode, wrong.stderr]).toEqual([1, expect.stringContaining('does not belong to the certificate')]);
  const added = await installation.cli('certificates', 'add', '--cert', pair[0], '--key', pair[1], '--name', 'copy', '--json');
  expect(JSON.parse(added.stdout)).toMatchObject({ name: 'copy', served: { problems: [] } });
  await chmod(join(folder, 'copy.key'), 0o644);
  const list = await installation.cli('certificates', 'reload', '--json');
  expect(list.exitCode).toBe(1);
  expect(JSON.parse(list.stdout)).toMatchObject({ problems: [{ code: 'KEY_EXPOSED' }] });
  const { checks } = JSON.parse((await installation.cli('doctor', '--json')).stdout) as {
    checks: { name: string; state: string }[];
  };
  expect(checks.find(({ name }) => name === 'certificates')).toMatchObject({
    state: 'failed',
    fix: `chmod 600 ${join(folder, 'copy.key')}`,
  });
});
