import {
  type BodyLimit,
  defaultEdge,
  defaultHttps,
  type EdgeHeader,
  type EdgeSpec,
  type HttpsRule,
  type RateRule,
} from '../domain/edge.ts';
import { type Millis, millis, type ServiceName } from '../domain/values.ts';
import { parseDuration } from './duration.ts';
import type { EdgeFile } from './schema-edge.ts';

/**
 * The edge of a service: presets, then what the app says, then what the service says. Headers and body sizes are laid over one
 * another name by name; the rules of a service stand in for those of the app.
 */
export function completeEdge(service: ServiceName, app: EdgeFile | undefined, own: EdgeFile | undefined): EdgeSpec {
  const timeout = own?.bodyTimeout ?? app?.bodyTimeout;
  return {
    headers: headersOf([app?.headers, own?.headers]),
    maxBody: bodyLimitsOf([app?.maxBody, own?.maxBody]),
    bodyTimeout: timeout === undefined ? defaultEdge.bodyTimeout : duration(timeout),
    https: httpsOf(app, own),
    rates: own?.rate === undefined ? ratesOf(app?.rate, null) : ratesOf(own.rate, service),
  };
}

function httpsOf(app: EdgeFile | undefined, own: EdgeFile | undefined): HttpsRule {
  const redirect = (own?.https ?? app?.https ?? 'redirect') === 'redirect';
  const hsts = own?.hsts ?? app?.hsts;
  // Whoever serves HTTP on purpose does not want clients to refuse it.
  if (hsts === undefined) return { redirect, hsts: redirect ? defaultHttps.hsts : null };
  return { redirect, hsts: hsts === 'off' || hsts === false ? null : duration(hsts) };
}

function headersOf(layers: readonly EdgeFile['headers'][]): readonly EdgeHeader[] {
  const headers = new Map(defaultEdge.headers.map((header) => [header.name.toLowerCase(), header]));
  for (const layer of layers) {
    for (const [name, value] of Object.entries(layer ?? {})) {
      if (value === 'off' || value === false) headers.delete(name.toLowerCase());
      else headers.set(name.toLowerCase(), { name, value });
    }
  }
  return [...headers.values()];
}

function bodyLimitsOf(layers: readonly EdgeFile['maxBody'][]): readonly BodyLimit[] {
  const limits = new Map(defaultEdge.maxBody.map((limit) => [limit.path, limit]));
  for (const layer of layers) {
    if (layer === undefined) continue;
    const given = typeof layer === 'object' ? Object.entries(layer) : [['/', layer] as const];
    for (const [written, size] of given) {
      const path = trimmed(written);
      limits.set(path, { path, bytes: size === 'off' || size === false ? null : bytesOf(size) });
    }
  }
  return [...limits.values()].sort((a, b) => b.path.length - a.path.length || (a.path < b.path ? -1 : 1));
}

function ratesOf(given: EdgeFile['rate'], service: ServiceName | null): readonly RateRule[] {
  if (given === 'off' || given === false) return [];
  const rules = (given === undefined ? [] : Array.isArray(given) ? given : [given]).map(
    ({ requests, per, burst, by, paths, local }): RateRule => ({
      requests,
      per: duration(per),
      burst: burst ?? requests,
      by,
      paths: paths.map(trimmed),
      local,
      service,
    }),
  );
  // Rules for some paths come on top of the preset, one for all paths takes its place.
  return rules.some((rule) => rule.by === 'client' && rule.paths.includes('/')) ? rules : [...rules, ...defaultEdge.rates];
}

const trimmed = (path: string): string => (path.length > 1 ? path.replace(/\/$/, '') : path);

const units: Readonly<Record<string, number>> = { KiB: 1024, MiB: 1024 ** 2, GiB: 1024 ** 3, TiB: 1024 ** 4 };
/** The schema has accepted the text, so it is a size. */
const bytesOf = (size: string): number => Number.parseInt(size, 10) * (units[size.slice(-3)] ?? 1);
const duration = (text: string): Millis => parseDuration(text) ?? millis(0);
