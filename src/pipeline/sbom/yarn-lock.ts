import { hashesOf, keyOf, type LockedPackage, type LockedSet, lockUnreadable } from './locked.ts';
import { readYaml, tableOf, textOf } from './yaml-lock.ts';

interface YarnEntry {
  readonly descriptors: readonly string[];
  readonly name: string;
  readonly version: string;
  readonly integrity: string | undefined;
  /** Descriptors: `name@range`. */
  readonly needs: readonly string[];
  readonly isWorkspace: boolean;
}

/**
 * yarn.lock of Yarn 1 and of Yarn 2 and later. What is for development alone is not in it, and neither is what Yarn 1 calls direct.
 * Checksums of Yarn 2 are of its own archives and left out. Pure. @throws LOCK_UNREADABLE
 */
export function readYarnLock(file: string, content: string): LockedSet {
  const isBerry = /^__metadata:/m.test(content);
  const entries = isBerry ? readBerry(file, content) : readClassic(file, content);
  const byDescriptor = new Map(entries.flatMap((entry) => entry.descriptors.map((descriptor) => [descriptor, entry] as const)));
  const resolve = (descriptors: readonly string[]): string[] =>
    descriptors.flatMap((descriptor) => {
      const entry = byDescriptor.get(descriptor);
      return entry === undefined || entry.isWorkspace ? [] : [keyOf(entry)];
    });
  const found = new Map<string, LockedPackage>();
  for (const entry of entries.filter(({ isWorkspace }) => !isWorkspace)) {
    const { name, version, integrity } = entry;
    const before = found.get(keyOf(entry))?.needs ?? [];
    found.set(keyOf(entry), {
      ecosystem: 'npm',
      name,
      version,
      ...hashesOf(integrity),
      needs: [...before, ...resolve(entry.needs)],
    });
  }
  const direct = entries.filter(({ isWorkspace }) => isWorkspace).flatMap(({ needs }) => resolve(needs));
  return { packages: [...found.values()], direct, gaps: [] };
}

function readBerry(file: string, content: string): YarnEntry[] {
  return Object.entries(readYaml(file, content)).flatMap(([key, value]) => {
    if (key === '__metadata') return [];
    const entry = tableOf(value);
    const version = textOf(entry['version']);
    const resolution = textOf(entry['resolution']);
    const at = resolution?.indexOf('@', 1) ?? -1;
    if (version === undefined || resolution === undefined || at === -1)
      throw lockUnreadable(file, `${key.slice(0, 100)} has no version and resolution`);
    return [
      {
        descriptors: key.split(', '),
        name: resolution.slice(0, at),
        version,
        integrity: undefined,
        needs: Object.entries(tableOf(entry['dependencies'])).map(([name, range]) => `${name}@${textOf(range) ?? ''}`),
        isWorkspace: resolution.slice(at + 1).startsWith('workspace:'),
      },
    ];
  });
}

/** Indents of two; keys and values stand in quotes where they have to. */
function readClassic(file: string, content: string): YarnEntry[] {
  if (!content.includes('# yarn lockfile v1')) throw lockUnreadable(file, 'it does not say which version of Yarn wrote it');
  const entries: YarnEntry[] = [];
  let head: { descriptors: string[]; line: number; values: Map<string, string>; needs: string[] } | undefined;
  let section = '';
  const finish = (): void => {
    if (head === undefined) return;
    const version = head.values.get('version');
    const [first = ''] = head.descriptors;
    const at = first.indexOf('@', 1);
    if (version === undefined || at === -1) throw lockUnreadable(file, 'a package has no name or version', head.line);
    const alias = /^npm:((?:@[^/@]+\/)?[^@/]+)(?:@|$)/.exec(first.slice(at + 1))?.[1];
    entries.push({
      descriptors: head.descriptors,
      name: alias ?? first.slice(0, at),
      version,
      integrity: head.values.get('integrity'),
      needs: head.needs,
      isWorkspace: false,
    });
    head = undefined;
  };
  for (const [index, raw] of content.split('\n').entries()) {
    const line = raw.replace(/\r$/, '');
    if (line.trim() === '' || line.trimStart().startsWith('#')) continue;
    const indent = line.length - line.trimStart().length;
    const words = wordsOf(line.trim());
    if (words === undefined) throw lockUnreadable(file, 'it is no line of yarn.lock', index + 1);
    if (indent === 0) {
      finish();
      if (!line.endsWith(':')) throw lockUnreadable(file, 'it is no line of yarn.lock', index + 1);
      head = { descriptors: words, line: index + 1, values: new Map(), needs: [] };
    } else if (head === undefined) throw lockUnreadable(file, 'it belongs to no package', index + 1);
    else if (indent === 2 && line.endsWith(':')) section = line.trim();
    else if (indent === 2) head.values.set(words[0] ?? '', words[1] ?? '');
    else if (section === 'dependencies:' || section === 'optionalDependencies:') head.needs.push(`${words[0]}@${words[1]}`);
  }
  finish();
  return entries;
}

/** Words with or without quotes, separated by blanks or commas, a colon at the end. */
function wordsOf(line: string): string[] | undefined {
  const text = line.endsWith(':') ? line.slice(0, -1) : line;
  const words = text.match(/"[^"]*"|[^\s,"]+/g);
  return words?.map((word) => (word.startsWith('"') ? word.slice(1, -1) : word));
}
