import { hashesOf, keyOf, type LockedPackage, type LockedSet, lockUnreadable } from './locked.ts';
import { readYaml, type Table, tableOf, textOf } from './yaml-lock.ts';

/** pnpm-lock.yaml of pnpm 8 (version 6) and of 9 and later (version 9). Pure. @throws LOCK_UNREADABLE */
export function readPnpmLock(file: string, content: string): LockedSet {
  const lock = readYaml(file, content);
  const version = textOf(lock['lockfileVersion']) ?? '';
  if (!/^[69]\./.test(version)) throw lockUnreadable(file, `its version is ${JSON.stringify(version)}, and 6 and 9 are read`);
  const packages = tableOf(lock['packages']);
  // Since version 9 what a package needs stands apart, once for each set of peers.
  const snapshots = version.startsWith('9.') ? tableOf(lock['snapshots']) : packages;
  const importers = lock['importers'] === undefined ? [lock] : Object.values(tableOf(lock['importers'])).map(tableOf);
  const nodes = new Map(Object.entries(snapshots).map(([key, value]) => [trimmed(key), tableOf(value)]));
  const live = reach(
    nodes,
    importers.flatMap((importer) => edges(importer, ['dependencies', 'optionalDependencies'])),
  );
  const instancesOf = new Map<string, [string, Table][]>();
  for (const node of nodes) {
    const plain = withoutPeers(node[0]);
    instancesOf.set(plain, [...(instancesOf.get(plain) ?? []), node]);
  }
  const found = new Map<string, LockedPackage>();
  for (const [raw, value] of Object.entries(packages)) {
    const entry = tableOf(value);
    const id = identify(trimmed(raw), entry);
    if (id === undefined) throw lockUnreadable(file, `${raw.slice(0, 100)} names no package and version`);
    const instances = instancesOf.get(withoutPeers(trimmed(raw))) ?? [];
    found.set(keyOf(id), {
      ecosystem: 'npm',
      ...id,
      dev: !instances.some(([key]) => live.has(key)),
      ...(instances.some(([, node]) => textOf(node['optional']) === 'true') ? { optional: true } : {}),
      ...hashesOf(tableOf(entry['resolution'])['integrity']),
      needs: instances.flatMap(([, node]) => edges(node, ['dependencies', 'optionalDependencies']).map(withoutPeers)),
    });
  }
  const direct = importers.flatMap((importer) =>
    edges(importer, ['dependencies', 'devDependencies', 'optionalDependencies']).map(withoutPeers),
  );
  return { packages: [...found.values()], direct, gaps: [] };
}

/** Version 6 begins its keys with a slash. */
const trimmed = (key: string): string => (key.startsWith('/') ? key.slice(1) : key);

/** `a@1.0.0(react@18.2.0)` -> `a@1.0.0` */
const withoutPeers = (key: string): string => key.replace(/\(.*$/, '');

function identify(key: string, entry: Table): { name: string; version: string } | undefined {
  const plain = withoutPeers(key);
  const at = plain.indexOf('@', 1);
  const name = textOf(entry['name']) ?? (at === -1 ? undefined : plain.slice(0, at));
  const version = textOf(entry['version']) ?? (at === -1 ? undefined : plain.slice(at + 1));
  return name === undefined || version === undefined || version === '' ? undefined : { name, version };
}

/** Keys of what an importer or a package needs; other packages of the workspace are left out. */
function edges(from: Table, kinds: readonly string[]): string[] {
  return kinds.flatMap((kind) =>
    Object.entries(tableOf(from[kind])).flatMap(([name, value]) => {
      const version = textOf(value) ?? textOf(tableOf(value)['version']);
      if (version === undefined || version.startsWith('link:')) return [];
      // An alias, or an address, names its package itself.
      const full = trimmed(version);
      return [version.startsWith('/') || /^@?[a-z0-9][^(]*@/i.test(full.replace(/\(.*$/, '')) ? full : `${name}@${full}`];
    }),
  );
}

function reach(nodes: ReadonlyMap<string, Table>, start: readonly string[]): ReadonlySet<string> {
  const seen = new Set<string>();
  const queue = [...start];
  for (let key = queue.pop(); key !== undefined; key = queue.pop()) {
    if (seen.has(key)) continue;
    seen.add(key);
    queue.push(...edges(nodes.get(key) ?? {}, ['dependencies', 'optionalDependencies']));
  }
  return seen;
}
