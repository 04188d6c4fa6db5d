import { posix } from 'node:path';
import { detectNode, type Found } from '../detect/node.ts';
import { folderOf } from '../detect/folder.ts';
import { detectPython } from '../detect/python.ts';
import type { DetectedService, Finding } from '../detect/finding.ts';
import type { RepositoryReader } from '../reader.ts';
import { repositoryPath } from '../repository-path.ts';
import { namePattern } from '../schema.ts';
import { accessoryOf, type FoundAccessory } from './accessory.ts';
import { imageParts, isRouter } from './images.ts';
import { leftOut, leftOutOfFile } from './left-out.ts';
import type { ComposeText } from './read.ts';
import { holdsSecret } from './environment.ts';
import { convertService, type ConvertedService, isUnknown, type Reason, type ServiceToConvert } from './service.ts';
import { commandOf, isValues, listOf, pairsOf, portOf, textOf, type Values, valuesOf } from './shapes.ts';

/** A Compose file in the words of signalbox.yaml. */
export interface ConvertedCompose {
  readonly app: string | undefined;
  readonly services: Readonly<Record<string, Record<string, unknown>>>;
  readonly accessories: Readonly<Record<string, Record<string, unknown> | string>>;
  readonly findings: readonly Finding[];
}

const apiNames = /^(?:api|backend|server|back|rest|graphql)/;
const frontNames = /^(?:web|frontend|front|client|ui|app|site|www)/;

/** What a Compose file declares, as far as it carries over; what does not is among the findings, each with its line. */
export async function convertCompose(compose: ComposeText, reader: RepositoryReader): Promise<ConvertedCompose> {
  const findings: Finding[] = [];
  const say = (name: string | undefined, reasons: readonly Reason[]): void => {
    for (const { at, why } of reasons)
      findings.push({
        kind: 'note',
        text: `${name === undefined ? '' : `${name}: `}${why}`,
        file: compose.file,
        line: compose.line(name === undefined ? at : ['services', name, ...at]),
      });
  };
  const names = signalboxNames(Object.keys(compose.services));
  const nameOf = (host: string): string => names.get(host) ?? host;
  const accessories = new Map<string, FoundAccessory>();
  const built = new Map<string, { readonly service: Values; readonly path: string }>();
  for (const [host, service] of Object.entries(compose.services)) {
    const wrong = compose.notExtended[host];
    if (wrong !== undefined) say(host, [{ at: ['extends'], why: wrong }]);
    say(host, emptied(compose, host));
    const image = textOf(service['image']);
    if (service['build'] !== undefined && service['build'] !== null) {
      const path = buildPath(service['build']);
      if (path === undefined)
        say(host, [{ at: ['build'], why: 'what is built lies outside of the repository; the service is left out' }]);
      else built.set(host, { service, path });
    } else if (image === undefined) say(host, [{ at: [], why: 'it has neither build nor image; the service is left out' }]);
    else if (isRouter(image))
      say(host, [
        {
          at: ['image'],
          why: `${imageParts(image).name} is not needed: Signalbox routes by itself, write \`route\` where a path is missing`,
        },
      ]);
    else {
      const found = accessoryOf({ host, name: nameOf(host), service, image });
      if (found === undefined)
        say(host, [
          {
            at: ['image'],
            why: `${JSON.stringify(image)} names no version; the service is left out, add it under \`accessories\` with one`,
          },
        ]);
      else {
        accessories.set(host, found);
        findings.push({
          kind: 'choice',
          text: `${nameOf(host)} is the accessory ${found.facts.type}, from ${image}`,
          file: compose.file,
          line: compose.line(['services', host]),
        });
        say(
          host,
          found.reasons.map(({ key, why }) => ({ at: [key], why })),
        );
        say(
          host,
          leftOut(compose, host).filter(({ at }) => at[0] !== 'networks'),
        );
      }
    }
  }
  const oneOffs = releaseCommands(compose, built);
  for (const host of oneOffs.keys()) built.delete(host);
  const answering = Object.fromEntries(
    [...built].filter(([, { service }]) => answersRequests(service)).map(([host]) => [host, nameOf(host)]),
  );
  const neighbours = { accessories: [...accessories.values()].map(({ facts }) => facts), services: answering };
  const files = await reader.list('.', 20_000);
  const converted = new Map<string, ConvertedService>();
  for (const [host, { service, path }] of built) {
    const found = await detectedIn(path, files, reader);
    const wanted = posix.join(path, textOf(valuesOf(service['build'])['dockerfile']) ?? 'Dockerfile');
    const inside = repositoryPath(wanted);
    const dockerfile = inside === undefined ? null : await reader.read(inside);
    const given: ServiceToConvert = {
      name: nameOf(host),
      service,
      path,
      detected: found === undefined ? undefined : asDetected(found),
      dockerfile: dockerfile ?? undefined,
      neighbours,
      open: openVariables(compose, host, service),
    };
    if (isUnknown(given)) {
      say(host, [{ at: ['build'], why: `there is no ${wanted}, and nothing else says how it starts; the service is left out` }]);
      continue;
    }
    const one = convertService(given);
    const release = [...oneOffs.values()].find(({ of }) => of === host);
    const before = release === undefined || holdsSecret(release.command) ? {} : { release: release.command };
    converted.set(host, { ...one, entry: { ...one.entry, ...before } });
    findings.push({
      kind: 'choice',
      text: `${nameOf(host)} is built from ${path === '.' ? 'the repository' : path}`,
      file: compose.file,
      line: compose.line(['services', host]),
    });
    say(host, [
      ...one.reasons,
      ...leftOut(compose, host),
      ...envFileReasons(service),
      ...profileReasons(service),
      ...waitReasons(service, compose, oneOffs),
    ]);
  }
  for (const [host, { of, command }] of oneOffs) {
    const why = `it runs to its end before ${nameOf(of)}: the release command of ${nameOf(of)}`;
    const left = '; it looks as if it held a secret and was not copied, write `release` by hand';
    say(host, [{ at: ['command'], why: holdsSecret(command) ? `${why}${left}` : why }]);
  }
  say(undefined, leftOutOfFile(compose));
  return {
    app: textOf(compose.top['name']),
    services: withRoutes(converted, nameOf),
    accessories: Object.fromEntries([...accessories].map(([host, { entry }]) => [nameOf(host), entry])),
    findings,
  };
}

/** Names that signalbox.yaml takes, each once. */
function signalboxNames(hosts: readonly string[]): Map<string, string> {
  const names = new Map<string, string>();
  for (const host of hosts) {
    const plain = host
      .toLowerCase()
      .replace(/[^a-z0-9]+/g, '-')
      .replace(/^[^a-z]+/, '')
      .slice(0, 36)
      .replace(/-+$/, '');
    const base = namePattern.test(plain) ? plain : 'service';
    const taken = new Set(names.values());
    let name = base;
    for (let count = 2; taken.has(name); count += 1) name = `${base}-${count}`;
    names.set(host, name);
  }
  return names;
}

function buildPath(build: unknown): string | undefined {
  const context = typeof build === 'string' ? build : (textOf(valuesOf(build)['context']) ?? '.');
  return /^(?:https?|git|ssh):\/\/|^git@|\.git(?:#|$)/.test(context) ? undefined : repositoryPath(context);
}

const answersRequests = (service: Values): boolean =>
  [...listOf(service['ports']), ...listOf(service['expose'])].some((one) => portOf(one) !== undefined) ||
  service['healthcheck'] !== undefined;

/** Services that others wait for until they have ended well, built from the same folder as the one that waits. */
function releaseCommands(
  compose: ComposeText,
  built: ReadonlyMap<string, { readonly service: Values; readonly path: string }>,
): Map<string, { readonly of: string; readonly command: string }> {
  const found = new Map<string, { of: string; command: string }>();
  for (const [host, { path }] of built)
    for (const [other, wait] of Object.entries(valuesOf(compose.services[host]?.['depends_on']))) {
      const command = commandOf(compose.services[other]?.['command']);
      if (textOf(valuesOf(wait)['condition']) !== 'service_completed_successfully' || command === undefined) continue;
      if (built.get(other)?.path === path && !found.has(other)) found.set(other, { of: host, command });
    }
  return found;
}

async function detectedIn(path: string, files: readonly string[], reader: RepositoryReader): Promise<Found | undefined> {
  const folder = folderOf(path, files, reader);
  return (await detectNode(folder)) ?? (await detectPython(folder));
}

const asDetected = (found: Found): DetectedService => ({ ...found.service, name: '', ...(found.listens ? { route: '/' } : {}) });

function openVariables(compose: ComposeText, host: string, service: Values): Set<string> {
  const open = new Set<string>();
  for (const [name, { path }] of pairsOf(service['environment'], ['services', host, 'environment']))
    if (compose.unknownAt(path).length > 0) open.add(name);
  return open;
}

/** Where a variable without a value leaves a gap; variables of the service itself are spoken of one by one. */
const emptied = (compose: ComposeText, host: string): Reason[] =>
  ['image', 'build', 'command', 'entrypoint', 'healthcheck'].flatMap((key) => {
    const names = compose.unknownBelow(['services', host, key]);
    return names.length === 0
      ? []
      : [
          {
            at: [key],
            why: `${names.join(', ')} ${names.length === 1 ? 'has' : 'have'} no value in the file and became nothing`,
          },
        ];
  });

const envFileReasons = (service: Values): Reason[] =>
  listOf(service['env_file']).map((one) => {
    const file = textOf(one) ?? textOf(valuesOf(one)['path']) ?? '';
    const local = file.replace(/^\.\//, '') === '.env';
    return {
      at: ['env_file'],
      why: `${file} was not read, it may hold secrets; ${local ? '`signalbox dev` reads it, ' : ''}on a server give its variables under \`env\` or \`requires\``,
    };
  });

const profileReasons = (service: Values): Reason[] =>
  listOf(service['profiles']).length === 0
    ? []
    : [{ at: ['profiles'], why: 'it ran in a profile only; here it always runs, take it out if that is not meant' }];

function waitReasons(service: Values, compose: ComposeText, oneOffs: ReadonlyMap<string, unknown>): Reason[] {
  return Object.entries(isValues(service['depends_on']) ? service['depends_on'] : {}).flatMap(([other, wait]) =>
    textOf(valuesOf(wait)['condition']) === 'service_completed_successfully' &&
    !oneOffs.has(other) &&
    compose.services[other] !== undefined
      ? [{ at: ['depends_on', other], why: `that ${other} ends first is not kept; a command before the release is \`release\`` }]
      : [],
  );
}

/** The frontend, or else the first that answers, gets `/`; APIs get /api, others their name. */
function withRoutes(
  converted: ReadonlyMap<string, ConvertedService>,
  nameOf: (host: string) => string,
): Record<string, Record<string, unknown>> {
  const listening = [...converted].filter(([, { listens }]) => listens).map(([host]) => nameOf(host));
  const root = listening.find((name) => frontNames.test(name)) ?? listening.find((name) => !apiNames.test(name)) ?? listening[0];
  let apiTaken = false;
  return Object.fromEntries(
    [...converted].map(([host, { entry, listens }]) => {
      const name = nameOf(host);
      if (!listens) return [name, withoutPort(entry)];
      const isApi = apiNames.test(name) && !apiTaken && name !== root;
      if (isApi) apiTaken = true;
      return [name, { ...entry, route: { path: name === root ? '/' : isApi ? '/api' : `/${name}` } }];
    }),
  );
}

function withoutPort({ port: _port, ...entry }: Record<string, unknown>): Record<string, unknown> {
  return entry;
}
