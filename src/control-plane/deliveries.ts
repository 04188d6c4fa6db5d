import { type Delivery, deliveryAfter, type DeliveryEvent, type Hook } from '../domain/forge/delivery.ts';
import type { DeletedRef, MovedRef } from '../domain/forge/event.ts';
import { catalogue, hasCode, SignalboxError } from '../domain/errors.ts';
import { type AppName, type Epoch, type Millis, millis } from '../domain/values.ts';
import type { Clock } from '../ports/clock.ts';
import type { FetchAccess, FetchSource } from '../ports/fetch-source.ts';
import type { ForgeKeys } from '../ports/forge.ts';
import type { Store } from '../ports/store.ts';

/** A branch or tag that was moved (or, without `after`, deleted) where people push; what `git push` tells, too. */
export interface PushedRef {
  readonly app: AppName;
  readonly ref: string;
  readonly before: string | null;
  readonly after: string | null;
  readonly pusher: string;
}

export type Receive = (
  update: PushedRef,
  say: (line: string) => void,
) => Promise<{ readonly ok: true } | { readonly ok: false; readonly reason: string }>;

/** Works off what webhooks brought: at least once each, over ends of the control plane. */
export interface Deliveries {
  /** Takes up what is on record. */
  start(): Promise<void>;
  work(delivery: Delivery): void;
  stop(): void;
}

export interface DeliveryPorts {
  readonly epoch: Epoch;
  readonly store: Store;
  readonly source: FetchSource;
  readonly keys: ForgeKeys;
  readonly clock: Clock;
  readonly hook: (app: AppName) => Hook | null;
  readonly receive: Receive;
  /** A push came to nothing; for whoever tells its forge. */
  readonly onRefused?: (app: AppName, sha: string, reason: string) => void;
  readonly onFault: (error: unknown) => void;
}

/** Rows read at a start. */
const page = 500;
/** What was said last is the outcome, when it went well. */
const longestOutcome = 500;

export function createDeliveries(ports: DeliveryPorts): Deliveries {
  const { store, clock, epoch, source, keys, hook, receive, onFault } = ports;
  /** Newest delivery per app and ref that was handed over and is not over. */
  const newest = new Map<string, string>();
  const looks = new Map<AppName, Promise<void>>();
  const cancels = new Set<() => void>();
  let stopped = false;

  async function move(delivery: Delivery, event: DeliveryEvent): Promise<Delivery> {
    const after = deliveryAfter(delivery, event);
    const failed = after.delivery.state === 'failed' && delivery.state !== 'failed';
    const told = {
      type: 'webhook.failed',
      at: clock.wall(),
      app: delivery.app,
      body: { delivery: delivery.id, reason: after.delivery.outcome },
    };
    await store.commit({ epoch, at: clock.now(), deliveries: [after.delivery], events: failed ? [told] : [] });
    for (const effect of after.effects) later(effect.after, () => work(after.delivery));
    return after.delivery;
  }

  function later(wait: Millis, what: () => void): void {
    const cancel = clock.after(wait, () => {
      cancels.delete(cancel);
      if (!stopped) what();
    });
    cancels.add(cancel);
  }

  function work(delivery: Delivery): void {
    const { event, app, id } = delivery;
    if (event.type !== 'moved' && event.type !== 'deleted') return;
    const key = `${app} ${event.ref}`;
    if ((newest.get(key) ?? '') < id) newest.set(key, id);
    // Looks at the forge go one after the other for an app; deploys do not wait for each other.
    const look = (looks.get(app) ?? Promise.resolve()).then(async () => {
      if (stopped) return;
      const begun = await move(delivery, { type: 'begun' });
      if (begun.state !== 'working') return;
      if (newest.get(key) !== id)
        return void (await move(begun, { type: 'settled', outcome: `A newer push of ${short(event.ref)} took its place.` }));
      const seen = await lookAt(begun, event).catch((error: unknown) => faultOf(error));
      if (seen.type !== 'pushed') return void (await move(begun, seen));
      void handOver(begun, seen.update).catch(trouble(begun));
    });
    looks.set(app, look.catch(trouble(delivery)));
  }

  /** What did not get onto record stays open there, and is begun again with the next control plane or after a while. */
  const trouble =
    (delivery: Delivery) =>
    (error: unknown): void => {
      onFault(error);
      if (!hasCode(error, 'STALE_EPOCH')) later(millis(30_000), () => work(delivery));
    };

  async function lookAt(
    { app }: Delivery,
    event: MovedRef | DeletedRef,
  ): Promise<DeliveryEvent | { readonly type: 'pushed'; readonly update: PushedRef }> {
    const from = hook(app);
    if (from === null) return { type: 'refused', reason: 'The webhook was removed meanwhile.' };
    const { ref, before } = event;
    const target = { url: from.url, ref, access: accessOf(from, await keys.access(app)) };
    if (event.type === 'deleted') {
      const head = await source.head(app, target);
      if (head === before && head !== null) return { type: 'hindered', reason: `The forge still shows ${short(ref)}.` };
      if (head !== null) return { type: 'settled', outcome: `${short(ref)} is there again.` };
      return { type: 'pushed', update: { app, ref, before, after: null, pusher: from.kind } };
    }
    const fetched = await source.fetch(app, { ...target, sha: event.after });
    if (fetched.found === 'expected') {
      const pusher = event.pusher === null ? from.kind : `${event.pusher} (${from.kind})`;
      return { type: 'pushed', update: { app, ref, before, after: fetched.version.sha, pusher } };
    }
    // A forge tells of a push before every part of it knows.
    if (fetched.head === before)
      return { type: 'hindered', reason: `The forge does not show the new commit of ${short(ref)} yet.` };
    if (fetched.head === null) return { type: 'settled', outcome: `${short(ref)} has been deleted meanwhile.` };
    return { type: 'settled', outcome: `${short(ref)} has moved on to ${fetched.head.slice(0, 7)} meanwhile.` };
  }

  async function handOver(delivery: Delivery, update: PushedRef): Promise<void> {
    let last = '';
    const result = await receive(update, (line) => {
      last = line;
    });
    // Who is being stopped hears failures that are none: it is begun again.
    if (stopped) return;
    if (!result.ok && update.after !== null) ports.onRefused?.(update.app, update.after, result.reason);
    const outcome = (result.ok ? last || 'Done.' : result.reason).slice(0, longestOutcome);
    await move(delivery, { type: 'settled', outcome });
  }

  return {
    work,
    start: async () => {
      const open: Delivery[] = [];
      for (let before: string | undefined; ; ) {
        const rows = await store.deliveries({ open: true }, { limit: page, ...(before === undefined ? {} : { before }) });
        open.push(...rows);
        before = rows.at(-1)?.id;
        if (rows.length < page) break;
      }
      for (const delivery of open.reverse()) work(delivery);
    },
    stop: () => {
      stopped = true;
      for (const cancel of cancels) cancel();
      cancels.clear();
    },
  };
}

function faultOf(error: unknown): DeliveryEvent {
  if (!(error instanceof SignalboxError)) throw error;
  if (error.code === 'STALE_EPOCH') throw error;
  const passing = catalogue[error.code].retryable;
  return { type: passing ? 'hindered' : 'refused', reason: `${error.message} (${error.code})` };
}

/** GitHub, GitLab and Gitea take any user name beside a token; these are the ones they document. */
const users = { github: 'x-access-token', gitlab: 'oauth2', gitea: 'signalbox' } as const;

function accessOf(hook: Hook, access: Awaited<ReturnType<ForgeKeys['access']>>): FetchAccess {
  return {
    ...(access.token === null ? {} : { token: { user: users[hook.kind], secret: access.token } }),
    ...(access.key === null ? {} : { key: access.key }),
  };
}

const short = (ref: string): string => ref.replace(/^refs\/(?:heads|tags)\//, '');
