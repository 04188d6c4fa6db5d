import type { DoctorBody, EventBody, ListBody, PingBody } from './contract.ts';
import { examine } from './doctor.ts';
import { describeApi } from './openapi.ts';
import { operations } from './operations.ts';
import type { ApiOptions } from './options.ts';
import { presentEvent } from './present-release.ts';
import { readStatus } from './read-status.ts';
import { keyOf, listReleases, listRollouts, readRollout } from './reads.ts';
import { type Answers, appOf, environmentOf, readQuery, rolloutOf } from './requests.ts';
import { eventFilter } from './stream-events.ts';

/** Everything that only looks, and is done at once. */
export function answerReads(options: ApiOptions, apiPort: () => number) {
  const { store, version } = options;
  let description: Readonly<Record<string, unknown>> | undefined;
  return {
    ping: async (call) => call.json({ name: 'signalbox', version, pid: process.pid } satisfies PingBody),
    openapi: async (call) => {
      description ??= describeApi(version);
      return call.json(description);
    },
    status: async (call) => call.json(await readStatus(options, apiPort())),
    doctor: async (call) => call.json({ checks: await examine(options) } satisfies DoctorBody),
    releases: async (call) => {
      const page = pageOf(readQuery(call, operations.releases.query));
      return call.json(await listReleases(store, keyOf(appOf(call), environmentOf(call)), page));
    },
    rollouts: async (call) => {
      const page = pageOf(readQuery(call, operations.rollouts.query));
      return call.json(await listRollouts(store, keyOf(appOf(call), environmentOf(call)), page));
    },
    rollout: async (call) => call.json(await readRollout(store, rolloutOf(call))),
    events: async (call) => {
      const filter = eventFilter(readQuery(call, operations.events.query));
      const items = (await store.events(filter)).map(presentEvent);
      const last = items.at(-1)?.sequence;
      const body: ListBody<EventBody> =
        items.length < filter.limit || last === undefined ? { items } : { items, next: String(last) };
      return call.json(body);
    },
  } satisfies Partial<Answers>;
}

const pageOf = ({ limit, before }: { limit: number; before?: string | undefined }) =>
  before === undefined ? { limit } : { limit, before };
