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
/** An engine that tells nothing of a transfer for so long waits for a registry that will never answer. */
const silenceMs = 300_000;

export function registryTransfers(engine: Engine, logins: Logins, longest = { silenceMs }): Transfers {
  /** Nobody else's builds wait for ever for one that stands still. */
  const transfer = async (
    reference: string,
    what: { readonly path: string; readonly query: Readonly<Record<string, string>> },
    { signal, onLine = () => undefined }: TransferOptions,
  ): Promise<TransferEnd> => {
    const silent = new AbortController();
    let watch: NodeJS.Timeout | undefined;
    const onMessage = (): void => {
      clearTimeout(watch);
      watch = setTimeout(() => silent.abort(), longest.silenceMs);
    };
    try {
      const stream = await engine.stream('POST', what.path, {
        query: what.query,
        headers: { 'X-Registry-Auth': await logins.headerFor(reference) },
        timeoutMs: headMs,
        signal: signal === undefined ? silent.signal : AbortSignal.any([signal, silent.signal]),
      });
      onMessage();
      const end = await readTransfer(stream, { write: onLine, onMessage });
      if (silent.signal.aborted) return stoodStill;
      return end;
    } catch (error) {
      if (silent.signal.aborted) return stoodStill;
      // A refusal before the first line is an end like any other.
      if (isRefused(error)) return { ok: false, message: error.message };
      if (error instanceof Error && error.message === '')
        throw new Error(`The transfer of ${reference} broke off.`, { cause: error });
      throw error;
    } finally {
      clearTimeout(watch);
    }
  };
  const stoodStill: TransferEnd = { ok: false, message: `nothing moved for ${Math.round(longest.silenceMs / 1000)} s` };

  return {
    async push(image, name, options) {
      const reference = `${name.repo}:${name.tag}`;
      await tagImage(engine, image, name);
      const end = await transfer(reference, { path: `/images/${name.repo}/push`, query: { tag: name.tag } }, options);
      if (!end.ok) throw transferError(reference, end.message);
      if (end.digest === null) throw new SignalboxError('REGISTRY_UNAVAILABLE', `The registry named no digest for ${reference}.`);
      return `${name.repo}@${end.digest}`;
    },

    async pull(reference, options) {
      const { name, version } = partsOf(reference);
      const end = await transfer(reference, { path: '/images/create', query: { fromImage: name, tag: version } }, options);
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

/** A colon before the last slash is that of the registry's port. What is named without a version means what engines take it for. */
function partsOf(reference: string): { readonly name: string; readonly version: string } {
  const digest = reference.indexOf('@');
  const colon = reference.lastIndexOf(':');
  const at = digest !== -1 ? digest : colon > reference.lastIndexOf('/') ? colon : -1;
  return at === -1 ? { name: reference, version: 'latest' } : { name: reference.slice(0, at), version: reference.slice(at + 1) };
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
