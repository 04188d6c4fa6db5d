import { Document, isMap, isPair, isScalar, type Node, type Pair, visit, YAMLSeq } from 'yaml';
import { composeAccessory, check, type ComposedAccessory, type ComposeService } from './compose/accessories.ts';
import { literal, orElse } from './compose/interpolation.ts';
import { routerConfig, routerImage, routerPort } from './compose/router.ts';
import { composeService, type ComposedService, free, portOf, siteFile } from './compose/services.ts';
import type { ServiceSpec } from '../domain/spec.ts';
import type { GeneratedFile } from './generated.ts';
import { sitePort } from './image/gather.ts';
import { siteConfig } from './image/site-config.ts';
import type { BlueprintInput } from './input.ts';

/** Where the router's settings lie, relative to the repository. */
const routerFile = 'compose/Caddyfile';

/**
 * compose.yaml, which starts the whole app on its own, and what belongs to it. It uses nothing that docker-compose 1.29 refuses, so the
 * part that only newer ones know (`develop`) is a file of its own.
 */
export function composeFiles(input: BlueprintInput): GeneratedFile[] {
  const { spec } = input;
  const accessories = new Map<string, ComposedAccessory>();
  const all = Object.values(spec.accessories ?? {});
  for (const accessory of all) {
    const composed = composeAccessory(accessory, all);
    if (composed !== undefined) accessories.set(accessory.name, composed);
  }
  const services = input.packed.map((packed) => composeService(packed, { input, accessories }));
  const routed = input.packed.filter(({ service }) => service.routes.length > 0);
  const [only] = routed;
  const direct = routed.length === 1 && only?.service.routes.length === 1 && only.service.routes[0]?.path === '/';
  const router =
    routed.length === 0 || direct
      ? undefined
      : {
          name: free('router', spec),
          service: routerService(
            services,
            routed.map(({ service }) => service.name),
          ),
        };
  const published = direct ? only?.service.name : undefined;
  const entries: [string, ComposeService, readonly string[]][] = [];
  for (const [name, { service, note }] of accessories) entries.push([name, service, [note]]);
  for (const one of services) {
    if (one.before !== undefined)
      entries.push([one.before.name, one.before.service, ['Runs to its end before the new version starts.']]);
    const ports = one.name === published ? { ports: [publishedAt(one.port)] } : {};
    entries.push([one.name, { ...one.service, ...ports }, one.notes]);
  }
  if (router !== undefined) entries.push([router.name, router.service, ['One address with the routes of production.']]);
  const volumes = [...[...accessories.values()].flatMap((one) => one.volumes), ...services.flatMap((one) => one.volumes)];
  const missing = all.filter(({ name }) => !accessories.has(name)).map(({ name }) => name);
  const watch = watchFile(input);
  return [
    { path: 'compose.yaml', text: render(entries, [...new Set(volumes)], missing) },
    ...(router === undefined
      ? []
      : [
          {
            path: routerFile,
            text: routerConfig(
              routed.map((packed) => ({ address: `${packed.service.name}:${portOf(packed)}`, routes: packed.service.routes })),
            ),
          },
        ]),
    ...input.packed.flatMap((one) => ('folder' in one ? [siteSettings(one.service)] : [])),
    ...(watch === undefined ? [] : [watch]),
  ];
}

const publishedAt = (port: number): string => `127.0.0.1:${orElse('HTTP_PORT', 8080)}:${port}`;

const siteSettings = ({ name, static: site }: ServiceSpec): GeneratedFile => ({
  path: siteFile(name),
  text: `${siteConfig({ port: sitePort, root: '/srv', spaFallback: site?.spaFallback ?? false }).join('\n')}\n`,
});

function routerService(services: readonly ComposedService[], routed: readonly string[]): ComposeService {
  const behind = services.filter(({ name }) => routed.includes(name));
  return {
    image: routerImage,
    restart: 'unless-stopped',
    ports: [publishedAt(routerPort)],
    volumes: [`./${routerFile}:/etc/caddy/Caddyfile:ro`],
    depends_on: Object.fromEntries(
      behind.map(({ name, hasHealth }) => [name, { condition: hasHealth ? 'service_healthy' : 'service_started' }]),
    ),
    healthcheck: check(['CMD', 'nc', '-z', '127.0.0.1', String(routerPort)], 10),
  };
}

function render(
  entries: readonly [string, ComposeService, readonly string[]][],
  volumes: readonly string[],
  missing: readonly string[],
): string {
  const document = new Document(
    {
      services: Object.fromEntries(entries.map(([name, service]) => [name, service])),
      ...(volumes.length === 0 ? {} : { volumes: Object.fromEntries(volumes.map((name) => [name, null])) }),
    },
    // docker-compose before version 2 reads YAML 1.1, where `no` is false and 1:30 is ninety.
    { version: '1.1', schema: 'yaml-1.1' },
  );
  document.commentBefore = [
    ' The whole app on this machine: `docker compose up --build`, then http://localhost:8080 (HTTP_PORT changes it).',
    ' Variables come from the terminal or from .env; see .env.example. The passwords here are for this machine alone.',
    ...missing.map((name) => ` ${name} is not here: it is a command of this machine and has no image.`),
  ].join('\n');
  const services = document.get('services');
  if (isMap(services))
    for (const [index, pair] of services.items.entries()) {
      const [, , notes] = entries[index] ?? ['', {}, []];
      if (!isScalar(pair.key)) continue;
      pair.key.spaceBefore = index > 0;
      if (notes.length > 0) pair.key.commentBefore = notes.map((note) => ` ${note}`).join('\n');
    }
  const last = isMap(document.contents) ? document.contents.items.at(-1)?.key : undefined;
  if (volumes.length > 0 && isScalar(last)) last.spaceBefore = true;
  nameAnchors(document);
  visit(document, { Pair: (_, pair) => inline(pair) });
  return document.toString({ lineWidth: 0, flowCollectionPadding: true, nullStr: '' });
}

/** Commands and conditions stand on one line. */
function inline(pair: Pair): void {
  const value = pair.value as Node | null;
  const key = isScalar(pair.key) ? pair.key.value : undefined;
  if (value instanceof YAMLSeq && (key === 'test' || key === 'command' || key === 'profiles')) value.flow = true;
  if (isMap(value) && value.items.length === 1 && isScalar(value.items[0]?.key) && value.items[0].key.value === 'condition')
    value.flow = true;
}

/** What `docker compose -f compose.yaml -f compose.watch.yaml watch` does: builds a service anew when its source changes. */
function watchFile({ packed }: BlueprintInput): GeneratedFile | undefined {
  const services = packed.flatMap((one) => {
    if ('image' in one || 'folder' in one) return [];
    const context = 'own' in one ? one.own.context : one.facts.context;
    const path = context === '.' ? '.' : `./${context}`;
    return [
      [
        one.service.name,
        { develop: { watch: [{ action: 'rebuild', path: literal(path), ignore: ['node_modules/'] }] } },
      ] as const,
    ];
  });
  if (services.length === 0) return undefined;
  const document = new Document({ services: Object.fromEntries(services) });
  document.commentBefore = [
    ' Docker Compose 2.22 and later: `docker compose -f compose.yaml -f compose.watch.yaml watch`.',
    ' A file of its own, because older ones refuse `develop`. Reloads in place: `signalbox dev`.',
  ].join('\n');
  return { path: 'compose.watch.yaml', text: document.toString({ lineWidth: 0, flowCollectionPadding: true }) };
}

/** Parts that two services share are called after the second one's key: `&api-environment`. */
function nameAnchors(document: Document): void {
  const names = new Map<string, string>();
  visit(document, {
    Alias(_, alias, path) {
      const keys = path.filter(isPair).map(({ key }) => (isScalar(key) ? String(key.value) : ''));
      const name =
        names.get(alias.source) ??
        keys
          .slice(1)
          .join('-')
          .replace(/[^A-Za-z0-9-]/g, '-');
      names.set(alias.source, name);
      alias.source = name;
    },
  });
  visit(document, {
    Collection(_, node) {
      const name = names.get(node.anchor ?? '');
      if (name !== undefined) node.anchor = name;
    },
  });
}
