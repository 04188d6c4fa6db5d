import type { Release } from './release.ts';

/** Addresses of a release's routes; `*` is every host, shown as localhost. @param httpPort of the data plane. */
export function releaseUrls(release: Pick<Release, 'services'> | undefined, httpPort: number): readonly string[] {
  const port = httpPort === 80 ? '' : `:${httpPort}`;
  const routes = release?.services.flatMap((service) => service.routes) ?? [];
  const urls = routes.map(({ host, path }) => `http://${host === '*' ? 'localhost' : host}${port}${path}`);
  return [...new Set(urls)];
}
