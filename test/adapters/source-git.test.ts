import { execFileSync } from 'node:child_process';
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { gitSource } from '../../src/adapters/source/git/git-source.ts';
import { type PreparedSource, prepareSource, type SourceRequest } from '../../src/cli/send-source.ts';
import type { SignalboxError } from '../../src/domain/errors.ts';
import type { AppName } from '../../src/domain/values.ts';
import type { Source } from '../../src/ports/source.ts';
import { type TestRepository, testEnvironment, testFolder, testRepository } from './source-git-repository.ts';

const app = 'shop' as AppName;
let place: ReturnType<typeof testFolder>;
let repository: TestRepository;
let source: Source;
const open: PreparedSource[] = [];

beforeEach(() => {
  place = testFolder();
  repository = testRepository(place.path);
  source = gitSource({ folder: join(place.path, 'sources'), searchPath: testEnvironment().PATH ?? '' });
});
afterEach(async () => {
  for (const prepared of open.splice(0)) await prepared.dispose();
  place.end();
});

async function prepare(request: Partial<SourceRequest> = {}): Promise<PreparedSource> {
  const prepared = await prepareSource({ folder: repository.folder, environment: testEnvironment(), ...request });
  open.push(prepared);
  return prepared;
}
async function send(request: Partial<SourceRequest> = {}, to = app): Promise<PreparedSource> {
  const prepared = await prepare(request);
  const version = await source.receive(to, { file: prepared.bundle, ref: prepared.ref });
  expect(version.sha).toBe(prepared.sha);
  return prepared;
}

describe('a source that was sent', () => {
  test('keeps its SHA, subject and author', async () => {
    const sha = repository.commit({ 'a.txt': 'one' }, 'First words');
    await send();
    expect(await source.version(app, sha)).toEqual({ sha, subject: 'First words', author: 'Ada' });
  });

  test('answers what is at its paths', async () => {
    const sha = repository.commit({ 'a.txt': 'one', 'web/b.txt': 'two', 'web/deep/c d.txt': 'drei ü' });
    await send();
    const trees = await source.trees(app, sha, ['.', 'web', 'a.txt', 'nothing']);
    expect(trees).toEqual({
      '.': repository.git('rev-parse', 'HEAD^{tree}'),
      web: repository.git('rev-parse', 'HEAD:web'),
      'a.txt': repository.git('rev-parse', 'HEAD:a.txt'),
      nothing: null,
    });
    expect(await source.readFile(app, sha, 'web/deep/c d.txt')).toBe('drei ü');
    expect(await source.readFile(app, sha, 'web')).toBeNull();
    expect(await source.readFile(app, sha, 'nothing')).toBeNull();
    expect(await source.list(app, sha, 'web', 10)).toEqual(['web/b.txt', 'web/deep/c d.txt']);
    expect(await source.list(app, sha, '.', 1)).toEqual(['a.txt']);
    expect(await source.list(app, sha, 'nothing', 1)).toEqual([]);
  });

  test('is laid out with modes and links, whole or in parts', async () => {
    repository.write({ 'run.sh': '#!/bin/sh\n', 'web/b.txt': 'two' });
    execFileSync('chmod', ['+x', join(repository.folder, 'run.sh')]);
    symlinkSync('b.txt', join(repository.folder, 'web/link'));
    const sha = repository.commit({});
    await send();
    for (const [name, paths] of [
      ['whole', ['.']],
      ['part', ['web']],
    ] as const) {
      mkdirSync(join(place.path, name));
      await source.checkout(app, sha, paths, join(place.path, name));
    }
    expect(statSync(join(place.path, 'whole/run.sh')).mode & 0o111).toBeGreaterThan(0);
    expect(lstatSync(join(place.path, 'whole/web/link')).isSymbolicLink()).toBe(true);
    expect(readdirSync(join(place.path, 'part'))).toEqual(['web']);
    expect(readdirSync(join(place.path, 'whole')).sort()).toEqual(['run.sh', 'web']);
  });

  test('can be an older ref, and a second one only brings what is new', async () => {
    const first = repository.commit({ 'big.txt': 'x'.repeat(100_000) + Math.random() });
    repository.git('tag', 'v1');
    const second = repository.commit({ 'a.txt': '2' });
    expect((await send({ ref: 'v1' })).sha).toBe(first);
    const incremental = await send({ known: [first, 'f'.repeat(40)] });
    expect(incremental.sha).toBe(second);
    const whole = await prepare();
    expect(statSync(incremental.bundle).size).toBeLessThan(statSync(whole.bundle).size);
    expect(await source.readFile(app, second, 'a.txt')).toBe('2');
  });

  test('may come from a repository that belongs to another user', async () => {
    repository.commit({ 'a.txt': 'one' });
    if (process.getuid?.() === 0) execFileSync('chown', ['-R', '12345:12345', repository.folder]);
    await send();
  });

  test('many packs are made one, and every version stays', async () => {
    const shas: string[] = [];
    for (let count = 0; count < 15; count += 1) {
      shas.push(repository.commit({ 'a.txt': String(count) }));
      await send({ known: shas.slice(0, -1) });
    }
    expect(
      readdirSync(join(place.path, 'sources/shop.git/objects/pack')).filter((name) => name.endsWith('.pack')).length,
    ).toBeLessThan(13);
    for (const [index, sha] of shas.entries()) expect(await source.readFile(app, sha, 'a.txt')).toBe(String(index));
  }, 60_000);
});

describe('what the user has', () => {
  test('stays untouched by sending it, index, refs and objects included', async () => {
    repository.commit({ 'a.txt': 'one', '.gitignore': 'secret\n' });
    repository.write({ 'a.txt': 'changed', 'new.txt': 'new', secret: 'no' });
    repository.git('add', 'new.txt');
    const facts = (): string =>
      [
        repository.git('status', '--porcelain'),
        repository.git('for-each-ref'),
        repository.git('count-objects', '-v'),
        readFileSync(join(repository.folder, '.git/index')).toString('hex'),
      ].join('\n');
    repository.git('status');
    const before = facts();
    await send();
    await send({ dirty: true });
    expect(facts()).toBe(before);
  });

  test('is sent as it is with dirty: changes, new files, no deleted and no ignored ones', async () => {
    const head = repository.commit({ 'a.txt': 'one', gone: 'x', '.gitignore': 'secret\n' });
    repository.write({ 'a.txt': 'changed', 'new.txt': 'new', secret: 'no' });
    execFileSync('rm', [join(repository.folder, 'gone')]);
    const prepared = await send({ dirty: true });
    expect(await source.list(app, prepared.sha, '.', 10)).toEqual(['.gitignore', 'a.txt', 'new.txt']);
    expect(await source.readFile(app, prepared.sha, 'a.txt')).toBe('changed');
    expect(prepared.subject).toContain(head.slice(0, 7));
    expect((await send({ dirty: true })).sha).toBe(prepared.sha);
  });

  test('without dirty HEAD is sent, and what it leaves out is named', async () => {
    repository.commit({ 'a.txt': 'one' });
    repository.write({ 'a.txt': 'changed', 'new file.txt': 'new' });
    const prepared = await send();
    expect(prepared.leftOut).toEqual(['a.txt', 'new file.txt']);
    expect(await source.readFile(app, prepared.sha, 'a.txt')).toBe('one');
  });

  test('a folder without git or without a commit is refused, and goes with dirty', async () => {
    await expect(prepare()).rejects.toMatchObject({ code: 'NO_SOURCE' });
    repository.write({ 'a.txt': '1' });
    const fromEmpty = await send({ dirty: true });
    expect(await source.readFile(app, fromEmpty.sha, 'a.txt')).toBe('1');
    const plain = join(place.path, 'plain');
    mkdirSync(join(plain, 'node_modules/x'), { recursive: true });
    writeFileSync(join(plain, 'b.txt'), '2');
    writeFileSync(join(plain, 'node_modules/x/index.js'), '');
    await expect(prepare({ folder: plain })).rejects.toMatchObject({ code: 'NO_SOURCE' });
    const other = 'plain' as AppName;
    const prepared = await send({ folder: plain, dirty: true }, other);
    expect(await source.list(other, prepared.sha, '.', 10)).toEqual(['b.txt']);
    writeFileSync(join(plain, 'b.txt'), '3');
    await send({ folder: plain, dirty: true }, other);
    expect(existsSync(join(plain, '.git'))).toBe(false);
  });

  test('an app in a subfolder is sent alone, the same commit always as the same source', async () => {
    repository.commit({ 'apps/one/server.js': '1', 'other.txt': 'x' }, 'Add one');
    const folder = join(repository.folder, 'apps/one');
    const prepared = await send({ folder });
    expect(prepared).toMatchObject({ folderName: 'one', subject: 'Add one' });
    expect(await source.list(app, prepared.sha, '.', 10)).toEqual(['server.js']);
    expect((await send({ folder })).sha).toBe(prepared.sha);
    repository.write({ 'apps/one/server.js': '2' });
    const dirty = await send({ folder, dirty: true });
    expect(await source.readFile(app, dirty.sha, 'server.js')).toBe('2');
    expect(await source.list(app, dirty.sha, '.', 10)).toEqual(['server.js']);
  });

  test('an edit of the same size in the moment after the commit is sent, too', async () => {
    // Times of whole seconds, and no clue from the change time: then only the index tells that the file may have changed since.
    repository.git('config', 'core.trustctime', 'false');
    const file = join(repository.folder, 'server.js');
    const then = Math.floor(Date.now() / 1000) - 10;
    repository.write({ 'server.js': '1' });
    utimesSync(file, then, then);
    repository.git('add', '--all');
    repository.git('commit', '--quiet', '--message', 'Add one');
    utimesSync(join(repository.folder, '.git/index'), then, then);
    repository.write({ 'server.js': '2' });
    utimesSync(file, then, then);
    const dirty = await send({ dirty: true });
    expect(await source.readFile(app, dirty.sha, 'server.js')).toBe('2');
  });

  test('inside an app that has a signalbox.yaml, any folder means the app', async () => {
    repository.commit({ 'signalbox.yaml': 'app: x', 'src/a.js': '' });
    expect(await prepare({ folder: join(repository.folder, 'src') })).toMatchObject({ folderName: 'shop' });
  });

  test('a shallow clone can be sent, and later commits and the full clone are the same repository', async () => {
    repository.commit({ 'a.txt': '1' });
    repository.commit({ 'a.txt': '2' });
    const clone = join(place.path, 'clone');
    execFileSync('git', ['clone', '--quiet', '--depth', '1', `file://${repository.folder}`, clone], { env: testEnvironment() });
    const shallow = await send({ folder: clone });
    expect(await source.readFile(app, shallow.sha, 'a.txt')).toBe('2');
    const full = join(place.path, 'full');
    repository.commit({ 'a.txt': '3' });
    execFileSync('git', ['clone', '--quiet', `file://${repository.folder}`, full], { env: testEnvironment() });
    const later = await send({ folder: full });
    expect(await source.readFile(app, later.sha, 'a.txt')).toBe('3');
  });

  test('a ref that does not exist or looks like an option is refused', async () => {
    repository.commit({ 'a.txt': '1' });
    for (const ref of ['nope', '--help', 'HEAD; rm -rf /'])
      await expect(prepare({ ref })).rejects.toMatchObject({ code: 'NO_SOURCE' });
  });
});

describe('what is refused', () => {
  test('another repository under the same app name, with the first one left as it was', async () => {
    const sha = repository.commit({ 'a.txt': 'one' });
    await send();
    const other = testRepository(place.path, 'other');
    other.commit({ 'a.txt': 'two' }, 'Other root');
    const prepared = await prepare({ folder: other.folder });
    const refusal = (await source
      .receive(app, { file: prepared.bundle, ref: prepared.ref })
      .catch((error: unknown) => error)) as SignalboxError;
    expect(refusal.code).toBe('APP_TAKEN');
    expect((await source.version(app, sha)).sha).toBe(sha);
    expect(readdirSync(join(place.path, 'sources')).sort()).toEqual(['shop.git']);
    // The way out that the hint names: the same app, whose folder has become a repository since.
    rmSync(/remove (\S+) on the machine/.exec(refusal.hint)?.[1] ?? '');
    await source.receive(app, { file: prepared.bundle, ref: prepared.ref });
    expect((await source.version(app, sha)).sha).toBe(sha);
  });

  test('files that are no bundle, cut bundles and refs that are not in it', async () => {
    repository.commit({ 'a.txt': 'x'.repeat(5000) + Math.random() });
    const prepared = await prepare();
    const broken = join(place.path, 'broken');
    writeFileSync(broken, readFileSync(prepared.bundle).subarray(0, 200));
    const text = join(place.path, 'text');
    writeFileSync(text, 'hello');
    for (const [file, ref] of [
      [broken, prepared.ref],
      [text, prepared.ref],
      [join(place.path, 'gone'), prepared.ref],
      [prepared.bundle, 'refs/heads/none'],
    ] as const)
      await expect(source.receive(app, { file, ref }), file).rejects.toMatchObject({ code: 'BAD_BUNDLE' });
    await expect(source.version(app, prepared.sha)).rejects.toMatchObject({ code: 'UNKNOWN_SOURCE' });
  });

  test('a bundle whose prerequisites are not kept', async () => {
    const first = repository.commit({ 'a.txt': '1' });
    repository.commit({ 'a.txt': '2' });
    const prepared = await prepare({ known: [first] });
    await expect(source.receive(app, { file: prepared.bundle, ref: prepared.ref })).rejects.toMatchObject({ code: 'BAD_BUNDLE' });
  });

  test('refs, paths, names and SHAs that hide something else', async () => {
    const sha = repository.commit({ 'a.txt': 'one' });
    const prepared = await send();
    for (const ref of [
      '--upload-pack=touch /tmp/x',
      'refs/heads/a..b',
      'refs/heads/a b',
      'refs/x:refs/y',
      '+refs/x',
      'refs/signalbox/@{1}',
    ])
      await expect(source.receive(app, { file: prepared.bundle, ref }), ref).rejects.toMatchObject({ code: 'BAD_REQUEST' });
    for (const path of ['../a', '/etc/passwd', 'a/../../b', '.git/config', 'x\ny', 'a//b', ''])
      await expect(source.readFile(app, sha, path), path).rejects.toMatchObject({ code: 'BAD_REQUEST' });
    for (const name of ['../x', 'A', '-x', ''])
      await expect(source.version(name as AppName, sha), name).rejects.toMatchObject({ code: 'BAD_REQUEST' });
    for (const id of ['HEAD', sha.slice(0, 10), '--all'])
      await expect(source.version(app, id), id).rejects.toMatchObject({ code: 'BAD_REQUEST' });
    await expect(source.version(app, 'a'.repeat(40))).rejects.toMatchObject({ code: 'UNKNOWN_SOURCE' });
    await expect(source.version('never' as AppName, sha)).rejects.toMatchObject({ code: 'UNKNOWN_SOURCE' });
  });

  test('a bundle, a checkout and a number of files above the limits', async () => {
    const sha = repository.commit({ 'a.txt': 'x'.repeat(10_000), b: '1', c: '2' });
    await send();
    const folder = join(place.path, 'sources');
    const searchPath = testEnvironment().PATH ?? '';
    const prepared = await prepare();
    const destination = join(place.path, 'out');
    mkdirSync(destination);
    await expect(
      gitSource({ folder, searchPath, maxBundleBytes: 10 }).receive(app, { file: prepared.bundle, ref: prepared.ref }),
    ).rejects.toMatchObject({ code: 'BAD_BUNDLE' });
    await expect(
      gitSource({ folder, searchPath, maxCheckoutBytes: 9000 }).checkout(app, sha, ['.'], destination),
    ).rejects.toMatchObject({ code: 'BAD_BUNDLE' });
    await expect(gitSource({ folder, searchPath, maxFiles: 2 }).checkout(app, sha, ['.'], destination)).rejects.toMatchObject({
      code: 'BAD_BUNDLE',
    });
    expect(readdirSync(destination)).toEqual([]);
  });

  test('a tree that would write into .git or through a link', async () => {
    repository.commit({ 'a.txt': 'one' });
    const blob = repository.git('rev-parse', 'HEAD:a.txt');
    const raw = Buffer.concat([Buffer.from('100644 config\0'), Buffer.from(blob, 'hex')]);
    const write = (content: Buffer): string =>
      execFileSync('git', ['hash-object', '-t', 'tree', '--literally', '-w', '--stdin'], {
        cwd: repository.folder,
        input: content,
        encoding: 'utf8',
      }).trim();
    const inner = write(raw);
    const outer = write(Buffer.concat([Buffer.from('40000 .GIT\0'), Buffer.from(inner, 'hex')]));
    const sha = repository.git('commit-tree', outer, '-p', 'HEAD', '-m', 'hostile');
    await send({ ref: sha });
    const destination = join(place.path, 'out');
    mkdirSync(destination);
    await expect(source.checkout(app, sha, ['.'], destination)).rejects.toMatchObject({ code: 'BAD_BUNDLE' });
    expect(readdirSync(destination)).toEqual([]);
  });
});

test('receipts of one app at the same time all succeed', async () => {
  const shas = [1, 2, 3].map((count) => repository.commit({ 'a.txt': String(count) }));
  const prepared = await Promise.all(shas.map((ref) => prepare({ ref })));
  const versions = await Promise.all(prepared.map((one) => source.receive(app, { file: one.bundle, ref: one.ref })));
  expect(versions.map((version) => version.sha)).toEqual(shas);
});
