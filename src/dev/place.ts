import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, realpathSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { isAlive, markedProcesses, type ProcessIdentity, identify } from '../keeper/processes.ts';

/** What one repository's development keeps outside of it, so that nothing appears in its folder. */
export interface DevPlace {
  /** `$SIGNALBOX_HOME/dev/<app>-<hash of the folder>`. */
  readonly root: string;
  /** In front of the marker of everything that is started; the same for the same folder, another for every other. */
  readonly id: string;
}

export function devPlace(home: string, app: string, folder: string): DevPlace {
  const real = realpathSync(folder);
  const id = createHash('sha256').update(`${home}\0${real}`).digest('hex').slice(0, 12);
  return { root: join(home, 'dev', `${app}-${id}`), id: `dev${id}` };
}

/** Who develops this folder at the moment. */
export interface Holder {
  readonly process: ProcessIdentity;
  /** Undefined until it listens. */
  readonly url?: string;
}

export interface Held {
  /** Says where it is to be found. */
  tell(url: string): void;
  release(): void;
}

/**
 * One `signalbox dev` per folder: a name in the kernel that is gone at the very instant its process is.
 * @returns the other one, when there is one.
 */
export async function holdPlace({ root, id }: DevPlace): Promise<Held | { readonly holder: Holder | null }> {
  mkdirSync(root, { recursive: true, mode: 0o700 });
  const file = join(root, 'running.json');
  const server = await listen(`\0signalbox-${id}-${process.getuid?.() ?? 0}`);
  if (server === null) return { holder: readHolder(file) };
  const write = (url?: string): void => {
    const holder = { process: identify(process.pid), ...(url === undefined ? {} : { url }) };
    writeFileSync(`${file}.draft`, JSON.stringify(holder), { mode: 0o600 });
    renameSync(`${file}.draft`, file);
  };
  write();
  return {
    tell: write,
    release: () => {
      rmSync(file, { force: true });
      server.close();
    },
  };
}

function listen(name: string): Promise<Server | null> {
  const server = createServer((socket) => socket.destroy());
  return new Promise((resolve, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) => (cause.code === 'EADDRINUSE' ? resolve(null) : reject(cause)));
    server.listen(name, () => {
      server.unref();
      resolve(server);
    });
  });
}

function readHolder(file: string): Holder | null {
  try {
    const holder = JSON.parse(readFileSync(file, 'utf8')) as Holder;
    return isAlive(holder.process) ? holder : null;
  } catch {
    return null;
  }
}

/** Marker of one thing of this folder. */
export const markerOf = ({ id }: DevPlace, name: string): string => `${id}:${name}`;

/** How long what was left behind may take to end by itself, ms. */
const graceMs = 2000;

/**
 * Ends what an earlier run of this very folder left behind when it was killed; nothing else carries its marker.
 * @param patienceMs between SIGTERM and SIGKILL; 0: at once.
 * @returns how many processes there were.
 */
export async function endLeftovers({ id }: DevPlace, patienceMs = graceMs): Promise<number> {
  const ours = async (): Promise<ProcessIdentity[]> =>
    (await markedProcesses()).filter(({ marker }) => marker.startsWith(`${id}:`)).map((found) => found.process);
  const found = await ours();
  const started = performance.now();
  for (let alive = found, round = 0; alive.length > 0; alive = await ours(), round++) {
    for (const one of alive)
      signal(one, round === 0 && patienceMs > 0 ? 'SIGTERM' : performance.now() - started >= patienceMs ? 'SIGKILL' : undefined);
    await wait(50);
  }
  return found.length;
}

function signal(target: ProcessIdentity, name: 'SIGTERM' | 'SIGKILL' | undefined): void {
  if (name === undefined || !isAlive(target)) return;
  try {
    process.kill(target.pid, name);
  } catch {
    // It ended just now, or it is not ours to signal; the next look tells.
  }
}
