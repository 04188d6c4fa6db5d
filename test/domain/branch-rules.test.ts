import { describe, expect, it } from 'vitest';
import { type BranchRule, environmentsOf, matchesBranch, pushedRef } from '../../src/domain/branch-rules.ts';

describe('a branch rule', () => {
  it.each<[rule: BranchRule, branch: string, matches: boolean]>([
    ['main', 'main', true],
    ['main', 'mainline', false],
    ['main', 'Main', false],
    ['release/*', 'release/1.2', true],
    ['release/*', 'release/1/2', false],
    ['release/*', 'release/', true],
    ['release/**', 'release/1/2', true],
    ['**', 'any/thing', true],
    ['*', 'any/thing', false],
    ['v?', 'v2', true],
    ['v?', 'v', false],
    ['feature-?/x', 'feature-//x', false],
    ['a.b', 'axb', false],
    ['a+b', 'aab', false],
    [false, 'main', false],
  ])('%s and the branch %s: %s', (rule, branch, matches) => {
    expect(matchesBranch(rule, branch)).toBe(matches);
  });

  it('made to take for ever does not', () => {
    const begin = performance.now();
    expect(matchesBranch(`${'a*'.repeat(90)}b`, 'a'.repeat(200))).toBe(false);
    expect(performance.now() - begin).toBeLessThan(500);
  });
});

describe('the environments of a branch', () => {
  it('are production alone for the branch that was pushed first, main or master', () => {
    const environments = { production: {}, staging: {} };
    expect(environmentsOf('main', environments, null)).toEqual(['production']);
    expect(environmentsOf('master', environments, null)).toEqual(['production']);
    expect(environmentsOf('main', environments, 'main')).toEqual(['production']);
    expect(environmentsOf('main', environments, 'master')).toEqual([]);
    expect(environmentsOf('develop', environments, null)).toEqual([]);
  });

  it('come in the order of the file, and production last where it names no branch', () => {
    expect(environmentsOf('main', { production: {}, staging: { branch: 'main' } }, 'main')).toEqual(['staging', 'production']);
    const named = { production: { branch: 'main' }, staging: { branch: 'ma*' } } as const;
    expect(environmentsOf('main', named, 'main')).toEqual(['production', 'staging']);
  });

  it('leave production out when it follows another branch or none', () => {
    expect(environmentsOf('main', { production: { branch: false } }, 'main')).toEqual([]);
    expect(environmentsOf('main', { production: { branch: 'live' } }, 'main')).toEqual([]);
    expect(environmentsOf('live', { production: { branch: 'live' } }, 'main')).toEqual(['production']);
  });
});

describe('the name of what is pushed', () => {
  it.each([
    ['refs/heads/main', { kind: 'branch', name: 'main' }],
    ['refs/heads/feature/größer', { kind: 'branch', name: 'feature/größer' }],
    ['refs/heads/$(touch${IFS}x)', { kind: 'branch', name: '$(touch${IFS}x)' }],
    ['refs/heads/<img/src=x>', { kind: 'branch', name: '<img/src=x>' }],
    ['refs/tags/v1.0', { kind: 'tag', name: 'v1.0' }],
  ])('%s is taken as it is', (ref, found) => {
    expect(pushedRef(ref)).toEqual(found);
  });

  it.each([
    'refs/heads/../../config',
    'refs/heads/a/../b',
    'refs/heads/.hidden',
    'refs/heads/x.lock',
    'refs/heads/x.lock/y',
    'refs/heads/a//b',
    'refs/heads/-option',
    'refs/heads/a\u001b[2Jb',
    'refs/heads/a\nb',
    'refs/heads/a b',
    'refs/heads/a\u202eb',
    'refs/heads/HEAD',
    'refs/heads/',
    `refs/heads/${'x'.repeat(300)}`,
    'refs/signalbox/kept/x',
    'refs/notes/x',
    'HEAD',
  ])('%j is refused', (ref) => {
    expect(pushedRef(ref).kind).toBe('refused');
  });
});
