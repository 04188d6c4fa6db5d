import { type ConfigDocument, type KeyPath, parseConfigDocument } from '../document.ts';
import { configError } from '../mistakes.ts';
import type { RepositoryReader } from '../reader.ts';
import { interpolate } from './interpolate.ts';
import { isValues, textOf, type Values, valuesOf } from './shapes.ts';

/** Names under which Compose looks for its file, in its order. */
const fileNames = ['compose.yaml', 'compose.yml', 'docker-compose.yaml', 'docker-compose.yml'] as const;
const deepest = 10;

export interface ComposeText {
  readonly file: string;
  readonly document: ConfigDocument;
  /** Services by name, variables replaced by their defaults, `extends` inside the file followed. */
  readonly services: Readonly<Record<string, Values>>;
  readonly top: Values;
  /** Variables without a default in the value at a path. */
  unknownAt(path: KeyPath): readonly string[];
  /** The same for all values at or below a path. */
  unknownBelow(path: KeyPath): readonly string[];
  line(path: KeyPath): number;
  /** What was found wrong with `extends`, by service. */
  readonly notExtended: Readonly<Record<string, string>>;
}

/**
 * The Compose file of a repository; undefined when there is none, or it was made by `signalbox generate`.
 * @throws CONFIG_INVALID with line and column when it is no Compose file.
 */
export async function readCompose(reader: RepositoryReader): Promise<ComposeText | undefined> {
  for (const file of fileNames) {
    const text = await reader.read(file);
    if (text === null) continue;
    if (/^# signalbox:generated /m.test(text.slice(0, 400))) return undefined;
    return parseCompose(file, text);
  }
  return undefined;
}

/** @throws CONFIG_INVALID */
export function parseCompose(file: string, text: string): ComposeText {
  const parsed = parseConfigDocument(text);
  if ('mistakes' in parsed) throw configError(file, parsed.mistakes);
  const { document } = parsed;
  const refuse = (path: KeyPath, what: string): never => {
    throw configError(file, [{ ...document.place(path), at: path.map(String).join('.'), text: what }]);
  };
  const unknown = new Map<string, readonly string[]>();
  const resolved = replaced(document.value, [], unknown);
  if (!isValues(resolved)) return refuse([], 'expected a Compose file with `services`');
  const given = resolved['services'];
  if (given === undefined || given === null) return refuse([], 'the file has no `services`');
  if (!isValues(given)) return refuse(['services'], 'expected services as name: { image, build, … }');
  for (const [name, service] of Object.entries(given)) {
    if (!/^[\w][\w.-]*$/.test(name)) refuse(['services', name], 'expected a name of letters, digits, dots, dashes and _');
    if (!isValues(service)) refuse(['services', name], 'expected a service: { image, build, … }');
  }
  const notExtended: Record<string, string> = {};
  const services = Object.fromEntries(
    Object.keys(given).map((name) => [name, extended(name, given as Readonly<Record<string, Values>>, notExtended)]),
  );
  return {
    file,
    document,
    services,
    top: resolved,
    notExtended,
    unknownAt: (path) => unknown.get(JSON.stringify(path)) ?? [],
    unknownBelow: (path) => {
      const start = JSON.stringify(path).slice(0, -1);
      const below = [...unknown].filter(([at]) => at === `${start}]` || at.startsWith(`${start},`));
      return [...new Set(below.flatMap(([, names]) => names))];
    },
    line: (path) => document.place(path, 'key').line,
  };
}

/** Every text with its variables replaced. */
function replaced(value: unknown, path: KeyPath, unknown: Map<string, readonly string[]>): unknown {
  if (typeof value === 'string') {
    const found = interpolate(value);
    if (found.unknown.length > 0) unknown.set(JSON.stringify(path), found.unknown);
    return found.text;
  }
  if (Array.isArray(value)) return (value as readonly unknown[]).map((one, index) => replaced(one, [...path, index], unknown));
  if (!isValues(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, replaced(one, [...path, key], unknown)]));
}

/** A service with what it extends inside the same file: maps are merged, all else is the service's own. */
function extended(name: string, all: Readonly<Record<string, Values>>, wrong: Record<string, string>): Values {
  let service = valuesOf(all[name]);
  const seen = new Set([name]);
  for (let depth = 0; service['extends'] !== undefined && depth < deepest; depth += 1) {
    const { extends: from, ...own } = service;
    const other = textOf(from) ?? textOf(valuesOf(from)['service']) ?? '';
    const file = textOf(valuesOf(from)['file']);
    const base = file === undefined && Object.hasOwn(all, other) && !seen.has(other) ? all[other] : undefined;
    if (base === undefined) {
      wrong[name] =
        file === undefined
          ? `it extends ${other}, which ${seen.has(other) ? 'extends it in turn' : 'is not there'}`
          : `it extends ${other} of ${file}, which is not followed`;
      return own;
    }
    seen.add(other);
    service = mergedWith(base, own);
  }
  return service;
}

function mergedWith(base: Values, own: Values): Values {
  const result: Record<string, unknown> = { ...base };
  for (const [key, value] of Object.entries(own)) {
    const below = result[key];
    result[key] = isValues(value) && isValues(below) ? { ...below, ...value } : value;
  }
  return result;
}
