import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response';
import { type Masker, maskTexts } from '../domain/masking.ts';
import type { Changes } from './changes.ts';
import { type EventStream, openEventStream } from './event-stream.ts';
import { operations } from './operations.ts';
import { type ApiOptions, defaultLimits } from './options.ts';
import { readRollout } from './reads.ts';
import { type Answers, appOf, type Call, environmentOf, readQuery, rolloutOf, runOf } from './requests.ts';
import { readRun } from './read-runs.ts';
import { streamRun } from './stream-run.ts';
import { eventFilter, streamEvents } from './stream-events.ts';
import { findLogs, streamLogs } from './stream-logs.ts';
import { streamRollout } from './stream-rollout.ts';

export interface StreamContext {
  readonly options: ApiOptions;
  readonly changes: Changes;
  /** Aborts when the API closes: streams end, and clients come back to the next control plane. */
  readonly closing: AbortSignal;
}

/** Everything that goes on while the client listens. What can be refused is refused before the stream begins. */
export function answerStreams({ options, changes, closing }: StreamContext) {
  const begin = (call: Call, produce: (stream: EventStream) => Promise<void>): Response => {
    const limits = { ...defaultLimits, ...options.limits };
    const open = openEventStream(call.env.outgoing, {
      heartbeatMs: limits.heartbeatMs,
      bufferBytes: limits.streamBytes,
    });
    const stream = masked(open, options.mask);
    const end = (): void => stream.end();
    closing.addEventListener('abort', end, { once: true });
    void produce(stream)
      .catch((error: unknown) => {
        if (!stream.gone.aborted) options.onFault(error);
      })
      .finally(() => {
        closing.removeEventListener('abort', end);
        stream.end();
      });
    return RESPONSE_ALREADY_SENT;
  };
  return {
    watch: async (call) => {
      const id = rolloutOf(call);
      await readRollout(options.store, id);
      return begin(call, (stream) => streamRollout(stream, { options, changes, id }));
    },
    'watch-run': async (call) => {
      const id = runOf(call);
      await readRun(options.store, id);
      return begin(call, (stream) => streamRun(stream, { options, changes, id }));
    },
    followEvents: async (call) => {
      const asked = eventFilter(readQuery(call, operations.events.query));
      const resumed = /^\d{1,15}$/.exec(call.req.header('last-event-id') ?? '')?.[0];
      const { newest: _, ...rest } = asked;
      const filter = resumed === undefined ? asked : { ...rest, after: Number(resumed) };
      return begin(call, (stream) => streamEvents(stream, { store: options.store, changes, filter }));
    },
    logs: async (call) => {
      const request = { app: appOf(call), environment: environmentOf(call), ...readQuery(call, operations.logs.query) };
      const source = await findLogs(options, request);
      return begin(call, (stream) => streamLogs(stream, { options, source, request }));
    },
  } satisfies Pick<Answers, 'watch' | 'watch-run' | 'logs'> & { followEvents: Answers['watch'] };
}

const masked = (stream: EventStream, mask: Masker | undefined): EventStream =>
  mask === undefined ? stream : { ...stream, send: (event, body, id) => stream.send(event, maskTexts(body, mask), id) };
