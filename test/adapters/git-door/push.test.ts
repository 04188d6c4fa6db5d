import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { packet } from '../../../src/adapters/source/git/http/pkt-line.ts';
import type { TestRepository } from '../source-git-repository.ts';
import { type DoorPlace, openDoorPlace, taken } from './place.ts';

let place: DoorPlace;
let shop: TestRepository;
beforeEach(async () => {
  place = await openDoorPlace({ silence: 20_000 });
  shop = place.repository('shop');
  shop.commit({ 'a.txt': 'a' }, 'First');
  shop.git('remote', 'add', 'signalbox', `${place.url}/shop.git`);
});
afterEach(async () => {
  expect(place.faults).toEqual([]);
  await place.close();
});
const push = (...words: string[]) => place.git(shop.folder, 'push', 'signalbox', ...words);
const fsck = async (app = 'shop'): Promise<string> => {
  const { code, said } = await place.inside(app, 'fsck', '--no-dangling', '--full');
  return `${code} ${said.replace(/^notice: .*\n/gm, '')}`;
};
const refOf = async (ref: string): Promise<string> =>
  (await place.inside('shop', 'rev-parse', '--verify', '-q', ref)).said.trim();

describe('a first push', () => {
  it('makes the repository, keeps the branch, and says what it was told', async () => {
    place.answer = async (_, say) => {
      say('building web');
      say('  web | added 12 packages');
      return taken;
    };
    const { code, said } = await push('main');
    expect(code, said).toBe(0);
    expect(said).toContain('remote: building web');
    expect(said).toContain('remote:   web | added 12 packages');
    expect(said).toContain('* [new branch]      main -> main');
    expect(await refOf('refs/heads/main')).toBe(shop.git('rev-parse', 'HEAD'));
    expect(place.updates).toEqual([
      { app: 'shop', ref: 'refs/heads/main', before: null, after: shop.git('rev-parse', 'HEAD'), pusher: 'ada' },
    ]);
    expect((await place.inside('shop', 'symbolic-ref', 'HEAD')).said.trim()).toBe('refs/heads/main');
    expect(await fsck()).toBe('0 ');
  });

  it('that is refused leaves no branch, and the same push can be tried again', async () => {
    place.answer = async (_, say) => {
      say('why: it does not start');
      return { ok: false, reason: 'deploy failed: START_FAILED' };
    };
    const refused = await push('main');
    expect(refused.code).toBe(1);
    expect(refused.said).toContain('remote: why: it does not start');
    expect(refused.said).toContain('! [remote rejected] main -> main (deploy failed: START_FAILED)');
    expect(await refOf('refs/heads/main')).toBe('');
    place.answer = async () => taken;
    expect((await push('main')).code).toBe(0);
    expect(await fsck()).toBe('0 ');
  });

  it('can be fetched again, and shows nothing that is ours', async () => {
    await push('main');
    const { code, said } = await place.git(shop.folder, 'ls-remote', 'signalbox');
    expect([
      code,
      said
        .trim()
        .split('\n')
        .map((line) => line.split('\t')[1]),
    ]).toEqual([0, ['HEAD', 'refs/heads/main']]);
    const clone = join(shop.folder, '..', 'clone');
    expect((await place.git(shop.folder, 'clone', '-q', `${place.url}/shop.git`, clone)).code).toBe(0);
    expect(readFileSync(join(clone, 'a.txt'), 'utf8')).toBe('a');
  });

  it('is the app’s: another repository is told so, and leaves no branch', async () => {
    await push('main');
    const other = place.repository('other');
    other.commit({ 'b.txt': 'b' }, 'Stranger');
    const { code, said } = await place.git(other.folder, 'push', '--force', `${place.url}/shop.git`, 'main:theirs');
    expect(code).toBe(1);
    expect(said).toContain('[APP_TAKEN]');
    expect(await refOf('refs/heads/theirs')).toBe('');
    expect(await fsck()).toBe('0 ');
  });
});

describe('every ref of a push', () => {
  it('has an answer of its own', async () => {
    shop.git('branch', 'good');
    shop.git('branch', 'bad');
    shop.git('tag', '-a', 'v1', '-m', 'one');
    place.answer = async ({ ref }) => (ref.endsWith('bad') ? { ok: false, reason: 'no' } : taken);
    const { code, said } = await push('good', 'bad', 'v1');
    expect(code).toBe(1);
    expect(said).toContain('* [new branch]      good -> good');
    expect(said).toContain('* [new tag]         v1 -> v1');
    expect(said).toContain('! [remote rejected] bad -> bad (no)');
    expect(place.updates.find(({ ref }) => ref === 'refs/tags/v1')?.after).toBe(shop.git('rev-parse', 'HEAD'));
    expect(await refOf('refs/tags/v1^{tag}')).toBe(shop.git('rev-parse', 'v1'));
  });

  it('may be rewritten by force and taken away', async () => {
    await push('main');
    const first = shop.git('rev-parse', 'HEAD');
    shop.git('commit', '--amend', '--allow-empty', '-q', '-m', 'Second thoughts');
    shop.commit({ 'c.txt': 'c' });
    const { code, said } = await push('--force', 'main');
    // A history with another beginning is another repository.
    expect([code, said]).toEqual([1, expect.stringContaining('[APP_TAKEN]')]);
    shop.git('reset', '-q', '--hard', first);
    shop.commit({ 'd.txt': 'd' });
    await push('main');
    shop.git('reset', '-q', '--hard', first);
    shop.commit({ 'e.txt': 'e' });
    expect((await push('--force', 'main')).code).toBe(0);
    expect(await refOf('refs/heads/main')).toBe(shop.git('rev-parse', 'HEAD'));
    expect((await push('--delete', 'main')).code).toBe(0);
    expect(await refOf('refs/heads/main')).toBe('');
    expect(await fsck()).toBe('0 ');
  });

  it('outside of branches and tags is refused', async () => {
    const { code, said } = await push('HEAD:refs/notes/x', 'HEAD:refs/for/main');
    expect(code).toBe(1);
    expect(said.match(/only branches and tags are taken/g)).toHaveLength(2);
    const ours = await push('HEAD:refs/signalbox/kept/x');
    expect(ours.code).toBe(1);
  });

  it('moved by somebody else meanwhile is refused, and theirs stays', async () => {
    await push('main');
    const theirs = shop.commit({ 'b.txt': 'theirs' });
    shop.git('branch', 'theirs');
    shop.git('reset', '-q', '--hard', 'HEAD~1');
    shop.commit({ 'b.txt': 'mine' });
    let letGo: () => void = () => undefined;
    const held = new Promise<void>((resolve) => {
      letGo = resolve;
    });
    place.answer = async ({ after }) => {
      if (after !== theirs) await held;
      return taken;
    };
    const mine = place.start(shop.folder, 'push', 'signalbox', 'main:main');
    await expect.poll(() => place.updates.length, { timeout: 15_000 }).toBe(2);
    expect((await push('theirs:main')).code).toBe(0);
    letGo();
    const { code, said } = await mine.done;
    expect(code).toBe(1);
    expect(said).toContain('it was moved here meanwhile; fetch first, then push again');
    expect(await refOf('refs/heads/main')).toBe(theirs);
  });

  it('that is live is where the branch is, whatever was pushed meanwhile', async () => {
    await push('main');
    const theirs = shop.commit({ 'b.txt': 'theirs' });
    shop.git('branch', 'theirs');
    shop.git('reset', '-q', '--hard', 'HEAD~1');
    const mine = shop.commit({ 'b.txt': 'mine' });
    place.answer = async ({ after }) => {
      if (after === mine) await expect.poll(() => refOf('refs/heads/main'), { timeout: 15_000 }).toBe(theirs);
      return { ok: true, deployed: true };
    };
    const first = place.start(shop.folder, 'push', 'signalbox', 'main:main');
    await expect.poll(() => place.updates.length, { timeout: 15_000 }).toBe(2);
    expect((await push('theirs:main')).code).toBe(0);
    const { code, said } = await first.done;
    expect([code, said]).toEqual([0, expect.stringContaining('another push has moved the branch meanwhile')]);
    expect(await refOf('refs/heads/main')).toBe(mine);
  });
});

describe('a shallow clone', () => {
  it('pushes what it has, to an app that is new and to one that is known', async () => {
    shop.commit({ 'b.txt': 'b' }, 'Second');
    const shallow = join(shop.folder, '..', 'shallow');
    await place.git(shop.folder, 'clone', '-q', '--depth', '1', `file://${shop.folder}`, shallow);
    const first = await place.git(shallow, 'push', `${place.url}/shop.git`, 'main');
    expect(first.code, first.said).toBe(0);
    expect(await fsck()).toBe('0 ');
    writeFileSync(join(shallow, 'c.txt'), 'c');
    await place.git(shallow, 'add', '--all');
    await place.git(shallow, '-c', 'user.name=A', '-c', 'user.email=a@x', 'commit', '-qm', 'Third');
    const second = await place.git(shallow, 'push', `${place.url}/shop.git`, 'main');
    expect(second.code, second.said).toBe(0);
    expect(await fsck()).toBe('0 ');
    const whole = await push('main:whole');
    expect(whole.code, whole.said).toBe(0);
    expect(await fsck()).toBe('0 ');
  });
});

describe('names and texts of others', () => {
  it.each([
    '$(touch${IFS}pwned)',
    '`touch${IFS}pwned`',
    ';touch${IFS}pwned',
    '<img/src=x/onerror=alert(1)>',
    'x|y&z',
    '"quoted\'',
    '%2e%2e',
  ])('as a branch called %s are a branch and nothing else', async (name) => {
    const { code, said } = await push(`main:refs/heads/${name}`);
    expect(code, said).toBe(0);
    expect(place.updates[0]?.ref).toBe(`refs/heads/${name}`);
    expect(await refOf(`refs/heads/${name}`)).toBe(shop.git('rev-parse', 'HEAD'));
    for (const where of [place.folder, shop.folder, join(place.folder, 'shop.git')])
      expect(existsSync(join(where, 'pwned'))).toBe(false);
  });

  it('never reach the pusher’s terminal with what it would act on', async () => {
    place.answer = async (_, say) => {
      say('\u001b]0;owned\u0007\u001b[2Jhello\u202e\r\nremote: forged');
      return { ok: false, reason: 'no\u001b[31m\nok refs/heads/main' };
    };
    const { code, said } = await push('main');
    expect(code).toBe(1);
    expect(said).toContain('remote: hello remote: forged');
    expect(said).toContain('(no ok refs/heads/main)');
    for (const hostile of ['\u001b]', '\u001b[2J', '\u001b[31m', '\u0007', '\u202e']) expect(said).not.toContain(hostile);
  });

  it('that git itself would not make are refused by whoever sends them', async () => {
    await push('main');
    const sha = shop.git('rev-parse', 'HEAD');
    for (const ref of [
      'refs/heads/../../config',
      'refs/heads/a/../../../x',
      'refs/heads/a\u001b[2Jb',
      'refs/heads/x.lock',
      '../HEAD',
    ]) {
      const { status, body } = await post(Buffer.concat([command(sha, ref), Buffer.from('0000')]));
      expect(status).toBe(200);
      expect(body, ref).toMatch(/ng /);
      expect(body).not.toMatch(/ok refs/);
    }
    expect((await place.inside('shop', 'for-each-ref', '--format=%(refname)', 'refs/heads')).said).toBe('refs/heads/main\n');
    expect(await fsck()).toBe('0 ');
  });
});

const command = (sha: string, ref: string): Buffer => packet(`${'0'.repeat(40)} ${sha} ${ref}\0report-status\n`);

/** What no well-behaved client would send. */
function post(body: Buffer, headers: Record<string, string> = {}): Promise<{ status: number; body: string }> {
  return new Promise((resolve, reject) => {
    const sent = request(
      `${place.url}/shop.git/git-receive-pack`,
      { method: 'POST', headers: { 'content-type': 'application/x-git-receive-pack-request', ...headers }, agent: false },
      (answer) => {
        let text = '';
        answer.setEncoding('latin1').on('data', (chunk: string) => {
          text += chunk;
        });
        answer.on('close', () => resolve({ status: answer.statusCode ?? 0, body: text }));
      },
    );
    sent.on('error', reject);
    sent.end(body);
  });
}

describe('hostile bodies', () => {
  it('are refused: garbage, a list without an end, a gzip bomb, an unknown encoding, a pack that is none', async () => {
    await push('main');
    const sha = shop.git('rev-parse', 'HEAD');
    const endless = Buffer.concat(Array.from({ length: 12_000 }, (_, n) => command(sha, `refs/heads/${'x'.repeat(80)}${n}`)));
    const tries: readonly (readonly [string, Buffer, Record<string, string>])[] = [
      ['garbage', Buffer.from('zzzz not git'), {}],
      ['endless', endless, {}],
      ['bomb', gzipSync(Buffer.alloc(64 * 1024 * 1024, '0')), { 'content-encoding': 'gzip' }],
      ['half a gzip', gzipSync(Buffer.alloc(5000, 'a')).subarray(0, 20), { 'content-encoding': 'gzip' }],
      ['encoding', Buffer.from('0000'), { 'content-encoding': 'br' }],
      ['no pack', Buffer.concat([command('1'.repeat(40), 'refs/heads/x'), Buffer.from('0000PACKgarbage')]), {}],
      ['no objects', Buffer.concat([command('1'.repeat(40), 'refs/heads/x'), Buffer.from('0000')]), {}],
    ];
    for (const [name, body, headers] of tries) {
      const answer = await post(body, headers).catch((error: NodeJS.ErrnoException) => ({ status: 0, body: String(error.code) }));
      expect(answer.body, name).not.toMatch(/ok refs/);
    }
    expect(place.updates).toHaveLength(1);
    expect((await place.inside('shop', 'for-each-ref', '--format=%(refname)', 'refs/heads')).said).toBe('refs/heads/main\n');
    expect(await fsck()).toBe('0 ');
    expect((await push('main:again')).code).toBe(0);
  });

  it('that are too long are refused in words, and nothing of them is kept', async () => {
    await place.close();
    place = await openDoorPlace({ packBytes: 100_000 });
    shop = place.repository('shop');
    shop.git('remote', 'add', 'signalbox', `${place.url}/shop.git`);
    shop.commit({ 'small.txt': 'a' });
    expect((await push('main')).code).toBe(0);
    let noise = '';
    for (let n = 1; noise.length < 4_000_000; n += 1) noise += Math.sin(n).toString(36);
    shop.commit({ 'large.txt': noise });
    const { code, said } = await push('main');
    expect(code).toBe(1);
    expect(said).toContain('pack exceeds maximum allowed size');
    expect(place.updates).toHaveLength(1);
    expect((await place.inside('shop', 'count-objects', '-v')).said).toMatch(/garbage: 0/);
    expect(await fsck()).toBe('0 ');
  });
});

describe('a pusher who goes away', () => {
  it('while it is decided changes nothing: the branch is moved all the same', async () => {
    let letGo: () => void = () => undefined;
    const held = new Promise<void>((resolve) => {
      letGo = resolve;
    });
    place.answer = async () => {
      await held;
      return { ok: true, deployed: true };
    };
    const running = place.start(shop.folder, 'push', 'signalbox', 'main');
    await expect.poll(() => place.updates.length, { timeout: 15_000 }).toBe(1);
    process.kill(-(running.child.pid ?? 0), 'SIGINT');
    await running.done;
    letGo();
    await expect.poll(() => refOf('refs/heads/main'), { timeout: 15_000 }).toBe(shop.git('rev-parse', 'HEAD'));
    expect(await fsck()).toBe('0 ');
  });

  it('in the middle of sending leaves nothing, and no program', async () => {
    const sha = shop.git('rev-parse', 'HEAD');
    await push('main');
    const sent = request(`${place.url}/shop.git/git-receive-pack`, {
      method: 'POST',
      headers: { 'content-type': 'application/x-git-receive-pack-request', 'content-length': '100000' },
      agent: false,
    });
    sent.on('error', () => undefined);
    sent.write(Buffer.concat([command(sha, 'refs/heads/x'), Buffer.from('0000PACK')]));
    await expect.poll(() => programsOf(place.folder), { timeout: 15_000 }).not.toEqual([]);
    sent.destroy();
    await expect.poll(() => programsOf(place.folder), { timeout: 15_000 }).toEqual([]);
    expect(await fsck()).toBe('0 ');
  });

  it('is let go when it says nothing for too long', async () => {
    await place.close();
    place = await openDoorPlace({ silence: 500 });
    const sent = request(`${place.url}/shop.git/git-receive-pack`, {
      method: 'POST',
      headers: { 'content-length': '100' },
      agent: false,
    });
    const gone = new Promise((resolve) =>
      sent.once('error', resolve).once('response', (answer) => answer.once('close', resolve)),
    );
    sent.flushHeaders();
    await gone;
    await expect.poll(() => programsOf(place.folder), { timeout: 15_000 }).toEqual([]);
  });
});

/** Programs of git that serve these repositories. */
function programsOf(folder: string): readonly string[] {
  return readdirSync('/proc').filter((pid) => {
    if (!/^\d+$/.test(pid)) return false;
    try {
      return readFileSync(`/proc/${pid}/environ`, 'utf8').includes(`GIT_PROJECT_ROOT=${folder}`);
    } catch {
      return false;
    }
  });
}
