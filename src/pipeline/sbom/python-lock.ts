import { keyOf, type LockedPackage, type LockedSet, lockUnreadable } from './locked.ts';

/** As the index compares names (PEP 503). */
const normal = (name: string): string => name.toLowerCase().replaceAll(/[-_.]+/g, '-');

/** requirements.txt: only what is pinned by `==` is known; every other line is a gap. Pure. */
export function readRequirements(file: string, content: string): LockedSet {
  const packages = new Map<string, LockedPackage>();
  const gaps: string[] = [];
  for (const raw of content.replaceAll(/\\\r?\n/g, ' ').split('\n')) {
    const line = raw.replace(/(?:^|\s)#.*$/, '').trim();
    if (
      line === '' ||
      /^--?(?:i|index-url|extra-index-url|find-links|f|trusted-host|no-binary|only-binary|require-hashes|pre)\b/.test(line)
    )
      continue;
    const [, name, version] =
      /^([A-Za-z0-9](?:[A-Za-z0-9._-]{0,100}[A-Za-z0-9])?)\s*(?:\[[^\]]{0,200}\])?\s*={2,3}\s*([A-Za-z0-9][A-Za-z0-9._+!-]{0,100})\s*(?:;|--hash|$)/.exec(
        line,
      ) ?? [];
    if (name === undefined || version === undefined) {
      gaps.push(`${file}: ${JSON.stringify(line.slice(0, 80))} pins no version`);
      continue;
    }
    const found: LockedPackage = { ecosystem: 'pypi', name: normal(name), version, needs: [] };
    packages.set(keyOf(found), found);
  }
  return { packages: [...packages.values()], direct: [...packages.keys()], gaps };
}

interface Block {
  readonly values: Map<string, string>;
  readonly needs: string[];
}

/** poetry.lock and uv.lock. Only what they write is understood of TOML. Pure. @throws LOCK_UNREADABLE */
export function readTomlLock(file: string, content: string): LockedSet {
  const blocks = blocksOf(file, content);
  const versions = new Map<string, string[]>();
  const named = blocks.map((block) => {
    const name = block.values.get('name');
    const version = block.values.get('version');
    if (name === undefined) throw lockUnreadable(file, 'a package has no name');
    if (version !== undefined) versions.set(normal(name), [...(versions.get(normal(name)) ?? []), version]);
    return { block, name: normal(name), version };
  });
  // A name with several versions, by platform, leads to all of them.
  const keysOf = (needs: readonly string[]): string[] =>
    needs.flatMap((need) => (versions.get(normal(need)) ?? []).map((version) => `${normal(need)}@${version}`));
  const isOwn = (block: Block): boolean => /\b(?:editable|virtual|workspace)\b/.test(block.values.get('source') ?? '');
  const packages = named.flatMap(({ block, name, version }): LockedPackage[] => {
    if (isOwn(block)) return [];
    if (version === undefined) throw lockUnreadable(file, `${name} has no version`);
    return [
      {
        ecosystem: 'pypi',
        name,
        version,
        ...(block.values.get('optional') === 'true' ? { optional: true } : {}),
        needs: keysOf(block.needs),
      },
    ];
  });
  return { packages, direct: named.filter(({ block }) => isOwn(block)).flatMap(({ block }) => keysOf(block.needs)), gaps: [] };
}

function blocksOf(file: string, content: string): Block[] {
  const blocks: Block[] = [];
  let table = '';
  let list: string | undefined;
  for (const [index, raw] of content.split('\n').entries()) {
    const line = raw.trim();
    const block = blocks.at(-1);
    if (list !== undefined) {
      if (line.startsWith(']')) list = undefined;
      else if (list === 'dependencies' && block !== undefined) {
        const name = /\bname = "([^"]{1,200})"/.exec(line)?.[1];
        if (name !== undefined) block.needs.push(name);
      }
      continue;
    }
    if (line === '' || line.startsWith('#')) continue;
    const header = /^\[{1,2}([^\]]{1,200})\]{1,2}$/.exec(line)?.[1]?.trim();
    if (header !== undefined) {
      table = header;
      if (header === 'package') blocks.push({ values: new Map(), needs: [] });
      continue;
    }
    const [, key = '', value = ''] = /^("[^"]{1,200}"|[A-Za-z0-9_.-]{1,200}) = (.{1,100000})$/.exec(line) ?? [];
    if (key === '') throw lockUnreadable(file, 'it is no line that poetry or uv writes', index + 1);
    if (value === '[') list = table === 'package' ? key : `${table}.${key}`;
    else if (block !== undefined && table === 'package') {
      block.values.set(key, value.replace(/^"(.*)"$/, '$1'));
      if (key === 'dependencies') for (const [, name = ''] of value.matchAll(/\bname = "([^"]{1,200})"/g)) block.needs.push(name);
    } else if (block !== undefined && table === 'package.dependencies') block.needs.push(key.replaceAll('"', ''));
  }
  if (list !== undefined) throw lockUnreadable(file, 'it ends within a list; it may have been cut off');
  return blocks;
}
