import { describe, expect, it } from 'vitest';
import { compareReleases } from '../../src/domain/environment-diff.ts';
import { promotedFrom } from '../../src/domain/promotion.ts';
import type { ReleasedService } from '../../src/domain/release.ts';
import { describeSchedule } from '../../src/domain/schedule-text.ts';
import { release, service } from '../api/facts.ts';

const withEnv = (one: ReleasedService, env: Record<string, string>): ReleasedService => ({
  ...one,
  workload: { ...one.workload, env },
});

describe('the difference of two releases', () => {
  it('is said by names of variables, never by their values', () => {
    const first = release(1, { services: [withEnv(service({ name: 'web' }), { STAGE: 'staging', SAME: '1', OLD: 'x' })] });
    const second = release(2, {
      services: [withEnv(service({ name: 'web', replicas: 2 }), { STAGE: 'live', SAME: '1', NEW: 'y' })],
    });
    const difference = compareReleases(first, second);
    expect(difference).toMatchObject({
      sameBuilds: true,
      services: [
        {
          service: 'web',
          replicas: [1, 2],
          variables: { onlyFirst: ['OLD'], onlySecond: ['NEW'], different: ['STAGE'] },
        },
      ],
    });
    for (const value of ['staging', 'live']) expect(JSON.stringify(difference)).not.toContain(`"${value}"`);
  });

  it('knows a service that one of them lacks, and another build', () => {
    const first = release(1, { services: [service({ name: 'web' }), service({ name: 'api' })] });
    const second = release(2, { services: [service({ name: 'web', version: 2 }), service({ name: 'docs', kind: 'static' })] });
    const { sameBuilds, services } = compareReleases(first, second);
    expect(sameBuilds).toBe(false);
    expect(services.map(({ service: name, sameBuild, replicas }) => [name, sameBuild, replicas])).toEqual([
      ['web', false, [1, 1]],
      ['api', false, [1, null]],
      ['docs', false, [null, 1]],
    ]);
  });
});

describe('what is promoted', () => {
  const web = service({ name: 'web' });
  const tested = release(7, { services: [web] });
  const changed = (build: Partial<ReleasedService['build']>): ReleasedService => ({
    ...web,
    build: { ...web.build, key: 'f'.repeat(64) as never, ...build },
  });

  it('carries the keys that were tested', () => {
    expect(promotedFrom(tested, [web])).toEqual({
      environment: 'production',
      release: 'shop/production/v7',
      keys: { web: web.build.key },
    });
  });

  it.each([
    [{ env: { NEXT_PUBLIC_SITE: 'hush' } }, 'buildEnv NEXT_PUBLIC_SITE'],
    [{ command: 'npm run other' }, 'its build command differs'],
    [{ inputs: ['.', 'lib'] }, 'other files belong to its build'],
    [{ given: { image: 'nginx@sha256:2' } }, 'its image is nginx@sha256:2, was built'],
    [{}, 'the programs that build it have other versions by now'],
  ])('is refused with what differs: %j', (build, why) => {
    let said = '';
    try {
      promotedFrom(tested, [changed(build)]);
    } catch (error) {
      said = `${(error as Error).message} ${JSON.stringify((error as { details: unknown }).details)}`;
    }
    expect(said).toContain(`web would be another build (${why})`);
    expect(said).not.toContain('hush');
  });

  it('is refused when a service is missing on one side', () => {
    const api = service({ name: 'api' });
    expect(() => promotedFrom(tested, [web, api])).toThrow('api was no part of it');
    expect(() => promotedFrom(release(7, { services: [web, api] }), [web])).toThrow('api is no part of the target');
  });
});

describe('when deploys are let through', () => {
  it('is written for people', () => {
    const zone = 'Europe/Berlin';
    expect(describeSchedule(undefined)).toEqual(['at any time']);
    expect(
      describeSchedule({
        windows: [
          { days: [1, 2, 3, 4, 5], from: 540, to: 960, zone },
          { days: [0, 6], from: 1320, to: 120, zone },
          { days: [0, 1, 2, 3, 4, 5, 6], from: 0, to: 1440, zone },
        ],
        freezes: [{ from: '2026-12-20', to: '2027-01-02', reason: 'holidays', zone }],
      }),
    ).toEqual([
      'Mon to Fri 09:00 to 16:00 Europe/Berlin',
      'Sat, Sun 22:00 to 02:00 of the next day Europe/Berlin',
      'every day 00:00 to 24:00 Europe/Berlin',
      'not from 2026-12-20 to 2027-01-02 Europe/Berlin (holidays)',
    ]);
  });
});
