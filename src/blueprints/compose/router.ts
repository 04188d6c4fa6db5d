import type { RouteSpec } from '../../domain/spec.ts';

/** One address that all routes share inside of Compose. */
export const routerPort = 8080;
export const routerImage = 'caddy:2.10-alpine';

export interface RoutedTarget {
  /** Name and port inside of Compose. */
  readonly address: string;
  readonly routes: readonly RouteSpec[];
}

/**
 * Caddyfile that sends requests to the services as production does: the longest prefix wins, on segment borders. The host that comes
 * first answers every name that is not another's, so that `localhost` shows it.
 */
export function routerConfig(targets: readonly RoutedTarget[]): string {
  const hosts = [...new Set(targets.flatMap(({ routes }) => routes.map(({ host }) => host)))];
  const [first, ...others] = hosts.includes('*') ? ['*', ...hosts.filter((host) => host !== '*')] : hosts;
  return [
    '{',
    '\tadmin off',
    '\tauto_https off',
    '}',
    '',
    `:${routerPort} {`,
    '\troute {',
    ...others.flatMap((host, index) => [
      `\t\t@host${index + 1} host ${host}`,
      `\t\thandle @host${index + 1} {`,
      ...byPath(targets, host).map((line) => `\t${line}`),
      '\t\t}',
    ]),
    ...(others.length === 0 ? [] : [`\t\t# ${first === '*' ? 'Every other host' : `${first}, and every other host`}`]),
    ...byPath(targets, first ?? '*'),
    '\t}',
    '}',
    '',
  ].join('\n');
}

function byPath(targets: readonly RoutedTarget[], host: string): string[] {
  const routes = targets
    .flatMap(({ address, routes: own }) => own.filter((route) => route.host === host).map((route) => ({ address, ...route })))
    .sort((a, b) => b.path.length - a.path.length || (a.path < b.path ? -1 : 1));
  const names = routes.map(({ path }) => `path${path.replace(/[^A-Za-z0-9]+/g, '-')}`);
  // `/a-b` and `/a/b` are two.
  const nameOf = (index: number): string =>
    names.indexOf(names[index] ?? '') === index ? (names[index] ?? '') : `${names[index]}.${index}`;
  return [
    ...routes.flatMap(({ address, path, stripPath }, index) =>
      path === '/'
        ? ['\t\thandle {', `\t\t\treverse_proxy ${address}`, '\t\t}']
        : [
            `\t\t@${nameOf(index)} path ${word(path)} ${word(`${path}/*`)}`,
            `\t\thandle @${nameOf(index)} {`,
            ...(stripPath ? [`\t\t\turi strip_prefix ${word(path)}`] : []),
            `\t\t\treverse_proxy ${address}`,
            '\t\t}',
          ],
    ),
    ...(routes.some(({ path }) => path === '/') ? [] : ['\t\thandle {', '\t\t\trespond 404', '\t\t}']),
  ];
}

/** A word that the router takes as it is. */
const word = (path: string): string => (/^[\w./:@%+,*~-]+$/.test(path) ? path : `"${path.replace(/["\\]/g, '\\$&')}"`);
