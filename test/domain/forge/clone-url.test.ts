import { describe, expect, it } from 'vitest';
import { type CloneUrl, readCloneUrl } from '../../../src/domain/forge/clone-url.ts';

const strict = { plainLoopback: false };

describe('the address of a repository', () => {
  it.each([
    ['https://github.com/acme/portfolio.git', 'https', 'github.com', 'acme/portfolio'],
    ['https://GitLab.example.com:8443/group/sub/portfolio/', 'https', 'gitlab.example.com:8443', 'group/sub/portfolio'],
    ['ssh://git@git.example.com:2222/acme/portfolio.git', 'ssh', 'git.example.com:2222', 'acme/portfolio'],
    ['git@github.com:acme/portfolio.git', 'ssh', 'github.com', 'acme/portfolio'],
    ['https://git.sr.ht/~acme/portfolio', 'https', 'git.sr.ht', '~acme/portfolio'],
  ])('%s', (given, protocol, host, path) => {
    expect(readCloneUrl(given, strict)).toMatchObject({ protocol, host, path });
  });

  it('over ssh is always written as a URL, so that no part of it can be taken for an option', () => {
    expect((readCloneUrl('git@github.com:acme/portfolio.git', strict) as CloneUrl).href).toBe(
      'ssh://git@github.com/acme/portfolio.git',
    );
  });

  it.each([
    'http://github.com/acme/portfolio.git',
    'http://127.0.0.1:3000/acme/portfolio.git',
    'file:///srv/portfolio.git',
    '/srv/portfolio.git',
    'git://github.com/acme/portfolio.git',
    'ext::sh -c "touch x"',
    'https://user:pass@github.com/acme/portfolio.git',
    'https://token@github.com/acme/portfolio.git',
    'ssh://git:pw@github.com/acme/portfolio.git',
    'ssh://-oProxyCommand=touch/acme/portfolio',
    'ssh://git@-oProxyCommand=touch/acme/portfolio',
    'git@-oProxyCommand:acme/portfolio',
    '-oProxyCommand=x@host:acme/portfolio',
    '--upload-pack=touch x',
    'https://github.com/../../etc',
    'https://github.com/acme/..',
    'https://github.com/acme/$(touch x)',
    "https://github.com/acme/a'b",
    'https://github.com/acme/portfolio?x=1',
    'https://github.com/acme/portfolio#x',
    'https://github.com/-acme/portfolio',
    'https://github.com/',
    'https:///acme/portfolio',
    'https://github.com/acme/port\nfolio',
    'https://github.com/%2e%2e/x',
    '',
    `https://github.com/${'a/'.repeat(300)}b`,
  ])('is not %j', (given) => {
    expect(readCloneUrl(given, strict)).toHaveProperty('fault');
  });

  it('may be plain http on this machine when the operator says so, and nowhere else', () => {
    const loose = { plainLoopback: true };
    for (const host of ['127.0.0.1:3000', 'localhost', '[::1]:80'])
      expect(readCloneUrl(`http://${host}/acme/portfolio.git`, loose)).toMatchObject({ protocol: 'http', host });
    for (const host of ['127.0.0.1.evil.example', 'localhost.evil.example', '10.0.0.1', 'github.com'])
      expect(readCloneUrl(`http://${host}/acme/portfolio.git`, loose)).toHaveProperty('fault');
  });
});
