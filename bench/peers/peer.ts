import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer } from 'node:net';
import { join } from 'node:path';
import { waitFor } from '../kit/processes.ts';

/** A proxy (or backend) that runs, with what it takes to end it. */
export interface Running {
  readonly name: string;
  readonly version: string;
  readonly port: number;
  readonly pid: number;
  stop(): Promise<void>;
}

export interface PeerSpec {
  readonly name: string;
  readonly program: string;
  readonly argv: readonly string[];
  readonly port: number;
  readonly version: string;
  readonly environment?: Readonly<Record<string, string>>;
}

/** Where Debian puts programs that only root's PATH has. */
const searched = [...(process.env['PATH'] ?? '').split(':'), '/usr/sbin', '/usr/local/sbin'];

/** @returns the first line of what the program says of its version, undefined when it is not there. */
export async function versionOf(program: string, ...words: string[]): Promise<string | undefined> {
  for (const folder of searched) {
    const said = await new Promise<string | undefined>((resolve) => {
      execFile(join(folder, program), words, (error, stdout, stderr) => {
        const gone = error !== null && 'code' in error && (error.code === 'ENOENT' || error.code === 'EACCES');
        resolve(gone ? undefined : `${stdout}${stderr}`.trim().split('\n')[0]);
      });
    });
    if (said !== undefined) return said;
  }
  return undefined;
}

/** @returns ports that were free a moment ago. */
export async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer());
  for (const server of servers) await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const ports = servers.map((server) => (server.address() as AddressInfo).port);
  for (const server of servers) await new Promise((resolve) => server.close(resolve));
  return ports;
}

/** Starts a program in the foreground and waits until its port answers. @throws Error with what it printed. */
export async function startPeer(spec: PeerSpec): Promise<Running> {
  const environment = { PATH: searched.join(':'), ...spec.environment };
  const child = spawn(spec.program, [...spec.argv], { env: environment, stdio: ['ignore', 'pipe', 'pipe'] });
  let printed = '';
  for (const output of [child.stdout, child.stderr]) {
    output.on('data', (chunk) => {
      printed = (printed + String(chunk)).slice(-4000);
    });
  }
  const failed = once(child, 'error').then(([cause]) => {
    throw new Error(`${spec.program} could not be started.`, { cause });
  });
  failed.catch(() => undefined);
  const stop = (): Promise<void> => end(child);
  try {
    await Promise.race([
      failed,
      waitFor(`${spec.name} listening on ${spec.port}`, 10_000, async () => {
        if (child.exitCode !== null) throw new Error(`${spec.name} ended with ${child.exitCode}: ${printed}`);
        return (await answers(spec.port)) ? true : undefined;
      }),
    ]);
  } catch (error) {
    await stop();
    throw error;
  }
  return { name: spec.name, version: spec.version, port: spec.port, pid: child.pid!, stop };
}

/** SIGTERM, then SIGKILL after two seconds. */
export async function end(child: ChildProcess): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), 2000);
  await exited;
  clearTimeout(timer);
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => resolve(true));
    socket.once('error', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });
}
