import { SignalboxError } from '../../../domain/errors.ts';
import type { KeeperClient } from '../../../keeper/client.ts';
import type { KeeperMethods } from '../../../keeper/protocol.ts';
import { WireError } from '../../../wire/server.ts';

/** What the runtime needs of a keeper connection that survives keepers. */
export type RuntimeKeeper = Pick<KeeperClient, 'call' | 'on' | 'onReconnect'>;

export type KeeperCalls = <Name extends keyof KeeperMethods>(
  method: Name,
  params: KeeperMethods[Name]['params'],
) => Promise<KeeperMethods[Name]['result']>;

/** The keeper's refusals in the catalogue's words: STALE_EPOCH as it is, all else RUNTIME_UNAVAILABLE with the keeper's reason. */
export function callsTo(keeper: RuntimeKeeper): KeeperCalls {
  return async (method, params) => {
    try {
      return await keeper.call(method, params);
    } catch (cause) {
      if (!(cause instanceof WireError)) throw cause;
      throw new SignalboxError(cause.code === 'STALE_EPOCH' ? 'STALE_EPOCH' : 'RUNTIME_UNAVAILABLE', cause.message, { cause });
    }
  };
}
