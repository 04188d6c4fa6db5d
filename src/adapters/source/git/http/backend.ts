import { type ChildProcess, spawn } from 'node:child_process';
import type { Duplex, Readable, Writable } from 'node:stream';
import { bareEnvironment, fixedSettings } from '../git.ts';

/** One request as git's CGI program understands it. */
export interface BackendCall {
  /** Folder of the repositories. */
  readonly folder: string;
  readonly searchPath: string;
  readonly hooks: string;
  /** `/shop.git/info/refs`. */
  readonly path: string;
  readonly query: string;
  readonly method: string;
  readonly contentType: string;
  /** `version=2`, or nothing. */
  readonly protocol: string;
  readonly pusher: string;
  /** Bytes of a pack that are still taken. */
  readonly maxPackBytes: number;
}

export interface Backend {
  readonly child: ChildProcess;
  readonly input: Writable;
  readonly output: Readable;
  /** The other end of the hook's questions and answers. */
  readonly hook: Duplex;
  /** What is written here is read by the pusher. */
  readonly report: Writable;
  /** The last words on its standard error. */
  lastWords(): string;
  /** Ends git and all that it has started: politely, so that it tidies up, then by force. */
  end(): void;
}

const settings = ({ hooks, maxPackBytes }: BackendCall): readonly string[] =>
  [
    'http.receivepack=true',
    'http.uploadpack=true',
    'http.getanyfile=false',
    `core.hooksPath=${hooks}`,
    'core.logAllRefUpdates=false',
    // What we keep for ourselves is neither shown nor moved by others.
    'transfer.hideRefs=refs/signalbox',
    'transfer.hideRefs=refs/incoming',
    'transfer.fsckObjects=true',
    // What old tools wrote and every forge takes.
    'receive.fsck.zeroPaddedFilemode=ignore',
    'receive.fsck.badTimezone=ignore',
    'receive.fsck.missingSpaceBeforeDate=ignore',
    // Every ref is decided on by the hook.
    'receive.procReceiveRefs=refs',
    `receive.maxInputSize=${maxPackBytes}`,
    // Packs stay whole: the one that is just coming in is marked as not to be tidied away.
    'receive.unpackLimit=1',
    'receive.autogc=false',
    'receive.denyNonFastForwards=false',
    'receive.denyDeletes=false',
    'receive.denyDeleteCurrent=ignore',
    'receive.denyCurrentBranch=ignore',
    'receive.advertiseAtomic=false',
    'receive.advertisePushOptions=false',
    'uploadpack.allowFilter=true',
  ].flatMap((setting) => ['-c', setting]);

/** Starts git's own `http-backend`, without a shell, a user's settings or an environment. */
export function startBackend(call: BackendCall): Backend {
  const child = spawn('git', [...fixedSettings, ...settings(call), 'http-backend'], {
    cwd: '/',
    env: {
      ...bareEnvironment(call.searchPath),
      GIT_PROJECT_ROOT: call.folder,
      GIT_HTTP_EXPORT_ALL: '1',
      GIT_PROTOCOL: call.protocol,
      PATH_INFO: call.path,
      QUERY_STRING: call.query,
      REQUEST_METHOD: call.method,
      CONTENT_TYPE: call.contentType,
      REMOTE_USER: call.pusher,
      GATEWAY_INTERFACE: 'CGI/1.1',
      SERVER_PROTOCOL: 'HTTP/1.1',
    },
    stdio: ['pipe', 'pipe', 'pipe', 'pipe', 'pipe'],
    detached: true,
  });
  let words = '';
  child.stderr?.on('data', (chunk: Buffer) => {
    words = (words + chunk.toString('utf8')).slice(-4096);
  });
  const [input, output, , hook, report] = child.stdio as unknown as [Writable, Readable, Readable, Duplex, Duplex];
  // Whoever has ended cannot be written to any more; that shows elsewhere.
  for (const stream of [input, hook, report]) stream.on('error', () => undefined);
  report.resume();
  let ended = false;
  return {
    child,
    input,
    output,
    hook,
    report,
    lastWords: () => words.trim().split('\n').slice(-3).join('; '),
    end: () => {
      if (ended) return;
      ended = true;
      signalGroup(child, 'SIGTERM');
      const timer = setTimeout(() => signalGroup(child, 'SIGKILL'), 2000);
      child.once('close', () => clearTimeout(timer));
    },
  };
}

function signalGroup(child: ChildProcess, signal: 'SIGTERM' | 'SIGKILL'): void {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  try {
    process.kill(-child.pid, signal);
  } catch {
    child.kill(signal);
  }
}
