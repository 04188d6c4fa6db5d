import { release } from 'node:os';
import { SignalboxError } from '../../domain/errors.ts';
import type { Engine } from '../../engine/client.ts';
import { isUnavailable } from '../../engine/errors.ts';
import { bringsInit, type InitInfo } from '../../engine/info.ts';

interface Info extends InitInfo {
  readonly OperatingSystem?: string;
  readonly KernelVersion?: string;
  readonly SecurityOptions?: readonly string[] | null;
}

/**
 * Whether the engine's containers can share this machine's folders, users and addresses.
 * @throws DEV_UNSUPPORTED naming what is in the way, ENGINE_UNAVAILABLE
 */
export async function fitEngine(engine: Engine): Promise<{ readonly init: boolean }> {
  const answer = await engine.call<Info>('GET', '/info').catch((cause: unknown) => {
    if (!isUnavailable(cause)) throw cause;
    throw new SignalboxError('ENGINE_UNAVAILABLE', `--runtime docker: ${cause.message}`, {
      hint: 'Start it, set SIGNALBOX_DOCKER_HOST to its socket, or leave --runtime out.',
      cause,
    });
  });
  const info = answer.ok ? answer.body : {};
  const obstacle = obstacleOf(info, release());
  if (obstacle === null) return { init: bringsInit(info) };
  throw new SignalboxError('DEV_UNSUPPORTED', `--runtime docker: the engine at ${engine.socketPath} ${obstacle}.`, {
    hint: 'Leave --runtime out to run services as processes, or set SIGNALBOX_DOCKER_HOST to an engine that runs as root on this very machine.',
  });
}

/** Pure: null when there is none. */
export function obstacleOf({ OperatingSystem = '', KernelVersion, SecurityOptions }: Info, kernel: string): string | null {
  if (SecurityOptions?.some((option) => option.startsWith('name=rootless')) === true)
    return 'runs without root, so its containers have neither the addresses of this machine nor its users';
  if (/docker desktop/i.test(OperatingSystem) || (KernelVersion !== undefined && KernelVersion !== kernel))
    return `runs in a machine of its own (${OperatingSystem || 'another kernel'}), so its containers do not have the addresses of this one`;
  return null;
}
