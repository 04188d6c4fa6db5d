import type { RolloutId } from '../domain/values.ts';
import type { Changes } from './changes.ts';
import type { RolloutBody } from './contract.ts';
import type { EventStream } from './event-stream.ts';
import type { ApiOptions } from './options.ts';
import { readRollout } from './reads.ts';

/**
 * Sends the rollout whenever it looks different, its build and command output as it comes, and ends after the state in which
 * it has ended. A client that was cut off asks again and has the present state at once; states between may be skipped.
 */
export async function streamRollout(
  stream: EventStream,
  on: { options: ApiOptions; changes: Changes; id: RolloutId },
): Promise<void> {
  const { store, onRolloutLine } = on.options;
  const stopLines = onRolloutLine?.(on.id, (line) => void stream.send('log', line));
  let sent = '';
  try {
    while (!stream.gone.aborted) {
      const ticket = on.changes.ticket();
      const body = await readRollout(store, on.id);
      const looks = looksOf(body);
      if (looks !== sent && !stream.send('rollout', body)) return;
      sent = looks;
      if (body.ended) return;
      await on.changes.after(ticket, stream.gone);
      await stream.ready();
    }
  } finally {
    stopLines?.();
  }
}

/** Without what only tells that time goes by. */
const looksOf = (body: RolloutBody): string =>
  JSON.stringify({ ...body, durationMs: 0, steps: body.steps.map(({ name, state }) => [name, state]) });
