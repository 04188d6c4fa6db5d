import type { Duplex } from 'node:stream';
import { packet, PacketReader, sectionEnd } from './pkt-line.ts';

/** A ref that somebody wants moved; null: it is not there before, or not after. */
export interface RefUpdate {
  readonly ref: string;
  readonly before: string | null;
  readonly after: string | null;
}

/** Null: it was moved; else why it was not, on one line. */
export type Verdicts = ReadonlyMap<string, string | null>;

const nobody = '0'.repeat(40);

/**
 * git's side of the proc-receive protocol: greets, hears the updates of one push, asks `decide`, and gives the verdicts. Resolves
 * when all is said; rejects when git went away or speaks otherwise.
 * @param begun called with git's first word.
 */
export async function converse(
  git: Duplex,
  on: { begun: () => void; decide: (updates: readonly RefUpdate[]) => Promise<Verdicts> },
): Promise<void> {
  const reader = new PacketReader();
  const updates: RefUpdate[] = [];
  let greeted = false;
  // What was written last is still on its way when this returns.
  for await (const chunk of git.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    for (const one of reader.take(chunk)) {
      if (!greeted) {
        if (one !== null) continue;
        greeted = true;
        on.begun();
        git.write(Buffer.concat([packet('version=1\n'), sectionEnd]));
      } else if (one !== null) updates.push(parseUpdate(one.toString('utf8')));
      else {
        const verdicts = await on.decide(updates);
        const lines = updates.map(({ ref }) => verdictLine(ref, verdicts.get(ref)));
        git.end(Buffer.concat([...lines, sectionEnd]));
        return;
      }
    }
  }
}

function verdictLine(ref: string, verdict: string | null | undefined): Buffer {
  return packet(verdict === null ? `ok ${ref}\n` : `ng ${ref} ${verdict ?? 'nobody has looked at it'}\n`);
}

function parseUpdate(line: string): RefUpdate {
  const [, before = '', after = '', ref = ''] = /^([0-9a-f]{40}) ([0-9a-f]{40}) ([^\n]+)\n?$/s.exec(line) ?? [];
  if (ref === '') throw new Error('git has named no ref.');
  return { ref, before: before === nobody ? null : before, after: after === nobody ? null : after };
}
