import type { Engine } from '../../../engine/client.ts';
import { freeBytes } from './bounds.ts';
import { type EngineInfo, engineInfo, inspectImage } from './engine-images.ts';

/** One line of `signalbox doctor`. */
export interface EngineCheck {
  readonly name: string;
  readonly state: 'ok' | 'warning' | 'failed';
  readonly detail: string;
  readonly fix?: string;
}

/** Below this the engine's disk is said to be nearly full. */
const scarce = 2 * 1024 ** 3;
/** API of Docker 20.10, the oldest that this is tested with. */
const oldestApi = [1, 41] as const;

/** Whether the engine can be asked, what it is, and what of it deserves a look. Never throws: not being reachable is a finding. */
export async function checkEngine(
  engine: Engine,
  facts: { socket: string; baseImages: readonly string[]; registry: string | null },
): Promise<readonly EngineCheck[]> {
  let info: EngineInfo;
  let api: string;
  try {
    info = await engineInfo(engine);
    api = await engine.version();
  } catch (error) {
    return [
      {
        name: 'docker',
        state: 'failed',
        detail: error instanceof Error ? error.message : String(error),
        fix: `Start the engine (\`systemctl start docker\`), or set SIGNALBOX_DOCKER_HOST to its socket; ${facts.socket} is asked now. What runs goes on running.`,
      },
    ];
  }
  return [
    version(info, api),
    liveRestore(info),
    await disk(info),
    ...(await Promise.all(facts.baseImages.map((image) => base(engine, image)))),
    ...(facts.registry === null
      ? []
      : [{ name: 'registry', state: 'ok', detail: `images are pushed to ${facts.registry}` } as const]),
  ];
}

function version(info: EngineInfo, api: string): EngineCheck {
  const [major = 0, minor = 0] = api.split('.').map(Number);
  const old = major < oldestApi[0] || (major === oldestApi[0] && minor < oldestApi[1]);
  const detail = `Docker ${info.ServerVersion}, API ${api}, control groups v${info.CgroupVersion ?? '1'} (${info.CgroupDriver})`;
  return old
    ? { name: 'docker', state: 'warning', detail, fix: 'Upgrade to Docker 20.10 or newer: older ones were never tried.' }
    : { name: 'docker', state: 'ok', detail };
}

function liveRestore({ LiveRestoreEnabled }: EngineInfo): EngineCheck {
  const name = 'docker live-restore';
  if (LiveRestoreEnabled) return { name, state: 'ok', detail: 'on: containers outlive a restart of the engine' };
  return {
    name,
    state: 'warning',
    detail: 'off: a restart of the engine ends every container; they are started again when it is back',
    fix: 'Put `"live-restore": true` into /etc/docker/daemon.json and run `systemctl reload docker`.',
  };
}

async function disk(info: EngineInfo): Promise<EngineCheck> {
  const name = 'docker disk';
  const free = await freeBytes(info);
  if (free === null)
    return { name, state: 'ok', detail: `${info.DockerRootDir} cannot be seen from here; its free space is not watched` };
  const detail = `${(free / 1024 ** 3).toFixed(1)} GiB free at ${info.DockerRootDir}`;
  return free < scarce
    ? { name, state: 'warning', detail, fix: 'Lower SIGNALBOX_KEEP_ARTIFACT_BYTES, or `docker image prune` what nobody needs.' }
    : { name, state: 'ok', detail };
}

async function base(engine: Engine, image: string): Promise<EngineCheck> {
  const name = 'docker base image';
  const found = await inspectImage(engine, image).catch(() => null);
  return found === null
    ? {
        name,
        state: 'warning',
        detail: `${image} is not here yet; the next build fetches it`,
        fix: `Fetch it now: docker pull ${image}`,
      }
    : { name, state: 'ok', detail: image };
}
