import type { Epoch } from '../../../domain/values.ts';
import type { HeldListener, KeeperMethods, ListenRequest } from '../../../keeper/protocol.ts';
import type { CertificateReport, HandshakeCounts } from '../../../proxy/protocol.ts';
import type { WireClient } from '../../../wire/client.ts';
import { isRefusal } from './faults.ts';

export interface HttpsOptions {
  readonly host: string;
  readonly port: number;
  /** What clients reach it by, where something in between maps it; null: itself. */
  readonly publicPort: number | null;
  /** Folder; need not be there. */
  readonly certificates: string;
  /** False: the port is welcome, but without it HTTP is served alone (`onTrouble` says why). */
  readonly required: boolean;
  readonly onTrouble?: (cause: Error) => void;
}

interface ListenOptions {
  readonly keeper: Pick<WireClient<KeeperMethods, never>, 'call'>;
  readonly epoch: Epoch;
  readonly https?: HttpsOptions;
}

/**
 * Declares the listeners, that for HTTPS among them. It listens before there is any certificate, so that the first one takes effect at
 * once; but as long as there is none a taken port is no reason not to start.
 */
export async function openHttpsListener(
  { keeper, epoch, https }: ListenOptions,
  others: readonly ListenRequest[],
): Promise<readonly HeldListener[]> {
  const declare = async (listeners: readonly ListenRequest[]): Promise<readonly HeldListener[]> =>
    (await keeper.call('listen', { epoch, listeners })).listeners;
  if (!https) return declare(others);
  const { host, port, required, onTrouble = () => {} } = https;
  try {
    return await declare([...others, { name: 'https', host, port }]);
  } catch (cause) {
    if (required || !isRefusal(cause, 'PORT_TAKEN', 'PORT_DENIED')) throw cause;
    // Whose port it was is not told: this fails too if it was another.
    const listeners = await declare(others);
    onTrouble(cause);
    return listeners;
  }
}

/** All workers read the same folder; the first one's word on it is everybody's, handshakes add up. */
export function mergedReport(reports: readonly CertificateReport[]): CertificateReport {
  const [first] = reports;
  if (!first) return { certificates: [], problems: [], exposed: false, handshakes: null };
  const counts = reports.flatMap(({ handshakes }) => handshakes ?? []);
  return { ...first, handshakes: counts.length === 0 ? null : counts.reduce(plus) };
}

const plus = (a: HandshakeCounts, b: HandshakeCounts): HandshakeCounts => ({
  done: a.done + b.done,
  failed: a.failed + b.failed,
  timedOut: a.timedOut + b.timedOut,
  evicted: a.evicted + b.evicted,
  unknownNames: a.unknownNames + b.unknownNames,
});
