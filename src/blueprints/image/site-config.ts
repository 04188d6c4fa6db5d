/** Names that carry a hash of their content, as bundlers write them. When in doubt not: a file that is asked for again is never stale. */
const fingerprinted = String.raw`(/_next/static/|/assets/[^/]*-[A-Za-z0-9_-]{8}\.[a-z0-9]+$|[.-]([0-9]+[a-f]|[a-f]+[0-9])[0-9a-f]{6,62}(\.[a-z0-9]{1,8}){1,2}$)`;

export interface SiteServer {
  readonly port: number;
  /** Folder in the image. */
  readonly root: string;
  /** Answer unknown paths without a file extension with /index.html. */
  readonly spaFallback: boolean;
}

/** Caddyfile that serves a folder: pages asked for again each time, fingerprinted files kept for ever, hidden files never. */
export function siteConfig({ port, root, spaFallback }: SiteServer): string[] {
  return [
    '{',
    '\tadmin off',
    '\tauto_https off',
    '}',
    `:${port} {`,
    `\troot * ${root}`,
    '\tencode gzip',
    '\t@hidden path_regexp (^|/)\\.[^/]',
    '\trespond @hidden 404',
    // Two matchers that exclude each other: of two that both match, the one without a matcher would come last and win.
    `\t@changing not path_regexp ${fingerprinted}`,
    '\theader @changing Cache-Control no-cache',
    `\t@fingerprinted path_regexp ${fingerprinted}`,
    '\theader @fingerprinted Cache-Control "public, max-age=31536000, immutable"',
    // A missing file is a 404, never the page; only addresses without an extension are the page's own.
    ...(spaFallback
      ? [
          '\t@page {',
          '\t\tnot path_regexp \\.[^/]+$',
          '\t\tnot file {path} {path}/index.html',
          '\t}',
          '\trewrite @page /index.html',
        ]
      : []),
    '\tfile_server',
    '\thandle_errors {',
    '\t\theader Cache-Control no-cache',
    '\t\trewrite * /404.html',
    '\t\tfile_server {',
    '\t\t\tstatus {err.status_code}',
    '\t\t}',
    '\t}',
    '}',
  ];
}
