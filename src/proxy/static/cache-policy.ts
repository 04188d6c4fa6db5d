import { extname } from 'node:path';

/** What caches may do with an answer. */
export const cacheControl = {
  /** Asked again before each use: HTML, and whatever is not what its address promised. */
  page: 'no-cache',
  /** The address changes with the content. */
  immutable: 'public, max-age=31536000, immutable',
  /** Code and style under a lasting address: must be asked again, or old pages would meet new code. */
  code: 'public, max-age=0, must-revalidate',
  /** Pictures and the like under a lasting address. */
  media: 'public, max-age=300, must-revalidate',
} as const;

const versionable = new Set(
  '.js .mjs .css .png .jpg .jpeg .gif .webp .avif .svg .ico .woff .woff2 .ttf .otf .mp4 .webm .mp3 .ogg .webmanifest'.split(' '),
);
const code = new Set('.js .mjs .css .json .webmanifest .wasm .map .xml .txt'.split(' '));

export const isPage = (path: string): boolean => ['.html', '.htm'].includes(extname(path).toLowerCase());

/** Kinds of files whose references in pages get a version. */
export const isVersionable = (path: string): boolean => versionable.has(extname(path).toLowerCase());

/**
 * True when the name itself carries a hash of the content, as bundlers write it: `name.3f2a9c1b.js`, `name-BxYz12ab.css`,
 * everything below `_next/static/`. When in doubt false: a file that is asked for again is never stale.
 */
export function isFingerprinted(relative: string): boolean {
  if (/(?:^|\/)_next\/static\//.test(relative)) return true;
  const name = relative.slice(relative.lastIndexOf('/') + 1);
  const hex = /[.-]([0-9a-f]{8,64})(?:\.[a-z0-9]{1,8}){1,2}$/.exec(name)?.[1];
  if (hex !== undefined && /[a-f]/.test(hex) && /\d/.test(hex)) return true;
  const token = /[.-]([\w-]{8})(?:\.[a-z0-9]{1,8}){1,2}$/i.exec(name)?.[1];
  if (token === undefined || !/[a-z]/i.test(token)) return false;
  if (/\d/.test(token) && /^[\w]+$/.test(token)) return true;
  // Letters only may be a word; where bundlers put their output, in mixed case, it is not.
  return /(?:^|\/)(?:assets|_astro|chunks|_app\/immutable)\//.test(relative) && /[a-z]/.test(token) && /[A-Z]/.test(token);
}

export function cacheControlOf(relative: string): string {
  if (isPage(relative)) return cacheControl.page;
  if (isFingerprinted(relative)) return cacheControl.immutable;
  return code.has(extname(relative).toLowerCase()) ? cacheControl.code : cacheControl.media;
}
