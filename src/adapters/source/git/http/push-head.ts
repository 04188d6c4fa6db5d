import { SignalboxError } from '../../../../domain/errors.ts';
import { type Packet, packet, PacketReader, sectionEnd } from './pkt-line.ts';

/** Bytes that the list of refs of one push may have; a pack may follow. */
const longestHead = 1024 * 1024;

/** The beginning of a push, as git shall read it, and where a shallow history of the pusher ends. */
export interface PushHead {
  readonly bytes: Buffer;
  readonly shallow: readonly string[];
}

/**
 * Reads the list of refs of a push. Git is not told that the pusher's history is shallow: it would insist on moving such refs itself;
 * where the history ends is noted before. What is no list is left for git to complain about. @throws TOO_LARGE
 */
export async function readPushHead(body: AsyncIterator<Buffer>): Promise<PushHead> {
  const reader = new PacketReader('first');
  const kept: Buffer[] = [];
  const raw: Buffer[] = [];
  const shallow: string[] = [];
  let size = 0;
  for (let next = await body.next(); next.done !== true; next = await body.next()) {
    raw.push(next.value);
    size += next.value.length;
    let packets: readonly Packet[];
    try {
      packets = reader.take(next.value);
    } catch {
      return { bytes: Buffer.concat(raw), shallow: [] };
    }
    for (const one of packets) {
      if (one === null) return { bytes: Buffer.concat([...kept, sectionEnd, reader.rest]), shallow };
      const boundary = /^shallow ([0-9a-f]{40})\n?$/.exec(one.toString('latin1', 0, 60))?.[1];
      if (boundary === undefined) kept.push(packet(one));
      else shallow.push(boundary);
    }
    if (size > longestHead) throw new SignalboxError('TOO_LARGE', 'The push names more refs than git is given at once.');
  }
  return { bytes: Buffer.concat(raw), shallow: [] };
}
