import { setTimeout as pause } from 'node:timers/promises';
import type { z } from 'zod';
import type { AppName, EnvironmentName, RolloutId } from '../domain/values.ts';
import type { EventFilter } from '../ports/store.ts';
import type { Changes } from './changes.ts';
import type { EventStream } from './event-stream.ts';
import type { operations } from './operations.ts';
import type { StoreReads } from './options.ts';
import { presentEvent } from './present-release.ts';

/** Without `after`: the newest. */
export function eventFilter(query: z.output<(typeof operations.events)['query']>): EventFilter {
  const { app, environment, rollout, after, limit } = query;
  return {
    limit,
    ...(after === undefined ? { newest: true } : { after }),
    ...(app === undefined ? {} : { app: app as AppName }),
    ...(environment === undefined ? {} : { environment: environment as EnvironmentName }),
    ...(rollout === undefined ? {} : { rollout: rollout as RolloutId }),
  };
}

/** Sends what there is and what comes, each event once and in order, until the client goes. Its id is the event's sequence. */
export async function streamEvents(
  stream: EventStream,
  on: { store: StoreReads; changes: Changes; filter: EventFilter },
): Promise<void> {
  let { newest: _, ...filter } = on.filter;
  let first = on.filter.newest === true;
  while (!stream.gone.aborted) {
    const ticket = on.changes.ticket();
    const rows = await on.store.events(first ? on.filter : filter);
    for (const row of rows) {
      if (!stream.send('event', presentEvent(row), String(row.sequence))) return;
      await stream.ready();
    }
    first = false;
    filter = { ...filter, after: rows.at(-1)?.sequence ?? filter.after ?? 0 };
    if (rows.length < filter.limit) await on.changes.after(ticket, stream.gone);
    else await pause(0);
  }
}
