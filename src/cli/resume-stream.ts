import { setTimeout as pause } from 'node:timers/promises';
import type { ApiClient } from './client.ts';
import { patienceMs as defaultPatienceMs, isPassing } from './patience.ts';
import type { ServerEvent } from './server-events.ts';

export interface ResumableStream {
  /** Called for each connection; `lastEventId` is that of the last event seen. */
  readonly path: (resumed: boolean) => string;
  readonly signal: AbortSignal;
  /** How long a control plane may be away. Default 60 s. */
  readonly patienceMs?: number;
}

/** Follows an endless stream over restarts of the control plane. @throws CONTROL_PLANE_UNREACHABLE, RefusedError */
export async function* resumeStream(
  api: ApiClient,
  { path, signal, patienceMs = defaultPatienceMs }: ResumableStream,
): AsyncIterable<ServerEvent> {
  let lastEventId: string | undefined;
  let lastContact = performance.now();
  let connected = false;
  for (let wait = 100; !signal.aborted; wait = Math.min(wait * 2, 2000)) {
    try {
      for await (const event of api.events(path(connected), { signal, ...(lastEventId === undefined ? {} : { lastEventId }) })) {
        lastEventId = event.id ?? lastEventId;
        lastContact = performance.now();
        connected = true;
        wait = 100;
        yield event;
      }
      connected = true;
      lastContact = performance.now();
    } catch (error) {
      if (signal.aborted) return;
      if (!isPassing(error) || !connected || performance.now() - lastContact > patienceMs) throw error;
    }
    await pause(wait, undefined, { signal }).catch(() => undefined);
  }
}
