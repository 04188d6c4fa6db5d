import { copyFile } from 'node:fs/promises';
import { join } from 'node:path';
import { SignalboxError } from '../../../../domain/errors.ts';
import type { Workload } from '../../../../domain/release.ts';
import type { Place } from '../environment.ts';
import type { Owner } from '../scratch.ts';
import { fits, findPostgres, findRedis } from './programs.ts';
import { clusterVersion, makeCluster } from './postgres-cluster.ts';

export interface SystemOptions {
  /** Search path for programs of the system. */
  readonly path: string;
  /** File of our own mail catcher, one that needs no other file. */
  readonly mailCatcher: string;
}

export interface SystemLaunch {
  /** Shell text that becomes the program. */
  readonly command: string;
  readonly program: string;
  /** Makes what lasts before it is linked into the instance's folder. */
  readonly prepare: (lasting: string, owner: Owner | null) => Promise<void>;
  /** Puts into its folder what it needs there. */
  readonly equip: (place: Place) => Promise<void>;
  /** It refuses to run as root. */
  readonly neverRoot: boolean;
}

const nothing = (): Promise<void> => Promise.resolve();

/**
 * How a workload that is a program of this system is started.
 * @param data folder of the workload that lasts, if it has one.
 * @throws START_FAILED when the program is not there (any more).
 */
export function systemLaunch(
  workload: Workload,
  env: Readonly<Record<string, string>>,
  given: { readonly data: string | undefined; readonly options: SystemOptions },
): SystemLaunch | null {
  const { artifact, run, service } = workload;
  if (artifact.given === undefined || !('system' in artifact.given)) return null;
  const { system, version } = artifact.given;
  const { data, options } = given;
  const plain = { prepare: nothing, equip: nothing, neverRoot: false };
  switch (system) {
    case 'postgres': {
      const made = data === undefined ? null : clusterVersion(data);
      const all = findPostgres(options.path);
      const server = all.find((one) => fits(one.version, made ?? version));
      if (!server) throw gone(service, `PostgreSQL ${made ?? version ?? ''}${made === null ? '' : ', which made its data'}`);
      return {
        ...plain,
        command: postgresCommand(server.file),
        program: server.file,
        neverRoot: true,
        prepare: (lasting, owner) => makeCluster({ server, lasting, owner, env }),
      };
    }
    case 'redis': {
      const server = findRedis(options.path).find((one) => fits(one.version, version));
      if (!server) throw gone(service, `redis-server ${version ?? ''}`);
      return { ...plain, command: redisCommand(server.file), program: server.file };
    }
    case 'mail-catcher':
      return {
        ...plain,
        command: `exec ${quoted(process.execPath)} --max-old-space-size=96 mail-catcher.mjs "$PORT"`,
        program: process.execPath,
        // Whoever it runs as may not be able to read where Signalbox itself is installed.
        equip: (place) => copyFile(options.mailCatcher, join(place.cwd, 'mail-catcher.mjs')),
      };
    case 'command':
      return { ...plain, command: run ?? '', program: run?.trim().split(/\s+/, 1)[0] ?? 'sh' };
  }
}

/**
 * A lock file of an earlier life is PostgreSQL's own business as long as its process could live: it knows its shared memory. After a
 * restart of the machine (or of the container that this runs in) none does, and the number in it may be somebody else's by now.
 */
const postgresCommand = (server: string): string => `
life="$(cat /proc/sys/kernel/random/boot_id) $(cut -d' ' -f22 /proc/1/stat)"
if [ "$(cat data/signalbox.life 2>/dev/null)" != "$life" ]; then
  rm -f data/postmaster.pid && printf %s "$life" >data/signalbox.life
fi
unset POSTGRES_PASSWORD
exec ${quoted(server)} -D data -c listen_addresses="$HOST" -c port="$PORT" -c unix_socket_directories= \\
  -c logging_collector=off -c log_destination=stderr -c dynamic_shared_memory_type=mmap -c fsync=on`;

/** The settings come by standard input: arguments can be read by every user of the machine. */
const redisCommand = (server: string): string => `
password=$REDIS_PASSWORD; unset REDIS_PASSWORD
exec ${quoted(server)} - <<END
bind $HOST
port $PORT
dir data
appendonly yes
requirepass $password
daemonize no
set-proc-title no
END`;

const quoted = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;

const gone = (service: string, program: string): SignalboxError =>
  new SignalboxError('START_FAILED', `${service} cannot be started: this system has no ${program.trim()} (any more).`);
