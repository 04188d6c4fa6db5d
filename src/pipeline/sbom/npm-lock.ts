import { hashesOf, keyOf, type LockedPackage, type LockedSet, lockUnreadable } from './locked.ts';

type Entry = Readonly<Record<string, unknown>>;

const isEntry = (value: unknown): value is Entry => typeof value === 'object' && value !== null && !Array.isArray(value);
const text = (value: unknown): string | undefined => (typeof value === 'string' && value !== '' ? value : undefined);

/** package-lock.json and npm-shrinkwrap.json, versions 2 and 3. Pure. @throws LOCK_UNREADABLE */
export function readNpmLock(file: string, content: string): LockedSet {
  let lock: unknown;
  try {
    lock = JSON.parse(content);
  } catch (cause) {
    throw lockUnreadable(file, `it is no JSON (${(cause as Error).message.slice(0, 100)})`);
  }
  const version = isEntry(lock) ? lock['lockfileVersion'] : undefined;
  if (!isEntry(lock) || (version !== 2 && version !== 3) || !isEntry(lock['packages']))
    throw lockUnreadable(
      file,
      `its version is ${JSON.stringify(version) ?? 'not named'}, and 2 and 3 are read; npm 7 and later write them`,
    );
  const entries = new Map(Object.entries(lock['packages']).filter((pair): pair is [string, Entry] => isEntry(pair[1])));
  const named = new Map<string, LockedPackage>();
  const at = (path: string): string | undefined => {
    const entry = entries.get(path);
    if (entry === undefined) return undefined;
    return entry['link'] === true ? idOf(text(entry['resolved']) ?? '', entries) : idOf(path, entries);
  };
  const needsOf = (path: string, entry: Entry, kinds: readonly string[]): string[] =>
    kinds
      .flatMap((kind) => (isEntry(entry[kind]) ? Object.keys(entry[kind]) : []))
      .flatMap((name) => at(placeOf(path, name, entries) ?? '') ?? []);
  for (const [path, entry] of entries) {
    const id = path === '' || entry['link'] === true ? undefined : idOf(path, entries);
    if (id === undefined) continue;
    const license = text(entry['license']);
    const found: LockedPackage = {
      ecosystem: 'npm',
      ...nameAndVersion(path, entry),
      ...(path.includes('node_modules/') ? { dev: entry['dev'] === true || entry['devOptional'] === true } : {}),
      ...(entry['optional'] === true || entry['devOptional'] === true ? { optional: true } : {}),
      ...(license === undefined ? {} : { license }),
      ...hashesOf(entry['integrity']),
      needs: needsOf(path, entry, ['dependencies', 'optionalDependencies', 'peerDependencies']),
    };
    const before = named.get(keyOf(found));
    named.set(keyOf(found), before === undefined ? found : both(before, found));
  }
  const root = entries.get('') ?? {};
  const direct = needsOf('', root, ['dependencies', 'devDependencies', 'optionalDependencies', 'peerDependencies']);
  return { packages: [...named.values()], direct, gaps: [] };
}

/** The same package in two places is for development only when both are. */
const both = (one: LockedPackage, other: LockedPackage): LockedPackage => ({
  ...one,
  ...(one.dev === undefined ? {} : { dev: one.dev && other.dev === true }),
  needs: [...one.needs, ...other.needs],
});

function nameAndVersion(path: string, entry: Entry): { name: string; version: string } {
  const inFolder = path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length);
  const name = text(entry['name']) ?? (path.includes('node_modules/') ? inFolder : path);
  return { name, version: text(entry['version']) ?? '0.0.0' };
}

function idOf(path: string, entries: ReadonlyMap<string, Entry>): string | undefined {
  const entry = entries.get(path);
  return entry === undefined ? undefined : keyOf(nameAndVersion(path, entry));
}

/** As Node finds it: in the package's own folder, then in those above. */
function placeOf(from: string, name: string, entries: ReadonlyMap<string, Entry>): string | undefined {
  let folder = from;
  for (;;) {
    const place = folder === '' ? `node_modules/${name}` : `${folder}/node_modules/${name}`;
    if (entries.has(place)) return place;
    if (folder === '') return undefined;
    const up = folder.lastIndexOf('/node_modules/');
    folder = up === -1 ? '' : folder.slice(0, up);
  }
}
