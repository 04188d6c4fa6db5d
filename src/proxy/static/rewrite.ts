import { posix } from 'node:path';
import { isFingerprinted, isPage, isVersionable } from './cache-policy.ts';
import { segmentsOf } from './resolve.ts';
import { startTags, type Tag } from './tags.ts';

/** Gives the version of a file below the root, undefined when there is no such file. */
export type VersionOf = (relative: string) => Promise<string | undefined>;

export interface PageAddress {
  /** Path of the page below the root, e.g. `/docs/index.html`. */
  readonly path: string;
  /** What the route takes off the address, e.g. `/docs`; empty for none. */
  readonly prefix: string;
}

const referring = new Set(['script', 'link', 'img', 'source', 'video', 'audio', 'input', 'image', 'use']);
const attribute = /(\s(?:src|href|poster|srcset|xlink:href)\s*=\s*)(?:"([^"]*)"|'([^']*)'|([^\s"'>]+))/gi;

/**
 * Adds `?v=<version>` to references from a page to local files whose names do not change with their content. Left alone: other
 * origins, references with a query, fingerprinted names, pages, files that are not there, comments, and everything once the page
 * has a <base>.
 */
export async function versionReferences(html: string, page: PageAddress, versionOf: VersionOf): Promise<string> {
  const tags: Tag[] = [];
  for (const tag of startTags(html)) {
    if (tag.name === 'base' && /\shref[\s=]/i.test(html.slice(tag.from, tag.to))) return html;
    if (referring.has(tag.name)) tags.push(tag);
  }
  const wanted = new Map<string, string | undefined>();
  for (const { from, to } of tags) {
    for (const url of urlsOf(html.slice(from, to))) {
      const file = localFile(url, page);
      if (file !== undefined) wanted.set(file, undefined);
    }
  }
  for (const file of wanted.keys()) wanted.set(file, await versionOf(file));
  const versioned = (url: string): string => {
    const file = localFile(url, page);
    const version = file === undefined ? undefined : wanted.get(file);
    if (version === undefined) return url;
    const hash = url.indexOf('#');
    return hash === -1 ? `${url}?v=${version}` : `${url.slice(0, hash)}?v=${version}${url.slice(hash)}`;
  };
  const parts: string[] = [];
  let done = 0;
  for (const { from, to } of tags) {
    parts.push(html.slice(done, from), rewriteTag(html.slice(from, to), versioned));
    done = to;
  }
  return parts.join('') + html.slice(done);
}

function* urlsOf(wholeTag: string): Iterable<string> {
  for (const [, name = '', double, single, bare] of wholeTag.matchAll(attribute)) {
    const value = double ?? single ?? bare ?? '';
    if (/srcset/i.test(name)) for (const candidate of value.split(',')) yield candidate.trim().split(/\s+/)[0] ?? '';
    else yield value;
  }
}

function rewriteTag(wholeTag: string, versioned: (url: string) => string): string {
  return wholeTag.replace(attribute, (_whole, name: string, double?: string, single?: string, bare?: string) => {
    const value = double ?? single ?? bare ?? '';
    const quote = double !== undefined ? '"' : single !== undefined ? "'" : '';
    const rewritten = /srcset/i.test(name)
      ? value.replace(/(^|,)(\s*)([^\s,]+)/g, (_all, comma: string, space: string, url: string) => comma + space + versioned(url))
      : versioned(value);
    return name + quote + rewritten + quote;
  });
}

/** The file below the root that a reference names, when it is one that needs a version. */
function localFile(url: string, page: PageAddress): string | undefined {
  const path = url.split('#')[0] ?? '';
  if (path === '' || path.includes('?') || path.startsWith('//') || /^[a-z][a-z0-9+.-]*:/i.test(path) || path.includes('&'))
    return undefined;
  let absolute: string;
  if (path.startsWith('/')) {
    if (page.prefix !== '' && !path.startsWith(`${page.prefix}/`)) return undefined;
    absolute = path.slice(page.prefix.length);
  } else {
    absolute = posix.join(posix.dirname(page.path), path);
  }
  const relative = segmentsOf(posix.normalize(absolute))?.join('/');
  if (relative === undefined || !isVersionable(relative) || isPage(relative) || isFingerprinted(relative)) return undefined;
  return relative;
}
