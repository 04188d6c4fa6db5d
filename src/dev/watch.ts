import { type FSWatcher, readdirSync, statSync, watch } from 'node:fs';
import { join, relative } from 'node:path';

export interface Watch {
  close(): void;
}

export interface WatchOptions {
  /** Absolute folders or files. */
  readonly paths: readonly string[];
  /** True: neither looked into nor told of. Gets absolute paths. */
  readonly ignored: (path: string) => boolean;
  /** What changed, at least once per change, gathered until nothing happens for a moment. */
  readonly onChange: (paths: readonly string[]) => void;
  /** Something cannot be watched. */
  readonly onTrouble: (what: string) => void;
}

/** Silence that ends a change, and the longest wait for it, ms: a checkout writes hundreds of files. */
const quietMs = 80;
const longestMs = 1000;
/** Folders at most; more would use up what the system allows one user. */
const mostFolders = 20_000;

/**
 * Watches folders with all that is below them, one by one: the system's recursive watch would take node_modules in. New folders are
 * taken in, and what is in them by then is told of.
 */
export function watchPaths({ paths, ignored, onChange, onTrouble }: WatchOptions): Watch {
  const watchers = new Map<string, FSWatcher>();
  let changed = new Set<string>();
  let since = 0;
  let timer: NodeJS.Timeout | undefined;
  let troubled = false;
  let closed = false;

  const flush = (): void => {
    const gathered = [...changed];
    changed = new Set();
    timer = undefined;
    onChange(gathered);
  };
  const tell = (path: string): void => {
    if (closed) return;
    const now = performance.now();
    if (changed.size === 0) since = now;
    changed.add(path);
    clearTimeout(timer);
    timer = setTimeout(flush, Math.max(0, Math.min(quietMs, since + longestMs - now)));
  };
  const trouble = (what: string): void => {
    if (!troubled) onTrouble(what);
    troubled = true;
  };
  const follow = (folder: string, fresh: boolean): void => {
    if (closed || watchers.has(folder)) return;
    if (watchers.size >= mostFolders) {
      trouble(`More than ${mostFolders} folders; changes below ${folder} are not seen. Name what counts under dev.watch.`);
      return;
    }
    try {
      const watcher = watch(folder, { persistent: false }, (_event, name) => {
        if (name === null) return;
        const path = join(folder, name);
        if (ignored(path)) return;
        if (kindOf(path) === 'folder') follow(path, true);
        else tell(path);
      });
      watcher.on('error', () => {
        watcher.close();
        watchers.delete(folder);
      });
      watchers.set(folder, watcher);
    } catch (cause) {
      const { code } = cause as NodeJS.ErrnoException;
      if (code === 'ENOSPC' || code === 'EMFILE')
        trouble(
          `The system lets this user watch no more folders; changes below ${folder} are not seen. Raise fs.inotify.max_user_watches.`,
        );
      return;
    }
    for (const entry of entriesOf(folder)) {
      const path = join(folder, entry.name);
      if (ignored(path)) continue;
      if (entry.isDirectory()) follow(path, fresh);
      else if (fresh) tell(path);
    }
  };
  for (const path of paths) {
    const kind = kindOf(path);
    if (kind === 'folder') follow(path, false);
    else watchOne(path);
  }

  /** By its folder: editors replace files. */
  function watchOne(path: string): void {
    const folder = join(path, '..');
    const key = `file ${path}`;
    if (watchers.has(key) || kindOf(folder) !== 'folder') return;
    try {
      const watcher = watch(folder, { persistent: false }, (_event, name) => {
        if (name !== null && join(folder, name) === path) tell(path);
      });
      watcher.on('error', () => watcher.close());
      watchers.set(key, watcher);
    } catch {
      trouble(`${path} cannot be watched.`);
    }
  }
  return {
    close: () => {
      closed = true;
      clearTimeout(timer);
      for (const watcher of watchers.values()) watcher.close();
      watchers.clear();
    },
  };
}

function kindOf(path: string): 'folder' | 'file' | 'gone' {
  const stat = statSync(path, { throwIfNoEntry: false });
  return stat === undefined ? 'gone' : stat.isDirectory() ? 'folder' : 'file';
}

function entriesOf(folder: string) {
  try {
    return readdirSync(folder, { withFileTypes: true });
  } catch {
    return [];
  }
}

const foreign = new Set(
  'node_modules .git .hg .svn .venv venv __pycache__ .pytest_cache .mypy_cache .ruff_cache .tox .next .nuxt .output .svelte-kit .astro .angular .turbo .cache .parcel-cache .vite .nyc_output coverage .idea .vscode .signalbox'.split(
    ' ',
  ),
);
const outputs = new Set('dist build out target tmp logs'.split(' '));
const noSource =
  /(?:~|\.(?:log|pid|sock|tmp|temp|swp|swx|swo|part|sqlite3?(?:-(?:wal|shm|journal))?|db(?:-(?:wal|shm|journal))?|tsbuildinfo|pyc|rdb|aof))$|^(?:\.DS_Store|4913|\.#.*)$/;

/**
 * What is no source: dependencies, caches, build results, data, what editors leave. `named` (relative paths of the service's command)
 * are source even where their folder usually is none.
 */
export function noSourceIn(
  folder: string,
  given: { readonly data: readonly string[]; readonly named: readonly string[] },
): (path: string) => boolean {
  return (path) => {
    const inside = relative(folder, path);
    if (inside === '' || inside.startsWith('..')) return false;
    const segments = inside.split('/');
    if (segments.some((segment) => foreign.has(segment))) return true;
    if (given.data.some((data) => inside === data || inside.startsWith(`${data}/`))) return true;
    if (outputs.has(segments[0] ?? '') && !given.named.some((name) => name === segments[0] || name.startsWith(`${segments[0]}/`)))
      return true;
    return noSource.test(segments.at(-1) ?? '');
  };
}
