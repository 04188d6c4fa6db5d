import { existsSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { secretsArchive } from '../../../src/adapters/secrets/files/archive.ts';
import { beginRotation } from '../../../src/adapters/secrets/files/key-file.ts';
import { openFileSecrets } from '../../../src/adapters/secrets/files/secrets.ts';
import type { AppName, EnvironmentName, WallTime } from '../../../src/domain/values.ts';
import type { SecretId, Secrets } from '../../../src/ports/secrets.ts';

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'secrets-'));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

let clock = 1000;
const keyFile = (): string => join(root, 'keys', 'secrets.key');
const folder = (): string => join(root, 'secrets');
const open = (passphrase: string | null = null): Promise<Secrets> =>
  openFileSecrets({ folder: folder(), keyFile: keyFile(), passphrase, wall: () => (clock += 1) as WallTime });
const id = (name: string, environment = 'production', app = 'shop'): SecretId => ({
  app: app as AppName,
  environment: environment as EnvironmentName,
  name,
});
const bytes = (text: string): Buffer => Buffer.from(text);
const fileOf = (one: SecretId, version: number): string =>
  join(folder(), one.app, one.environment, one.name, `${version}.secret`);
const never = (error: unknown): void => {
  throw error;
};

const text = async (from: Secrets, one: SecretId, version: number): Promise<string> =>
  Buffer.from(await from.reveal(one, version)).toString();

/** Every file below a folder. */
const filesIn = (place: string): string[] =>
  readdirSync(place, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));

describe('a kept secret', () => {
  it('is found again, each version by its number, in every byte', async () => {
    const first = await open();
    const binary = Buffer.from([0, 255, 10, 13, 10, 0]);
    expect(await first.set(id('KEY'), bytes('one\n'))).toMatchObject({ version: 1, bytes: 4, variable: true });
    expect(await first.set(id('KEY'), binary)).toMatchObject({ version: 2, bytes: 6, variable: false });
    const again = await open();
    expect(Buffer.from(await again.reveal(id('KEY'), 1)).toString()).toBe('one\n');
    expect(Buffer.from(await again.reveal(id('KEY'), 2))).toEqual(binary);
    expect(await again.list(id(''))).toMatchObject([{ name: 'KEY', versions: [{ version: 1 }, { version: 2 }] }]);
    expect(await again.list(id('', 'staging'))).toEqual([]);
  });

  it('stands nowhere on disk as it is, in files for their owner alone', async () => {
    const secrets = await open();
    await secrets.set(id('KEY'), bytes('correct-horse-battery'));
    const files = filesIn(root);
    expect(files.length).toBe(2);
    for (const file of files) {
      expect(readFileSync(file).includes('correct-horse')).toBe(false);
      expect(statSync(file).mode & 0o777).toBe(0o600);
    }
    expect(statSync(folder()).mode & 0o777).toBe(0o700);
  });

  it.each([
    ['no name', '1KEY', 'x'],
    ['a path', '../KEY', 'x'],
    ['an empty value', 'KEY', ''],
    ['too large a value', 'KEY', 'x'.repeat(64 * 1024 + 1)],
  ])('is refused with %s', async (_what, name, value) => {
    const secrets = await open();
    await expect((async () => secrets.set(id(name), bytes(value)))()).rejects.toMatchObject({ code: 'SECRET_REFUSED' });
    expect(filesIn(folder())).toEqual([]);
  });

  it('of 64 KiB is kept whole', async () => {
    const value = Buffer.alloc(64 * 1024, 'abc\n');
    const secrets = await open();
    await secrets.set(id('BIG'), value);
    expect(Buffer.from(await (await open()).reveal(id('BIG'), 1)).equals(value)).toBe(true);
  });

  it('of two that are set at once both are kept, with numbers of their own, also by two programs', async () => {
    const [one, other] = [await open(), await open()];
    const made = await Promise.all(
      Array.from({ length: 20 }, (_, i) => (i % 2 ? one : other).set(id('KEY'), bytes(`value ${i}`))),
    );
    expect(made.map(({ version }) => version).sort((a, b) => a - b)).toEqual(Array.from({ length: 20 }, (_, i) => i + 1));
    const kept = await Promise.all(made.map(async ({ version }) => await text(one, id('KEY'), version)));
    expect(kept).toEqual(Array.from({ length: 20 }, (_, i) => `value ${i}`));
  });

  it('that is removed gives its number to no other', async () => {
    const secrets = await open();
    await secrets.set(id('KEY'), bytes('one'));
    await secrets.set(id('KEY'), bytes('two'));
    await secrets.remove(id('KEY'), [1, 2]);
    expect(await secrets.list(id(''))).toEqual([]);
    await expect(secrets.reveal(id('KEY'), 2)).rejects.toMatchObject({ code: 'SECRET_MISSING' });
    expect(await (await open()).set(id('KEY'), bytes('three'))).toMatchObject({ version: 3 });
  });

  it('whose removal was interrupted is gone after the next start', async () => {
    const secrets = await open();
    await secrets.set(id('KEY'), bytes('one'));
    writeFileSync(fileOf(id('KEY'), 1).replace('.secret', '.removed'), '');
    writeFileSync(`${fileOf(id('KEY'), 2)}.abc.draft`, 'half');
    await open();
    expect(existsSync(fileOf(id('KEY'), 1))).toBe(false);
    expect(existsSync(`${fileOf(id('KEY'), 2)}.abc.draft`)).toBe(false);
  });
});

describe('a file that is not what was written there', () => {
  const damages: readonly [string, (content: Buffer) => Buffer][] = [
    ...[0, 1, 2, 12, 14, 22, 34, 66, 82, 94, 110].map((at): [string, (content: Buffer) => Buffer] => [
      `a changed byte at ${at}`,
      (content) => {
        content[at] = (content[at] ?? 0) ^ 1;
        return content;
      },
    ]),
    ['a cut-off end', (content) => content.subarray(0, -1)],
    ['half of it', (content) => content.subarray(0, 60)],
    ['nothing in it', () => Buffer.alloc(0)],
    ['more behind it', (content) => Buffer.concat([content, Buffer.from('x')])],
  ];
  it.each(damages)('with %s is refused by name, and no value given', async (_what, damage) => {
    const secrets = await open();
    await secrets.set(id('KEY'), bytes('value of the key'));
    await secrets.set(id('OTHER'), bytes('another'));
    writeFileSync(fileOf(id('KEY'), 1), damage(readFileSync(fileOf(id('KEY'), 1))));
    const again = await open();
    await expect(again.reveal(id('KEY'), 1)).rejects.toMatchObject({
      code: 'SECRET_DAMAGED',
      message: expect.stringContaining('KEY of shop/production') as string,
    });
    const told: unknown[] = [];
    expect((await again.all((error) => told.push(error))).map(({ name }) => name)).toEqual(['OTHER']);
    expect(told).toMatchObject([{ code: 'SECRET_DAMAGED' }]);
  });

  it.each([
    ['another name', id('OTHER'), 1],
    ['another environment', id('KEY', 'staging'), 1],
    ['another app', id('KEY', 'production', 'bank'), 1],
    ['another version', id('KEY'), 2],
  ])('put in the place of %s is refused', async (_what, place, version) => {
    const secrets = await open();
    await secrets.set(id('KEY'), bytes('mine'));
    await secrets.set(id('KEY'), bytes('mine, newer'));
    await secrets.set(place, bytes('theirs'));
    writeFileSync(fileOf(place, version), readFileSync(fileOf(id('KEY'), 1)));
    await expect(secrets.reveal(place, version)).rejects.toMatchObject({ code: 'SECRET_DAMAGED' });
  });
});

describe('the key of the installation', () => {
  it('is made once, and never anew while there are secrets', async () => {
    const secrets = await open();
    const key = readFileSync(keyFile());
    await secrets.set(id('KEY'), bytes('value'));
    await open();
    expect(readFileSync(keyFile())).toEqual(key);
    rmSync(keyFile());
    await expect(open()).rejects.toMatchObject({ code: 'SECRETS_LOCKED' });
    expect(existsSync(keyFile())).toBe(false);
  });

  it.each(['', '{}', 'null', '{"format":1,"id":"0011223344556677","key":"AAAA"}'])('is refused as %j', async (text) => {
    await open();
    writeFileSync(keyFile(), text);
    await expect(open()).rejects.toMatchObject({ code: 'SECRETS_LOCKED' });
  });

  it('is sealed by a passphrase, which is asked for from then on', async () => {
    const secrets = await open();
    await secrets.set(id('KEY'), bytes('value'));
    const plain = JSON.parse(readFileSync(keyFile(), 'utf8')) as { key: string };
    await open('a passphrase');
    expect(readFileSync(keyFile(), 'utf8')).not.toContain(plain.key);
    await expect(open()).rejects.toMatchObject({ code: 'SECRETS_LOCKED' });
    await expect(open('another')).rejects.toMatchObject({ code: 'SECRETS_LOCKED' });
    expect(await text(await open('a passphrase'), id('KEY'), 1)).toBe('value');
  });

  it('is exchanged by a rotation: the old one opens nothing any more', async () => {
    const secrets = await open();
    for (const name of ['A', 'B', 'C']) await secrets.set(id(name), bytes(`value of ${name}`));
    const old = readFileSync(keyFile());
    expect(await secrets.rotateKey()).toEqual({ rewrapped: 3 });
    expect(await secrets.set(id('D'), bytes('later'))).toMatchObject({ version: 1 });
    for (const name of ['A', 'B', 'C']) expect(await text(secrets, id(name), 1)).toBe(`value of ${name}`);
    expect((await (await open()).all(never)).length).toBe(4);
    writeFileSync(keyFile(), old);
    await expect((await open()).reveal(id('A'), 1)).rejects.toMatchObject({ code: 'SECRET_DAMAGED' });
  });

  it.each([0, 1, 2, 3])('whose rotation was interrupted after %i secrets is exchanged at the next start', async (done) => {
    const names = ['A', 'B', 'C'];
    const secrets = await open();
    for (const name of names) await secrets.set(id(name), bytes(`value of ${name}`));
    const before = names.map((name) => readFileSync(fileOf(id(name), 1)));
    const old = readFileSync(keyFile());
    await secrets.rotateKey();
    // As it is after a crash: the new key waits beside the old one, and some are wrapped by it already.
    renameSync(keyFile(), `${keyFile()}.next`);
    writeFileSync(keyFile(), old);
    for (const [index, name] of names.entries()) if (index >= done) writeFileSync(fileOf(id(name), 1), before[index] ?? '');
    const again = await open();
    for (const name of names) expect(await text(again, id(name), 1)).toBe(`value of ${name}`);
    expect(existsSync(`${keyFile()}.next`)).toBe(false);
    expect(readFileSync(keyFile())).not.toEqual(old);
  });

  it('that was made for a rotation and nothing else is put to use, under its passphrase', async () => {
    const secrets = await open('words');
    await secrets.set(id('A'), bytes('value'));
    await beginRotation(keyFile(), 'words');
    expect(await text(await open('words'), id('A'), 1)).toBe('value');
    expect(existsSync(`${keyFile()}.next`)).toBe(false);
  });
});

describe('an export', () => {
  it('opens with its passphrase alone, and puts back every version under its number', async () => {
    const secrets = await open();
    await secrets.set(id('A'), bytes('first'));
    await secrets.set(id('A'), bytes('second'));
    await secrets.remove(id('A'), [1]);
    await secrets.set(id('B', 'staging'), Buffer.from([0, 1, 255]));
    const document = await secretsArchive.seal(await secrets.all(never), 'words');
    expect(document).not.toContain('second');
    await expect(secretsArchive.open(document, 'other')).rejects.toMatchObject({ code: 'SECRET_REFUSED' });
    const changed = document.replace(/"data":"(.)/, (_, c: string) => `"data":"${c === 'A' ? 'B' : 'A'}`);
    await expect(secretsArchive.open(changed, 'words')).rejects.toMatchObject({ code: 'SECRET_REFUSED' });

    rmSync(folder(), { recursive: true });
    rmSync(keyFile());
    const elsewhere = await open();
    const records = await secretsArchive.open(document, 'words');
    expect(await Promise.all(records.map((record) => elsewhere.restore(record)))).toEqual([true, true]);
    expect(await Promise.all(records.map((record) => elsewhere.restore(record)))).toEqual([false, false]);
    expect(await text(elsewhere, id('A'), 2)).toBe('second');
    expect(await elsewhere.set(id('A'), bytes('third'))).toMatchObject({ version: 3 });
    const [first] = records;
    if (!first) throw new Error('nothing was exported');
    await expect(elsewhere.restore({ ...first, value: bytes('other') })).rejects.toMatchObject({ code: 'CONFLICT' });
  });

  it.each(['', '{}', '[]', '{"format":"signalbox-secrets-1"}'])('is not %j', async (text) => {
    await expect(secretsArchive.open(text, 'words')).rejects.toMatchObject({ code: 'SECRET_REFUSED' });
  });

  it('that names a path instead of an app is refused', async () => {
    const record = { ...id('A', 'production', '../../x'), version: 1, createdAt: 1 as WallTime, bytes: 1, variable: true };
    const document = await secretsArchive.seal([{ ...record, value: bytes('x') }], 'words');
    await expect(secretsArchive.open(document, 'words')).rejects.toMatchObject({ code: 'SECRET_REFUSED' });
  });
});
