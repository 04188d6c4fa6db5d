import { createHash } from 'node:crypto';
import { mkdirSync, realpathSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { systemIds } from './adapters/clock/system/clock.ts';
import { filePasswords } from './adapters/passwords/files/passwords.ts';
import { httpProber } from './adapters/prober/http/prober.ts';
import { openKeeper } from './adapters/runtime/process/keeper-calls.ts';
import { openProcessRuntime } from './adapters/runtime/process/runtime.ts';
import { accessoryObstacle } from './adapters/runtime/process/system/available.ts';
import { workRoot } from './adapters/runtime/process/work-root.ts';
import { homeLayout } from './config/home.ts';
import { type AccessoryHost, type AccessoryPorts, startAccessories } from './dev/accessories.ts';
import type { AccessoryRequest } from './dev/session.ts';
import { SignalboxError } from './domain/errors.ts';
import type { Epoch } from './domain/values.ts';

const program = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

/**
 * The accessories of a folder from the system's own programs, kept by a keeper of their own: whatever becomes of `signalbox dev`, they
 * end in order, and a new one finds them.
 * @throws ACCESSORY_UNAVAILABLE, ACCESSORY_UNHEALTHY, RUNTIME_UNAVAILABLE
 */
export async function systemAccessories(request: AccessoryRequest): Promise<AccessoryHost | null> {
  const { specs, place, log, shell } = request;
  const searchPath = shell['PATH'] ?? '/usr/local/bin:/usr/bin:/bin';
  const wanted = specs.filter((spec) => {
    const obstacle = accessoryObstacle(spec, searchPath);
    if (obstacle === null) return true;
    // Nothing refers to a database browser: a stack goes without it.
    if (spec.type !== 'pgadmin')
      throw new SignalboxError(obstacle.code, obstacle.message, {
        hint: `${obstacle.hint ?? ''} Or bring your own with --no-accessories and .env.`.trim(),
        cause: obstacle,
      });
    log.note(spec.name, obstacle.message.replace(`${spec.name}: `, 'left out: '));
    return false;
  });
  if (wanted.length === 0) return null;
  return startAccessories(await openPorts(place.root, searchPath, shell), { ...request, specs: wanted });
}

async function openPorts(root: string, searchPath: string, shell: Readonly<Record<string, string>>): Promise<AccessoryPorts> {
  const uid = process.getuid?.() ?? -1;
  const home = homeLayout(realpathSync(root), uid);
  for (const folder of [home.run, home.logs, home.proxy, home.keys]) mkdirSync(folder, { recursive: true, mode: 0o700 });
  const work = workRoot(home.root, { uid });
  if (work !== home.root) {
    rmSync(join(home.root, 'work'), { force: true });
    symlinkSync(work, join(home.root, 'work'));
  }
  const homeId = createHash('sha256').update(home.root).digest('hex').slice(0, 12);
  // The clock of the machine is enough of an order for the sessions of one folder.
  const epoch = Date.now() as Epoch;
  const keeper = await openKeeper({
    config: { dir: join(home.root, 'keeper'), socket: home.keeperSocket, homeId, version: 'dev' },
    program: program('./keeper/main.js'),
    proxyDir: home.run,
    logFile: join(home.logs, 'keeper.log'),
  });
  const runtime = openProcessRuntime({
    keeper,
    homeId,
    epoch,
    folders: { artifacts: join(work, 'artifacts'), work, persist: join(work, 'persist'), logs: home.logs },
    base: { path: searchPath, lang: shell['LANG'] ?? 'C.UTF-8' },
    mailCatcher: program('./mail-catcher/main.js'),
  });
  const prober = httpProber();
  let closing: Promise<void> | undefined;
  const close = async (): Promise<void> => {
    await Promise.allSettled([runtime.close(), prober.close()]);
    await keeper.call('shutdown', { epoch, all: true }, 150_000).catch((cause: unknown) => {
      // It has ended before its answer arrived: that is what was asked for.
      if (!(cause instanceof Error && 'code' in cause && cause.code === 'WIRE_CLOSED')) throw cause;
    });
    keeper.close();
  };
  return {
    runtime,
    kind: 'process',
    epoch,
    prober,
    passwords: filePasswords(join(home.keys, 'accessories'), () => systemIds().secret()),
    close: () => {
      closing ??= close();
      return closing;
    },
  };
}
