import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { quantile } from '../kit/result.ts';

const run = promisify(execFile);

export interface Shot {
  readonly port: number;
  readonly host: string;
  readonly path: string;
  readonly connections: number;
  readonly seconds: number;
  /** Size of a POST's body, bytes; undefined: GET. */
  readonly postBytes?: number;
}

/** Closed loop over kept connections. @returns requests per second. @throws Error when anything but a 2xx came back. */
export async function closedLoop(shot: Shot, folder: string): Promise<number> {
  const words = ['-t1', `-c${shot.connections}`, `-d${shot.seconds}s`, '--timeout', '10s', '-H', `Host: ${shot.host}`];
  if (shot.postBytes !== undefined) {
    const script = join(folder, `post-${shot.postBytes}.lua`);
    await writeFile(script, `wrk.method = "POST"\nwrk.body = string.rep("x", ${shot.postBytes})\n`);
    words.push('-s', script);
  }
  const { stdout } = await run('wrk', [...words, `http://127.0.0.1:${shot.port}${shot.path}`]);
  const faults = /Non-2xx or 3xx responses: \d+|Socket errors: .*/.exec(stdout)?.[0];
  if (faults !== undefined) throw new Error(`${shot.host} on port ${shot.port}: ${faults}`);
  const rate = Number(/Requests\/sec:\s+([\d.]+)/.exec(stdout)?.[1]);
  if (!(rate > 0)) throw new Error(`wrk measured nothing: ${stdout}`);
  return rate;
}

export interface Latency {
  readonly p50: number;
  readonly p99: number;
  readonly requests: number;
}

/** Open loop at a fixed rate over all connections. @returns ms. @throws Error when anything but a 2xx came back. */
export async function openLoop(shot: Shot, rate: number, folder: string): Promise<Latency> {
  const log = join(folder, `h2load-${shot.port}.log`);
  await writeFile(log, '');
  const clients = [
    '-t',
    '1',
    '-c',
    String(shot.connections),
    '-D',
    String(shot.seconds),
    '--rps',
    String(rate / shot.connections),
  ];
  const address = ['--connect-to', `127.0.0.1:${shot.port}`, `http://${shot.host}${shot.path}`];
  await run('h2load', ['--h1', '--log-file', log, ...clients, ...address]);
  const lines = (await readFile(log, 'utf8')).trim().split('\n');
  const fields = lines.map((line) => line.split('\t').map(Number));
  const bad = fields.filter(([, status = 0]) => status < 200 || status > 299).length;
  if (bad > 0)
    throw new Error(`${bad} of ${fields.length} requests to ${shot.host} on port ${shot.port} failed in the open loop`);
  const times = fields.map(([, , microseconds = 0]) => microseconds / 1000);
  return { p50: quantile(times, 0.5), p99: quantile(times, 0.99), requests: times.length };
}
