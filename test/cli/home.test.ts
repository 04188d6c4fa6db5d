import { chmod, mkdtemp, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { homeLayout } from '../../src/config/home.ts';
import { ensureToken, makeHomeFolders, readToken } from '../../src/config/home-folders.ts';

const uid = process.getuid?.() ?? 0;
const made: string[] = [];
const folder = async (): Promise<string> => {
  const path = await mkdtemp(join(tmpdir(), 'sb-home-'));
  made.push(path);
  return path;
};
afterEach(async () => {
  for (const path of made.splice(0)) await rm(path, { recursive: true, force: true });
});

describe('the layout of a home', () => {
  it('keeps sockets inside as long as their paths fit', () => {
    expect(homeLayout('/home/a/.signalbox', 1000).apiSocket).toBe('/home/a/.signalbox/run/api.sock');
  });

  it.each([60, 70, 200, 1000])('has socket paths that a kernel takes, at a depth of %i', async (length) => {
    const home = homeLayout(`/${'x'.repeat(length)}`, uid);
    for (const path of [home.apiSocket, home.keeperSocket, join(home.run, 'y'.repeat(30))])
      expect(Buffer.byteLength(path)).toBeLessThanOrEqual(107);
  });

  it('gives two homes and two users different folders for their sockets', () => {
    const long = `/${'x'.repeat(200)}`;
    const runs = [homeLayout(long, 1), homeLayout(long, 2), homeLayout(`${long}y`, 1)].map((home) => home.run);
    expect(new Set(runs).size).toBe(3);
    expect(homeLayout(long, 1)).toEqual(homeLayout(long, 1));
  });

  it('really takes a socket in a home that is too deep for one', async () => {
    const home = homeLayout(join(await folder(), 'x'.repeat(150)), uid);
    made.push(home.run);
    await makeHomeFolders(home, uid);
    expect((await stat(home.run)).mode & 0o777).toBe(0o700);
    const server = createServer();
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject).listen(home.apiSocket, resolve);
    });
    server.close();
  });
});

describe('making the folders', () => {
  it('keeps keys, sockets and what comes in to the owner', async () => {
    const home = homeLayout(await folder(), uid);
    await makeHomeFolders(home, uid);
    await chmod(home.keys, 0o755);
    await makeHomeFolders(home, uid);
    for (const path of [home.keys, home.run, home.incoming])
      expect([path, (await stat(path)).mode & 0o777]).toEqual([path, 0o700]);
  });

  it('refuses a socket folder that somebody else has put there first', async () => {
    const root = await folder();
    const home = homeLayout(root, uid);
    await symlink(tmpdir(), home.run);
    await expect(makeHomeFolders(home, uid)).rejects.toMatchObject({ code: 'HOME_UNUSABLE' });
    await expect(makeHomeFolders({ ...home, run: root }, uid + 1)).rejects.toMatchObject({ code: 'HOME_UNUSABLE' });
  });

  it('says what is wrong with a home that cannot be made', async () => {
    const file = join(await folder(), 'file');
    await writeFile(file, '');
    await expect(makeHomeFolders(homeLayout(join(file, 'home'), uid), uid)).rejects.toMatchObject({
      code: 'HOME_UNUSABLE',
      message: expect.stringContaining(file) as unknown,
    });
  });
});

describe('the token', () => {
  it('is made once, long, random and for its owner alone', async () => {
    const file = join(await folder(), 'token');
    expect(await readToken(file)).toBeNull();
    const token = await ensureToken(file);
    expect(token).toMatch(/^[\w-]{43}$/);
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect(await ensureToken(file)).toBe(token);
    expect(await ensureToken(join(await folder(), 'token'))).not.toBe(token);
  });

  it('is one and the same for all who make it at once', async () => {
    const file = join(await folder(), 'token');
    const tokens = await Promise.all(Array.from({ length: 8 }, () => ensureToken(file)));
    expect(new Set(tokens).size).toBe(1);
    expect((await readFile(file, 'utf8')).trim()).toBe(tokens[0]);
  });

  it('that is empty is refused rather than taken for a password', async () => {
    const file = join(await folder(), 'token');
    await writeFile(file, '\n');
    await expect(ensureToken(file)).rejects.toMatchObject({ code: 'HOME_UNUSABLE' });
  });
});
