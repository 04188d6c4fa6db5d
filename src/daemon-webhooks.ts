import { openForgeKeys } from './adapters/forge/files/keys.ts';
import { httpCommitStatuses } from './adapters/forge/http/statuses.ts';
import type { WebhookCommands } from './api/webhook-commands.ts';
import type { Feed } from './control-plane/commands.ts';
import { createStatusReport } from './control-plane/commit-statuses.ts';
import { createDeliveries, type Receive } from './control-plane/deliveries.ts';
import { openWebhooks } from './control-plane/webhooks.ts';
import { fault } from './daemon-log.ts';
import type { Release } from './domain/release.ts';
import type { Epoch } from './domain/values.ts';
import type { Clock, Ids } from './ports/clock.ts';
import type { FetchSource } from './ports/fetch-source.ts';
import type { Store } from './ports/store.ts';

export interface WebhookParts {
  readonly epoch: Epoch;
  readonly store: Store;
  readonly source: FetchSource;
  readonly clock: Clock;
  readonly ids: Ids;
  /** Folder of what is secret. */
  readonly keys: string;
  readonly plainLoopback: boolean;
  readonly version: string;
  readonly feed: Feed;
  /** What a push leads to. */
  readonly receive: Receive;
  readonly addressOf: (release: Release) => string | null;
}

/** Webhooks of forges: what comes, what is done about it, and what the forge is told. Nothing is done before `start`. */
export async function openForge(parts: WebhookParts): Promise<{
  readonly commands: WebhookCommands;
  start(): Promise<void>;
  stop(): void;
}> {
  const { epoch, store, clock, source, receive } = parts;
  const keys = await openForgeKeys(parts.keys);
  const webhooks = await openWebhooks({
    epoch,
    store,
    keys,
    clock,
    ids: parts.ids,
    plainLoopback: parts.plainLoopback,
    onTaken: (delivery) => deliveries.work(delivery),
  });
  const report = createStatusReport({
    epoch,
    store,
    feed: parts.feed,
    hook: (app) => webhooks.find(app),
    isNeeded: () => webhooks.hasToken(),
    keys,
    forge: httpCommitStatuses({ userAgent: `signalbox/${parts.version}` }),
    clock,
    linkOf: parts.addressOf,
    onFault: fault,
  });
  const deliveries = createDeliveries({
    epoch,
    store,
    source,
    keys,
    clock,
    hook: (app) => webhooks.find(app),
    receive,
    onRefused: (app, sha, reason) => void report.refused(app, sha, reason).catch(fault),
    onFault: fault,
  });
  return {
    commands: webhooks,
    start: async () => {
      await report.start();
      await deliveries.start();
    },
    stop: () => {
      deliveries.stop();
      report.stop();
    },
  };
}
