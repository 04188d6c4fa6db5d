import type { AccessoryType } from '../../domain/accessories.ts';

export interface KnownImage {
  readonly type: Exclude<AccessoryType, 'custom'>;
  /** What of it can be asked for; undefined: nothing is said, or `latest`. */
  readonly version?: string;
}

const names: readonly (readonly [RegExp, KnownImage['type'], boolean])[] = [
  [/^(?:library\/)?postgres$/, 'postgres', true],
  [/^(?:library\/)?redis$/, 'redis', true],
  // Catchers of mail take it on 1025 and show it on a page; their versions are not each other's.
  [
    /^(?:axllent\/mailpit|mailhog\/mailhog|(?:maildev|djfarrelly)\/maildev|schickling\/mailcatcher|dockage\/mailcatcher|rnwood\/smtp4dev)$/,
    'mailcatcher',
    false,
  ],
  [/^dpage\/pgadmin4$/, 'pgadmin', true],
];

/** Programs that share one address among services, which Signalbox does itself. */
const routers =
  /^(?:library\/)?(?:nginx|nginxinc\/nginx-unprivileged|traefik|caddy|haproxy|jwilder\/nginx-proxy|nginxproxy\/nginx-proxy|envoyproxy\/envoy|steveltn\/https-portal)$/;

/** `registry/name:tag@digest` taken apart. */
export function imageParts(image: string): { readonly name: string; readonly tag: string | undefined; readonly pinned: boolean } {
  const [, name = '', tag, digest] = /^(.*?)(?::([\w][\w.-]*))?(@sha256:[0-9a-f]{64})?$/.exec(image) ?? [];
  return { name: name.replace(/^(?:docker\.io|index\.docker\.io)\//, ''), tag, pinned: digest !== undefined };
}

export function knownImage(image: string): KnownImage | undefined {
  const { name, tag } = imageParts(image);
  const found = names.find(([pattern]) => pattern.test(name));
  if (found === undefined) return undefined;
  const version = found[2] ? /^\d+(?:\.\d+){0,2}(?=$|-)/.exec(tag ?? '')?.[0] : undefined;
  return { type: found[1], ...(version === undefined ? {} : { version }) };
}

export const isRouter = (image: string): boolean => routers.test(imageParts(image).name);
