import { createHash } from 'node:crypto';
import { join } from 'node:path';

/** Where everything of one installation lives. Computing it touches no disk; `home-folders.ts` makes the folders. */
export interface HomeLayout {
  readonly root: string;
  /** All decisions (SQLite). */
  readonly database: string;
  /** Held by the one control plane of this home. */
  readonly lock: string;
  /** Last route table of the data plane. */
  readonly proxy: string;
  /** `<app>/<build key>/`. */
  readonly artifacts: string;
  /** `<app>/<build key>.json`: what is known of images besides what the engine says. */
  readonly images: string;
  /** Names the runtime of what runs here. */
  readonly runtime: string;
  /** `<app>/<environment>/<workload>/`. */
  readonly logs: string;
  readonly controlPlaneLog: string;
  /** Mode 0700, files 0600. */
  readonly keys: string;
  readonly apiToken: string;
  /** `<app>/<environment>/<NAME>/<version>.secret`: encrypted. Mode 0700, files 0600. */
  readonly secrets: string;
  readonly secretsKey: string;
  /** What the records of running instances are sealed with: their variables hold secrets. */
  readonly recordKey: string;
  /** `<name>.crt` and `<name>.key`: what HTTPS is served with. Mode 0700. */
  readonly certificates: string;
  /** The authority for names of this machine. Mode 0700. */
  readonly localAuthority: string;
  /** Bare repositories, `<app>.git`. */
  readonly sources: string;
  /** Bundles and build inputs on their way; empty between requests. */
  readonly incoming: string;
  /** Sockets. Outside the home when its path is too long for one. */
  readonly run: string;
  readonly apiSocket: string;
  readonly keeperSocket: string;
  /** `<app>/<environment>/<folder>`: what instances write and keep. */
  readonly persist: string;
  /** `<app>/<environment>/<workload>/`: what instances write and lose. */
  readonly scratch: string;
}

/** Bytes of a unix socket's path that every kernel of interest accepts. */
const longestSocketPath = 107;
/** Room for the longest socket name used below `run`, with its slash. */
const longestSocketName = 40;

/**
 * @param root absolute path of $SIGNALBOX_HOME.
 * @param uid of the owner; part of the name of the fallback folder, so that two users never share one.
 */
export function homeLayout(root: string, uid: number): HomeLayout {
  const inside = join(root, 'run');
  const fits = Buffer.byteLength(inside) + longestSocketName <= longestSocketPath;
  const run = fits ? inside : `/tmp/signalbox-${uid}-${createHash('sha256').update(root).digest('hex').slice(0, 12)}`;
  return {
    root,
    database: join(root, 'signalbox.db'),
    lock: join(root, 'signalbox.lock'),
    proxy: join(root, 'proxy'),
    artifacts: join(root, 'artifacts'),
    images: join(root, 'images'),
    runtime: join(root, 'runtime'),
    logs: join(root, 'logs'),
    controlPlaneLog: join(root, 'logs', 'control-plane.log'),
    keys: join(root, 'keys'),
    apiToken: join(root, 'keys', 'api-token'),
    secrets: join(root, 'secrets'),
    secretsKey: join(root, 'keys', 'secrets.key'),
    recordKey: join(root, 'keys', 'records.key'),
    certificates: join(root, 'certificates'),
    localAuthority: join(root, 'local-ca'),
    sources: join(root, 'sources'),
    incoming: join(root, 'incoming'),
    run,
    apiSocket: join(run, 'api.sock'),
    keeperSocket: join(run, 'keeper.sock'),
    persist: join(root, 'persist'),
    scratch: join(root, 'scratch'),
  };
}
