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
import { type DevContainers, engineTrouble, openDevContainers } from './dev-containers.ts';
import { type AccessoryHost, type AccessoryPorts, accessoryEnvironment, startAccessories } from './dev/accessories.ts';
import { type PlacedAccessory, placeAccessories } from './dev/accessory-places.ts';
import { fingerprintOf, readAccessoryRecord, writeAccessoryRecord } from './dev/accessory-record.ts';
import type { AccessoryRequest } from './dev/options.ts';
import { accessoryGrace, accessoryId, isAccessoryId, type RuntimeKind } from './domain/accessories.ts';
import type { Epoch } from './domain/values.ts';
import type { Runtime } from './ports/runtime.ts';

export interface LocalAccessoryRequest extends AccessoryRequest {
  /** `--runtime`. */
  readonly runtime: RuntimeKind | undefined;
  readonly engineSocket: string;
}

const program = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

/**
 * The accessories of a folder from the system's own programs or as containers, kept by a keeper of their own: whatever becomes of
 * `signalbox dev`, a new one finds them.
 * @throws ACCESSORY_UNAVAILABLE, ACCESSORY_UNHEALTHY, ENGINE_UNAVAILABLE, RUNTIME_UNAVAILABLE
 */
export async function localAccessories(request: LocalAccessoryRequest): Promise<AccessoryHost | null> {
  const { specs, place, log, shell, engineSocket } = request;
  const searchPath = shell['PATH'] ?? '/usr/local/bin:/usr/bin:/bin';
  const record = readAccessoryRecord(place);
  let trouble: Promise<string | null> | undefined;
  const { placed, leftOut } = await placeAccessories(specs, {
    asked: request.runtime,
    last: (name) => (Object.hasOwn(record.kinds, name) ? record.kinds[name] : undefined),
    obstacle: (spec) => accessoryObstacle(spec, searchPath),
    engineTrouble: () => (trouble ??= engineTrouble(engineSocket)),
  });
  for (const { name, why } of leftOut) log.note(name, why);
  for (const { spec, note } of placed) if (note !== undefined) log.note(spec.name, note);
  const leftOver = record.engine !== null || Object.keys(record.started).length > 0;
  if (placed.length === 0 && !leftOver) return null;
  const ports = await openPorts(request, { placed, searchPath });
  if (placed.length > 0) return startAccessories(ports, { ...request, specs: placed.map(({ spec }) => spec) });
  await ports.close();
  return null;
}

interface Opening {
  readonly placed: readonly PlacedAccessory[];
  readonly searchPath: string;
}

async function openPorts(request: LocalAccessoryRequest, { placed, searchPath }: Opening): Promise<AccessoryPorts> {
  const { place, app, shell, log, engineSocket } = request;
  const uid = process.getuid?.() ?? -1;
  const home = homeLayout(realpathSync(place.root), uid);
  for (const folder of [home.run, home.logs, home.proxy, home.keys]) mkdirSync(folder, { recursive: true, mode: 0o700 });
  const work = workRoot(home.root, { uid });
  if (work !== home.root) {
    rmSync(join(home.root, 'work'), { force: true });
    symlinkSync(work, join(home.root, 'work'));
  }
  const persist = join(work, 'persist');
  const homeId = createHash('sha256').update(home.root).digest('hex').slice(0, 12);
  // The clock of the machine is enough of an order for the sessions of one folder.
  const epoch = Date.now() as Epoch;
  const keeper = await openKeeper({
    config: { dir: join(home.root, 'keeper'), socket: home.keeperSocket, homeId, version: 'dev' },
    program: program('./keeper/main.js'),
    proxyDir: home.run,
    logFile: join(home.logs, 'keeper.log'),
  });
  const processes = openProcessRuntime({
    keeper,
    homeId,
    epoch,
    folders: { artifacts: join(work, 'artifacts'), work, persist, logs: home.logs },
    base: { path: searchPath, lang: shell['LANG'] ?? 'C.UTF-8' },
    mailCatcher: program('./mail-catcher/main.js'),
  });
  const containersOn = (socket: string): DevContainers =>
    openDevContainers({
      keeper,
      homeId,
      epoch,
      engineSocket: socket,
      home,
      persist,
      specs: placed,
      onFetch: (name, image) => log.note(name, `the engine fetches ${image}, once`),
    });
  const before = readAccessoryRecord(place);
  const wanted = placed.some(({ kind }) => kind === 'docker') ? engineSocket : null;
  let containers: DevContainers | null = null;
  const prober = httpProber();
  let closing: Promise<void> | undefined;
  const close = async (): Promise<void> => {
    let left: string | null = null;
    await containers?.endAll().catch((cause: unknown) => {
      left = wanted;
      const why = cause instanceof Error ? cause.message : String(cause);
      log.note('dev', `Not every container could be ended: ${why} The next signalbox dev of this folder does it.`, 'bad');
    });
    await Promise.allSettled([processes.close(), prober.close()]);
    await keeper.call('shutdown', { epoch, all: true }, 150_000).catch((cause: unknown) => {
      // It has ended before its answer arrived: that is what was asked for.
      if (!(cause instanceof Error && 'code' in cause && cause.code === 'WIRE_CLOSED')) throw cause;
    });
    keeper.close();
    writeAccessoryRecord(place, { ...readAccessoryRecord(place), started: {}, engine: left });
  };
  const closeOnce = (): Promise<void> => (closing ??= close());

  /** What a killed session left running goes on when it is still what is asked for. */
  const endOthers = async (runtime: Runtime, kind: RuntimeKind): Promise<void> => {
    const same = placed.filter(({ spec, kind: now }) => now === kind && before.started[spec.name] === fingerprintOf(spec, kind));
    const kept = new Set(same.map(({ spec }) => accessoryId(app, accessoryEnvironment, spec.name)));
    const others = new Set(
      (await runtime.observe()).flatMap(({ workload }) => (isAccessoryId(workload) && !kept.has(workload) ? [workload] : [])),
    );
    await Promise.all([...others].map((id) => runtime.stop(id, { grace: accessoryGrace, epoch })));
  };

  try {
    if (before.engine !== null && before.engine !== wanted) {
      const former = containersOn(before.engine);
      await former
        .endAll()
        .catch(() => log.note('dev', `Containers of an earlier run may be left at ${before.engine ?? ''}.`, 'bad'));
    }
    writeAccessoryRecord(place, {
      kinds: { ...before.kinds, ...Object.fromEntries(placed.map(({ spec, kind }) => [spec.name, kind])) },
      started: Object.fromEntries(placed.map(({ spec, kind }) => [spec.name, fingerprintOf(spec, kind)])),
      engine: wanted,
    });
    if (Object.keys(before.started).length > 0) await endOthers(processes, 'process');
    if (wanted !== null) {
      containers = containersOn(wanted);
      await endOthers(containers.runtime, 'docker');
    }
  } catch (cause) {
    await closeOnce();
    throw cause;
  }
  const ofContainers = containers;
  return {
    hosting: (spec) =>
      ofContainers !== null && placed.some((one) => one.spec === spec && one.kind === 'docker')
        ? { runtime: ofContainers.runtime, kind: 'docker' }
        : { runtime: processes, kind: 'process' },
    ...(ofContainers === null ? {} : { changed: ofContainers.changed }),
    epoch,
    prober,
    passwords: filePasswords(join(home.keys, 'accessories'), () => systemIds().secret()),
    close: closeOnce,
  };
}
