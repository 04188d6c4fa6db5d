import { differingNames } from './promotion.ts';
import type { Release, ReleasedService } from './release.ts';

/** What one service is in two releases; null: no part of that one. Of variables only names are said. */
export interface ServiceDifference {
  readonly service: string;
  readonly keys: Pair<string>;
  readonly sameBuild: boolean;
  readonly replicas: Pair<number>;
  readonly hosts: Pair<readonly string[]>;
  readonly variables: {
    readonly onlyFirst: readonly string[];
    readonly onlySecond: readonly string[];
    /** In both, with other values. */
    readonly different: readonly string[];
  };
}

export type Pair<Value> = readonly [Value | null, Value | null];

export interface ReleaseDifference {
  readonly services: readonly ServiceDifference[];
  /** Each service has the build that it has in the other. */
  readonly sameBuilds: boolean;
}

/** What two releases of an app differ in, service by service in the order of the first. */
export function compareReleases(first: Release, second: Release): ReleaseDifference {
  const names = [...new Set([...first.services, ...second.services].map((s) => s.service))];
  const services = names.map((name) =>
    compareServices(
      first.services.find((s) => s.service === name),
      second.services.find((s) => s.service === name),
    ),
  );
  return { services, sameBuilds: services.every((s) => s.sameBuild) };
}

function compareServices(first: ReleasedService | undefined, second: ReleasedService | undefined): ServiceDifference {
  const pair = <Value>(pick: (s: ReleasedService) => Value): Pair<Value> => [
    first ? pick(first) : null,
    second ? pick(second) : null,
  ];
  const [before, after] = [variablesOf(first), variablesOf(second)];
  const differing = differingNames(before, after);
  const keys = pair((s) => s.build.key as string);
  return {
    service: first?.service ?? second?.service ?? '',
    keys,
    sameBuild: keys[0] === keys[1],
    replicas: pair((s) => s.replicas),
    hosts: pair(hostsOf),
    variables: {
      onlyFirst: differing.filter((name) => !Object.hasOwn(after, name)),
      onlySecond: differing.filter((name) => !Object.hasOwn(before, name)),
      different: differing.filter((name) => Object.hasOwn(before, name) && Object.hasOwn(after, name)),
    },
  };
}

/** Secrets count by name: each environment has values and versions of its own. */
const variablesOf = (service: ReleasedService | undefined): Readonly<Record<string, string>> => ({
  ...service?.workload.env,
  ...Object.fromEntries(
    Object.entries(service?.workload.secrets ?? {}).map(([variable, { name }]) => [variable, `secret ${name}`]),
  ),
});

export const hostsOf = (service: ReleasedService): readonly string[] => [...new Set(service.routes.map((route) => route.host))];
