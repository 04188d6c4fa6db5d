import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { baseImage, launch, placesOf, unmountBelow, whyNoEngine } from '../../scripts/docker-engine.js';
import { openEngine } from '../../src/engine/client.ts';
import { processIsThere, until } from '../keeper/harness.ts';
import { testEngine } from './engine.ts';

/** A Docker engine that may be stopped and killed: nobody else uses it. */
export interface OwnEngine {
  /** E.g. `unix:///tmp/sb-engine-x/docker.sock`; the same over every start. */
  readonly host: string;
  readonly socket: string;
  /** Returns when it answers; one that runs is left as it is. `--live-restore`: its containers outlive its end. */
  start(...args: string[]): Promise<void>;
  /** Returns when it is gone. Nothing to do: nothing is done. */
  stop(signal?: 'SIGTERM' | 'SIGKILL'): Promise<void>;
  /** Ends it and everything that runs in it, and removes its folder. */
  remove(): Promise<void>;
}

/** Why no engine of one's own can be had here, with what would enable it; null when one can. */
export function whyNoOwnEngine(): string | null {
  const shared = testEngine();
  return 'missing' in shared ? shared.missing : whyNoEngine();
}

/** A new engine that runs; it takes the base image over from the one that all tests share. */
export async function makeOwnEngine(): Promise<OwnEngine> {
  const shared = testEngine();
  if ('missing' in shared) throw new Error(shared.missing);
  const dir = mkdtempSync(join(tmpdir(), 'sb-engine-'));
  const hash = createHash('sha256').update(dir).digest();
  const places = placesOf(dir, {
    name: `sbt${hash.toString('hex').slice(0, 8)}`,
    block: 188 + ((hash[0] ?? 0) % 3),
    net: hash[1] ?? 0,
  });
  const pidOf = (): number | null => {
    const pid = existsSync(places.pid) ? Number(readFileSync(places.pid, 'utf8')) : 0;
    return pid > 0 && processIsThere(pid) ? pid : null;
  };
  const start = async (...args: string[]): Promise<void> => {
    // As a service unit would: one that comes up before the remains of a killed one are gone may give up.
    for (let attempt = 1; pidOf() === null; attempt += 1) {
      const failed = await launch(places, args).then(
        () => null,
        (cause: unknown) => cause,
      );
      if (failed !== null && attempt === 3) throw failed;
    }
  };
  const stop = async (signal: 'SIGTERM' | 'SIGKILL' = 'SIGTERM'): Promise<void> => {
    const pid = pidOf();
    if (pid === null) return;
    process.kill(pid, signal);
    await until('the engine to end', () => !processIsThere(pid), 40_000);
  };
  const remove = async (): Promise<void> => {
    // One that keeps its containers also keeps what it mounted.
    await stop();
    await start();
    await stop();
    unmountBelow(dir);
    if (existsSync(`/sys/class/net/${places.bridge.name}`)) execFileSync('ip', ['link', 'del', places.bridge.name]);
    rmSync(dir, { recursive: true, force: true });
  };
  await start();
  const [from, to] = [openEngine(shared.socket), openEngine(places.socket)];
  const image = await from.stream('GET', `/images/${encodeURIComponent(baseImage)}/get`);
  const loaded = await to.stream('POST', '/images/load', { body: image, timeoutMs: 100_000 });
  for await (const _ of loaded);
  await Promise.all([from.close(), to.close()]);
  return { host: `unix://${places.socket}`, socket: places.socket, start, stop, remove };
}
