import { describe, expect, test } from 'vitest';
import { composeTable } from '../../src/domain/compose-table.ts';
import { defaultEdge, type EdgeSpec } from '../../src/domain/edge.ts';
import { newEnvironment } from '../../src/domain/environment-state.ts';
import { type Release, type ReleasedService, sameContent } from '../../src/domain/release.ts';
import type { AppName, EnvironmentName, Epoch, ReleaseId, ServiceName, WorkloadId } from '../../src/domain/values.ts';

const own: EdgeSpec = { ...defaultEdge, headers: [{ name: 'X-App', value: 'a' }] };

function releaseOf(number: number, edge?: EdgeSpec): Release {
  const service = {
    service: 'web' as ServiceName,
    workload: { id: 'shop-production-web-1' as WorkloadId, kind: 'web', health: { type: 'port' } },
    replicas: 1,
    routes: [{ host: 'shop.localhost', path: '/', stripPath: false }],
    overlap: false,
    ...(edge === undefined ? {} : { edge }),
  } as unknown as ReleasedService;
  const worker = { ...service, service: 'mailer' as ServiceName, routes: [] };
  return { id: `shop/production/v${number}` as ReleaseId, number, services: [service, worker] } as unknown as Release;
}

describe('a release', () => {
  test('differs when nothing but its edge does', () => {
    expect(sameContent(releaseOf(1, own), releaseOf(2, own))).toBe(true);
    expect(sameContent(releaseOf(1, own), releaseOf(2, defaultEdge))).toBe(false);
  });
});

describe('an arm of the route table', () => {
  test('brings the edge of its own release, one without any the presets, and none for what has no route', () => {
    const [old, next] = [releaseOf(1), releaseOf(2, own)];
    const environment = {
      ...newEnvironment({ app: 'shop' as AppName, environment: 'production' as EnvironmentName, candidateToken: 't' }),
      arms: [
        { release: old.id, weight: 9_000, role: 'stable' as const },
        { release: next.id, weight: 1_000, role: 'canary' as const },
      ],
    };
    const { splits } = composeTable({
      version: 1,
      epoch: 1 as Epoch,
      environments: [environment],
      rollouts: [],
      releases: new Map([old, next].map((release) => [release.id, release])),
      endpoints: new Map(),
      folderOf: () => '/',
      earlier: new Map(),
    });
    expect(splits[0]?.arms.map((arm) => arm.edge)).toEqual([{ web: defaultEdge }, { web: own }]);
  });
});
