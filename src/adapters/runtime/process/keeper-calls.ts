import { SignalboxError } from '../../../domain/errors.ts';
import { type KeeperClient, type KeeperClientOptions, openKeeperClient } from '../../../keeper/client.ts';
import type { KeeperMethods } from '../../../keeper/protocol.ts';
import { WireError } from '../../../wire/server.ts';

/** What the runtime needs of a keeper connection that survives keepers. */
export type RuntimeKeeper = Pick<KeeperClient, 'call' | 'on' | 'onReconnect'>;

export type KeeperCalls = <Name extends keyof KeeperMethods>(
  method: Name,
  params: KeeperMethods[Name]['params'],
) => Promise<KeeperMethods[Name]['result']>;

/** @throws SignalboxError RUNTIME_UNAVAILABLE when there is no keeper and none can be started. */
export async function openKeeper(options: KeeperClientOptions): Promise<KeeperClient> {
  try {
    return await openKeeperClient(options);
  } catch (cause) {
    throw mapped(cause);
  }
}

/** The keeper's refusals come in the catalogue's words: STALE_EPOCH, NO_SPACE, all else RUNTIME_UNAVAILABLE with the keeper's reason. */
export function callsTo(keeper: RuntimeKeeper): KeeperCalls {
  return async (method, params) => {
    try {
      return await keeper.call(method, params);
    } catch (cause) {
      throw mapped(cause);
    }
  };
}

function mapped(cause: unknown): unknown {
  if (!(cause instanceof WireError)) return cause;
  const { code, message } = cause;
  if (code === 'STALE_EPOCH') return new SignalboxError(code, message, { cause });
  const full = code === 'KEEPER_STATE' && message.includes('ENOSPC');
  return new SignalboxError(full ? 'NO_SPACE' : 'RUNTIME_UNAVAILABLE', message, { cause });
}
