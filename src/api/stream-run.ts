import type { RunId } from '../domain/values.ts';
import type { Changes } from './changes.ts';
import type { RunBody } from './contract.ts';
import type { EventStream } from './event-stream.ts';
import type { ApiOptions } from './options.ts';
import { readRun } from './read-runs.ts';

/** As `streamRollout`: the run whenever it looks different, the output of its steps as it comes, until it has ended. */
export async function streamRun(
  stream: EventStream,
  { options, changes, id }: { readonly options: ApiOptions; readonly changes: Changes; readonly id: RunId },
): Promise<void> {
  const stopLines = options.onRunLine?.(id, ({ step, line }) => void stream.send('log', { step, line }));
  let sent = '';
  try {
    while (!stream.gone.aborted) {
      const ticket = changes.ticket();
      const body = await readRun(options.store, id);
      const looks = looksOf(body);
      if (looks !== sent && !stream.send('run', body)) return;
      sent = looks;
      if (body.ended) return;
      await changes.after(ticket, stream.gone);
      await stream.ready();
    }
  } finally {
    stopLines?.();
  }
}

/** Without what only tells that time goes by. */
const looksOf = (body: RunBody): string =>
  JSON.stringify({ ...body, durationMs: 0, steps: body.steps.map(({ name, state, tries }) => [name, state, tries]) });
