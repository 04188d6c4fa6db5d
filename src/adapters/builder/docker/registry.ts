import { SignalboxError } from '../../../domain/errors.ts';
import type { Engine } from '../../../engine/client.ts';
import { isRefused } from '../../../engine/errors.ts';
import type { Logins } from './logins.ts';
import { tagImage } from './engine-images.ts';
import { readTransfer, type TransferEnd } from './output.ts';

/** Images on their way to and from registries. Everything goes through the engine, which has its own rules for insecure ones. */
export interface Transfers {
  /**
   * Sends an image under the name and returns the name with its digest.
   * @throws REGISTRY_REFUSED, REGISTRY_UNAVAILABLE; EngineError
   */
  push(image: string, name: { readonly repo: string; readonly tag: string }, options: TransferOptions): Promise<string>;
  /** False when the registry has no such image. @throws REGISTRY_REFUSED, REGISTRY_UNAVAILABLE; EngineError */
  pull(reference: string, options: TransferOptions): Promise<boolean>;
  /** Digest of an image at its registry; null when there is none. @throws as `pull` */
  digestOf(reference: string): Promise<string | null>;
}

export interface TransferOptions {
  readonly signal?: AbortSignal;
  readonly onLine?: (line: string) => void;
}

/** Until the registry has answered the first time. */
const headMs = 120_000;

export function registryTransfers(engine: Engine, logins: Logins): Transfers {
  return {
    async push(image, name, { signal, onLine = () => undefined }) {
      const reference = `${name.repo}:${name.tag}`;
      await tagImage(engine, image, name);
      const end = await transfer(reference, async () =>
        readTransfer(
          await engine.stream('POST', `/images/${name.repo}/push`, {
            query: { tag: name.tag },
            headers: { 'X-Registry-Auth': await logins.headerFor(name.repo) },
            timeoutMs: headMs,
            ...(signal === undefined ? {} : { signal }),
          }),
          onLine,
        ),
      );
      if (!end.ok) throw transferError(reference, end.message);
      if (end.digest === null) throw new SignalboxError('REGISTRY_UNAVAILABLE', `The registry named no digest for ${reference}.`);
      return `${name.repo}@${end.digest}`;
    },

    async pull(reference, { signal, onLine = () => undefined }) {
      const at = reference.includes('@') ? reference.indexOf('@') : reference.lastIndexOf(':');
      const end = await transfer(reference, async () =>
        readTransfer(
          await engine.stream('POST', '/images/create', {
            query: { fromImage: reference.slice(0, at), tag: reference.slice(at + 1) },
            headers: { 'X-Registry-Auth': await logins.headerFor(reference) },
            timeoutMs: headMs,
            ...(signal === undefined ? {} : { signal }),
          }),
          onLine,
        ),
      );
      if (end.ok) return true;
      if (saysAbsent(end.message)) return false;
      throw transferError(reference, end.message);
    },

    async digestOf(reference) {
      try {
        const answer = await engine.call<{ readonly Descriptor: { readonly digest: string } }>(
          'GET',
          `/distribution/${reference}/json`,
          { headers: { 'X-Registry-Auth': await logins.headerFor(reference) } },
        );
        return answer.ok ? answer.body.Descriptor.digest : null;
      } catch (error) {
        if (!isRefused(error)) throw error;
        if (saysAbsent(error.message)) return null;
        throw transferError(reference, error.message);
      }
    },
  };
}

/** A refusal before the first line is an end like any other. */
async function transfer(reference: string, work: () => Promise<TransferEnd>): Promise<TransferEnd> {
  try {
    return await work();
  } catch (error) {
    if (isRefused(error)) return { ok: false, message: error.message };
    if (error instanceof Error && error.message === '')
      throw new Error(`The transfer of ${reference} broke off.`, { cause: error });
    throw error;
  }
}

const saysAbsent = (message: string): boolean =>
  /manifest unknown|not found|does not exist|name unknown|repository name not known/i.test(message) &&
  !/no such host/i.test(message);

function transferError(reference: string, message: string): SignalboxError {
  const refused = /unauthorized|denied|authentication required|no basic auth|incorrect username|forbidden/i.test(message);
  return refused
    ? new SignalboxError('REGISTRY_REFUSED', `The registry of ${reference} refused: ${message}.`)
    : new SignalboxError('REGISTRY_UNAVAILABLE', `${reference} could not be transferred: ${message}.`);
}
