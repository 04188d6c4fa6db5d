import { hostsOf } from '../domain/environment-diff.ts';
import { type EnvironmentState, stableRelease } from '../domain/environment-state.ts';
import type { Release } from '../domain/release.ts';
import { describeSchedule } from '../domain/schedule-text.ts';
import type { WallTime } from '../domain/values.ts';
import { closureAt } from '../domain/windows.ts';
import type { DeclaredBody, EnvironmentRowBody } from './contract/environments.ts';
import { isoTime, presentPromotedFrom, releaseName } from './present-rollout.ts';
import { presentLock } from './present-status.ts';

/** `release`: the one that answers for the environment. */
export function presentRow(environment: EnvironmentState, release: Release | null): EnvironmentRowBody {
  const live = stableRelease(environment);
  const origin = release?.promotedFrom;
  return {
    environment: environment.environment,
    release: live === null ? null : releaseName(live),
    proven: environment.proven === null ? null : releaseName(environment.proven),
    sha: release?.sha ?? null,
    ...(origin === undefined ? {} : { promotedFrom: { environment: origin.environment, release: releaseName(origin.release) } }),
    ...(environment.lock === undefined ? {} : { lock: presentLock(environment.lock) }),
  };
}

/** What a release declares about its environment. Values of variables stay where they are. */
export function presentDeclared(release: Release, now = Date.now() as WallTime): DeclaredBody {
  const closure = release.schedule === undefined ? null : closureAt([release.schedule], now);
  return {
    release: releaseName(release.id),
    sha: release.sha,
    subject: release.subject,
    createdAt: isoTime(release.createdAt),
    ...(release.promotedFrom === undefined ? {} : { promotedFrom: presentPromotedFrom(release.promotedFrom) }),
    strategy: release.strategy.type,
    ...(release.branch === undefined ? {} : { branch: release.branch }),
    services: release.services.map((one) => ({
      service: one.service,
      kind: one.workload.kind,
      key: one.build.key,
      replicas: one.replicas,
      hosts: hostsOf(one),
      variables: Object.keys(one.workload.env).sort(),
      secrets: Object.entries(one.workload.secrets ?? {}).map(([variable, { name, version }]) => ({
        variable,
        secret: name,
        version,
      })),
    })),
    accessories: (release.accessories ?? []).map(({ name }) => name),
    windows: describeSchedule(release.schedule),
    ...(closure === null
      ? {}
      : { closed: { because: closure.because, next: closure.next === null ? null : isoTime(closure.next) } }),
  };
}
