import type { RouteSpec, ServiceSpec } from '../domain/spec.ts';

/** Where a service answers at the desk. */
export interface LocalRoute extends RouteSpec {
  readonly service: string;
}

export interface LocalAddresses {
  readonly routes: readonly LocalRoute[];
  /** Hosts that people open, the first one first; `localhost` when there is only one. */
  readonly hosts: readonly string[];
  /** The app has more than one host; then plain `localhost` is none of them. */
  readonly several: boolean;
}

/** Names by which a program on this machine calls it. */
const plainHosts = ['localhost', '127.0.0.1', '[::1]'];

/**
 * The routes of production under names that lead to this machine: `*.localhost` stays, `shop.example.com` becomes `shop.localhost`.
 * When there is one host only, plain `localhost` is the same.
 */
export function localAddresses(services: readonly ServiceSpec[]): LocalAddresses {
  const declared = services.flatMap((service) => service.routes.map((route) => ({ ...route, service: service.name as string })));
  const names = localNames([...new Set(declared.map(({ host }) => host))]);
  const routes = declared.map((route) => ({ ...route, host: names.get(route.host) ?? route.host }));
  const hosts = [...new Set(routes.map(({ host }) => host))];
  const [only] = hosts;
  if (hosts.length !== 1 || only === undefined) return { routes: unique(routes), hosts, several: hosts.length > 1 };
  const plain = plainHosts.filter((host) => host !== only).flatMap((host) => routes.map((route) => ({ ...route, host })));
  return {
    routes: unique([...routes, ...plain]),
    hosts: ['localhost', ...(plainHosts.includes(only) ? [] : [only])],
    several: false,
  };
}

/** Each host's name on this machine; no two hosts share one. */
export function localNames(hosts: readonly string[]): ReadonlyMap<string, string> {
  const names = new Map<string, string>();
  const taken = new Set<string>();
  const take = (host: string, name: string): void => {
    names.set(host, name);
    taken.add(name);
  };
  for (const host of hosts) if (isLocal(host)) take(host, host);
  for (const host of hosts) {
    if (names.has(host)) continue;
    const wild = host.startsWith('*.');
    const labels = (wild ? host.slice(2) : host).split('.');
    const around = (name: string): string => `${wild ? '*.' : ''}${name}.localhost`;
    const short = around(labels[0] ?? 'app');
    take(host, taken.has(short) ? around(labels.join('-')) : short);
  }
  return names;
}

const isLocal = (host: string): boolean => host === '*' || host === 'localhost' || host.endsWith('.localhost');

/** Two hosts of production that became one would claim a path twice; the first keeps it. */
const unique = (routes: readonly LocalRoute[]): LocalRoute[] =>
  routes.filter((route, index) => routes.findIndex((other) => other.host === route.host && other.path === route.path) === index);
