import type { BodyLimit, EdgeHeader, EdgeSpec, RateRule } from '../../domain/edge.ts';

/** @returns why an edge cannot be served, undefined when it can. A header is checked to the letter: it ends up between those of the app. */
export function faultOf(edge: EdgeSpec | undefined): string | undefined {
  if (!Array.isArray(edge?.headers) || !Array.isArray(edge.maxBody) || !Array.isArray(edge.rates))
    return 'lacks headers, body sizes or rates';
  if (!(edge.bodyTimeout > 0)) return 'has no body timeout';
  const { https } = edge;
  if (https && (typeof https.redirect !== 'boolean' || !(https.hsts === null || https.hsts >= 0)))
    return 'has unusable words on HTTPS';
  return first(edge.headers, headerFault) ?? first(edge.maxBody, bodyFault) ?? first(edge.rates, rateFault);
}

/** Would end the answer's head, or frame its body anew. */
const framing = new Set(['connection', 'content-length', 'transfer-encoding', 'trailer', 'upgrade', 'keep-alive', 'te']);

function headerFault(header: EdgeHeader | undefined): string | undefined {
  const { name, value } = header ?? {};
  if (typeof name !== 'string' || !/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(name) || framing.has(name.toLowerCase()))
    return `has an unusable header: ${JSON.stringify(name)}`;
  if (typeof value !== 'string' || !/^[\t\x20-\x7e]*$/.test(value)) return `has an unusable value for ${name}`;
  return undefined;
}

function bodyFault(limit: BodyLimit | undefined): string | undefined {
  const { path, bytes } = limit ?? {};
  if (!isPath(path) || !(bytes === null || (Number.isSafeInteger(bytes) && Number(bytes) > 0)))
    return `has an unusable body size for ${path}`;
  return undefined;
}

function rateFault(rule: RateRule | undefined): string | undefined {
  const { requests = 0, per = 0, burst = 0, by, paths } = rule ?? {};
  const counts = Number.isSafeInteger(requests) && requests > 0 && Number.isSafeInteger(burst) && burst > 0 && per > 0;
  if (!counts || !Array.isArray(paths) || !paths.every(isPath) || (by !== 'client' && by !== 'all'))
    return `has an unusable rate: ${JSON.stringify(rule)}`;
  return undefined;
}

const isPath = (path: unknown): boolean => typeof path === 'string' && path.startsWith('/');

function first<Item>(items: readonly Item[], fault: (item: Item) => string | undefined): string | undefined {
  for (const item of items) {
    const found = fault(item);
    if (found !== undefined) return found;
  }
  return undefined;
}
