import { readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { endStarted, makeFolder, onlyJson, type Ran, removeFolders, runCli } from './run-cli.ts';

afterEach(endStarted);
afterAll(removeFolders);

const app = {
  'package.json': '{"scripts":{"start":"node server.js"}}',
  'server.js': "require('node:http').createServer((q, s) => s.end('ok')).listen(process.env.PORT || 3000, process.env.BIND_TO)",
};
const run = (folder: string, ...words: string[]): Promise<Ran> => runCli(['generate', ...words], { home: folder });
const edit = async (file: string, change: (text: string) => string): Promise<void> =>
  writeFile(file, change(await readFile(file, 'utf8')));

describe('generate', () => {
  it('writes the files, then finds them up to date', async () => {
    const folder = await makeFolder(app);
    const first = await run(folder, 'dockerfile', '--json');
    expect(onlyJson(first)).toMatchObject({ written: ['Dockerfile', '.dockerignore'] });
    expect(await readFile(join(folder, 'Dockerfile'), 'utf8')).toContain('\nCMD ["node", "server.js"]\n');
    expect((await run(folder, 'dockerfile', '--check')).code).toBe(0);
    expect(onlyJson(await run(folder, 'dockerfile', '--json'))).toMatchObject({ written: [] });
    expect((await readdir(folder)).filter((name) => name.includes('.new'))).toEqual([]);
  });

  it('checks without a name only what was made once', async () => {
    const folder = await makeFolder(app);
    expect((await run(folder, '--check')).out).toContain('Nothing was ever made here');
    await run(folder, 'env-example');
    expect((await run(folder, '--check', folder)).code).toBe(0);
    const all = await run(folder, 'compose', '--check', '--json');
    expect([all.code, onlyJson(all)]).toMatchObject([1, { stale: ['compose.yaml', 'compose.watch.yaml'] }]);
  });

  it('says which files are stale once the facts have changed, and brings them up to date', async () => {
    const folder = await makeFolder(app);
    await run(folder, 'compose');
    await edit(join(folder, 'server.js'), (text) => text.replace('3000', '3555'));
    const stale = await run(folder, '--check', '--json');
    expect([stale.code, onlyJson(stale)]).toMatchObject([1, { stale: ['compose.yaml'] }]);
    const { code, out } = await run(folder, 'compose');
    expect(code).toBe(0);
    expect(out).toMatch(/^-.*3000/m);
    expect(out).toMatch(/^\+.*3555/m);
    expect((await run(folder, '--check')).code).toBe(0);
  });

  it('keeps what was changed by hand as long as the facts are the same', async () => {
    const folder = await makeFolder(app);
    await run(folder, 'dockerfile');
    await edit(join(folder, 'Dockerfile'), (text) => `${text}LABEL mine=1\n`);
    expect((await run(folder, '--check')).code).toBe(0);
    expect((await run(folder, 'dockerfile')).out).toContain('with your changes');
    expect(await readFile(join(folder, 'Dockerfile'), 'utf8')).toContain('LABEL mine=1');
  });

  it('refuses to overwrite what was changed by hand, writes nothing else, and shows the difference', async () => {
    const folder = await makeFolder(app);
    await run(folder, 'dockerfile');
    await edit(join(folder, 'Dockerfile'), (text) => `${text}LABEL mine=1\n`);
    await edit(join(folder, 'server.js'), (text) => text.replace('3000', '3555'));
    await rm(join(folder, '.dockerignore'));
    const refused = await run(folder, 'dockerfile');
    expect([refused.code, refused.err]).toEqual([1, expect.stringContaining('GENERATED_EDITED')]);
    expect(refused.out).toMatch(/^-LABEL mine=1$/m);
    expect(await readdir(folder)).not.toContain('.dockerignore');
    expect((await run(folder, 'dockerfile', '--check')).code).toBe(1);
    expect((await run(folder, 'dockerfile', '--force')).code).toBe(0);
    expect(await readFile(join(folder, 'Dockerfile'), 'utf8')).not.toContain('mine');
  });

  it("never touches a file of the user's own, but for --force; an own .dockerignore is as good", async () => {
    const folder = await makeFolder({ ...app, Dockerfile: 'FROM mine\n', '.dockerignore': 'own\n' });
    const refused = await run(folder, 'dockerfile', '--json');
    expect(onlyJson(refused)).toMatchObject({ error: { code: 'GENERATED_EDITED', details: { files: ['Dockerfile'] } } });
    expect(await readFile(join(folder, 'Dockerfile'), 'utf8')).toBe('FROM mine\n');
    await run(folder, 'dockerfile', '--force');
    expect(await readFile(join(folder, 'Dockerfile'), 'utf8')).toContain('signalbox:generated');
    expect(await readFile(join(folder, '.dockerignore'), 'utf8')).toBe('own\n');
  });

  it('finds nothing stale because lines have moved', async () => {
    const folder = await makeFolder(app);
    await run(folder, 'env-example');
    await edit(join(folder, 'server.js'), (text) => `// first\n${text}`);
    expect((await run(folder, '--check')).code).toBe(0);
    await edit(join(folder, 'server.js'), (text) => text.replace('BIND_TO', 'BIND_AT'));
    expect((await run(folder, '--check')).code).toBe(1);
  });

  it('takes lines that end in CRLF for the same lines', async () => {
    const folder = await makeFolder(app);
    await run(folder, 'dockerfile');
    await edit(join(folder, 'Dockerfile'), (text) => text.replaceAll('\n', '\r\n'));
    expect((await run(folder, '--check')).code).toBe(0);
  });

  it('does not write through a link', async () => {
    const folder = await makeFolder({ ...app, 'elsewhere.txt': 'precious\n' });
    await symlink(join(folder, 'elsewhere.txt'), join(folder, '.env.example'));
    expect((await run(folder, 'env-example', '--force')).err).toContain('no regular file');
    expect(await readFile(join(folder, 'elsewhere.txt'), 'utf8')).toBe('precious\n');
  });

  it('does not leave the repository through a folder that is a link', async () => {
    const other = await makeFolder({ 'kept.txt': '' });
    const folder = await makeFolder({ ...app, 'signalbox.yaml': 'services: { web: { run: node server.js, route: /a } }' });
    await symlink(other, join(folder, 'compose'));
    expect((await run(folder, 'compose')).err).toContain('FILE_NOT_WRITTEN');
    expect(await readdir(other)).not.toContain('Caddyfile');
    expect(await readdir(folder)).not.toContain('compose.yaml');
  });

  it('remembers in the files what was answered, until something else is said', async () => {
    const folder = await makeFolder(app);
    await run(folder, 'github-actions', '--target', 'signalbox');
    const ship = join(folder, '.github/workflows/ship.yml');
    expect(await readFile(ship, 'utf8')).toMatch(/^# Made by `signalbox generate github-actions --target signalbox`/);
    expect((await run(folder, '--check')).code).toBe(0);
    expect(onlyJson(await run(folder, 'github-actions', '--json'))).toMatchObject({ written: [] });
    await rm(ship);
    expect((await run(folder, '--check')).out).toContain('ship.yml  is missing');
    const other = onlyJson(await run(folder, 'github-actions', '--target', 'aws', '--credentials', 'secrets', '--json'));
    expect(other).toMatchObject({ written: ['.github/workflows/web.yml', '.github/workflows/ship-to-ecs.yml'] });
    expect((await run(folder, '--check')).code).toBe(0);
    expect(await readFile(join(folder, '.github/workflows/ship-to-ecs.yml'), 'utf8')).toContain('secrets.AWS_ACCESS_KEY_ID');
  });

  it.each([
    [['compose', '--target', 'aws'], 'compose has no --target'],
    [['github-actions', '--target', 'azure'], 'expected aws or signalbox'],
  ])('refuses %j, and writes nothing', async (words, reason) => {
    const folder = await makeFolder(app);
    const { code, err } = await run(folder, ...words);
    expect([code, err]).toEqual([2, expect.stringContaining(reason)]);
    expect((await readdir(folder)).sort()).toEqual(['.git', 'package.json', 'server.js']);
  });

  it('lists what can be made, and refuses what cannot', async () => {
    const folder = await makeFolder(app);
    expect((await run(folder, '--list')).out).toMatch(/dockerfile[\s\S]*compose[\s\S]*env-example/);
    for (const words of [['helm'], []]) {
      const refused = await run(folder, ...words);
      expect([refused.code, refused.err]).toEqual([2, expect.stringContaining('dockerfile, compose, env-example')]);
    }
  });

  it('says what it cannot make a Dockerfile of', async () => {
    const folder = await makeFolder({
      'main.go': '',
      'signalbox.yaml': 'services: { web: { build: go build, run: ./web, route: / } }',
    });
    expect((await run(folder, 'dockerfile')).err).toContain('NO_DOCKERFILE_FOR_STACK');
  });
});
