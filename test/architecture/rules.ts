import type { Import, SourceFile } from './source.ts';

/** One broken rule, as a sentence that says where and what to do. */
export type Finding = string;

export interface Rule {
  readonly says: string;
  find(files: readonly SourceFile[]): Finding[];
}

/**
 * Which room may import what. A name stands for everything below that folder of src/ (or for that one file); `types:` allows
 * `import type` only. A room may always import itself; an adapter is a room of its own. What is not listed is refused.
 */
export type Rooms = Readonly<Record<string, readonly string[]>>;

/** The room of a file: `domain`, `daemon`, `adapters/store/sqlite`; null when it lies outside every room. */
export function roomOf(path: string): string | null {
  if (path.startsWith('dashboard/')) return 'dashboard';
  const [src, room, kind, name, file] = path.replace(/\.(ts|tsx|js)$/, '').split('/');
  if (src !== 'src' || room === undefined) return null;
  if (room !== 'adapters') return room;
  return kind !== undefined && name !== undefined && file !== undefined ? `adapters/${kind}/${name}` : null;
}

export function importDirections(rooms: Rooms): Rule {
  const allowedIn = (room: string): readonly string[] | undefined =>
    rooms[room] ?? (room.startsWith('adapters/') ? rooms['adapters'] : undefined);
  return {
    says: 'each room imports only what the table allows',
    find: (files) =>
      files.filter(inProduct).flatMap((file) => {
        const room = roomOf(file.path);
        const allowed = room === null ? undefined : allowedIn(room);
        if (room === null || allowed === undefined) return [`${file.path} lies in no room of the table`];
        return file.imports
          .filter((i) => i.ours && !isAllowed(i, { room, allowed }))
          .map((i) => `${file.path}:${i.line} imports ${i.to}; ${room} may import ${['itself', ...allowed].join(', ')}`);
      }),
  };
}

function isAllowed(wanted: Import, from: { room: string; allowed: readonly string[] }): boolean {
  const below = (name: string): boolean => {
    const base = name === 'dashboard' ? name : `src/${name}`;
    return wanted.to.startsWith(`${base}/`) || wanted.to.replace(/\.ts$/, '') === base;
  };
  if (below(from.room)) return true;
  return from.allowed.some((entry) => {
    if (entry === '*') return wanted.to.startsWith('src/');
    return entry.startsWith('types:') ? wanted.typeOnly && below(entry.slice('types:'.length)) : below(entry);
  });
}

/** Type imports count too: two files that need each other's types are one thing in two places. */
export const noCycles: Rule = {
  says: 'no file imports itself in a circle',
  find(files) {
    const byPath = new Map(files.map((f) => [f.path, f]));
    const done = new Set<string>();
    const found: Finding[] = [];
    const walk = (path: string, trail: readonly string[]): void => {
      if (trail.includes(path)) {
        found.push([...trail.slice(trail.indexOf(path)), path].join(' -> '));
        return;
      }
      const file = byPath.get(path);
      if (file === undefined || done.has(path)) return;
      for (const i of file.imports) if (i.ours) walk(i.to, [...trail, path]);
      done.add(path);
    };
    for (const file of files) walk(file.path, []);
    return found;
  },
};

/** Clock, chance and world come in as arguments. */
export const pureDomain: Rule = {
  says: 'domain and ports use no package, no node module, no clock, no timer, no chance, no process',
  find: (files) =>
    files
      .filter((f) => ['domain', 'ports'].includes(roomOf(f.path) ?? ''))
      .flatMap((f) => [
        ...f.imports.filter((i) => !i.ours).map((i) => `${f.path}:${i.line} imports ${i.to}`),
        ...f.reaches.map((r) => `${f.path}:${r.line} uses ${r.what}`),
      ]),
};

export const environmentOnlyInConfig: Rule = {
  says: 'the environment is read in config alone',
  find: (files) =>
    files
      .filter((f) => inProduct(f) && roomOf(f.path) !== 'config')
      .flatMap((f) => [
        ...f.reaches.filter((r) => r.what === 'process.env').map((r) => `${f.path}:${r.line} reads process.env`),
        ...f.imports.filter((i) => /^(node:)?process$/.test(i.to)).map((i) => `${f.path}:${i.line} imports ${i.to}`),
      ]),
};

/** `rooms`: where programs may be started. */
export function childProcessesOnlyIn(rooms: readonly string[]): Rule {
  return {
    says: `child processes are started only in ${rooms.join(', ')}`,
    find: (files) =>
      files
        .filter((f) => inProduct(f) && !rooms.includes((roomOf(f.path) ?? '').split('/')[0] ?? ''))
        .flatMap((f) =>
          f.imports
            .filter((i) => /^(node:)?(child_process|cluster)$/.test(i.to))
            .map((i) => `${f.path}:${i.line} imports ${i.to}`),
        ),
  };
}

export const shortFiles: Rule = {
  says: 'no file is longer than 500 lines',
  find: (files) => files.filter((f) => f.lines > 500).map((f) => `${f.path} has ${f.lines} lines`),
};

export const noBarrels: Rule = {
  says: 'no barrels: every import names the file that has it',
  find: (files) => files.flatMap((f) => f.starExports.map((e) => `${f.path}:${e.line} ${e.what}`)),
};

export const noOnly: Rule = {
  says: 'no test silences the others',
  find: (files) => files.flatMap((f) => f.onlys.map((o) => `${f.path}:${o.line} ${o.what}`)),
};

/** Such a name says that nobody knew what the file is for. */
export const tellingNames: Rule = {
  says: 'no file or folder is called util, helper, manager or the like',
  find: (files) =>
    files
      .filter((f) =>
        f.path
          .split('/')
          .some((part) => /^(utils?|helpers?|managers?|misc|common|shared)(\.|$)|[-.](utils?|helpers?|manager)(\.|$)/.test(part)),
      )
      .map((f) => f.path),
};

function inProduct(file: SourceFile): boolean {
  return file.path.startsWith('src/') || file.path.startsWith('dashboard/');
}
