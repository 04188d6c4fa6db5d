import type { Delivery, Hook } from '../domain/forge/delivery.ts';
import type { ForgeKind } from '../domain/forge/event.ts';
import type { ReadHeader } from '../domain/forge/headers.ts';
import type { AppName } from '../domain/values.ts';

/** What the API asks of webhooks. */
export interface WebhookCommands {
  add(request: {
    readonly app: AppName;
    readonly kind: ForgeKind;
    readonly url: string;
    readonly api?: string;
    readonly secret?: string;
    readonly token?: string;
    readonly deployKey?: string;
  }): Promise<{ readonly hook: Hook; readonly secret: string }>;
  remove(app: AppName): Promise<void>;
  take(call: {
    readonly app: string;
    readonly header: ReadHeader;
    readonly body: Uint8Array;
    readonly digest: string;
  }): Promise<{ readonly result: 'taken' | 'noted' | 'known'; readonly delivery: Delivery }>;
}
