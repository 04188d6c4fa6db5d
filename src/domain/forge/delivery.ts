import { type AppName, type Instant, type Millis, millis, type WallTime } from '../values.ts';
import type { ForgeEvent, ForgeKind } from './event.ts';

/** Where an app's webhook comes from and its source is fetched from. Its secret, token and key are kept elsewhere. */
export interface Hook {
  readonly app: AppName;
  readonly kind: ForgeKind;
  /** What git is given; carries no secret. */
  readonly url: string;
  /** Base of the forge's API where it is not the usual one. */
  readonly api: string | null;
  /** There is a token: for fetching over https, and for the status of commits. */
  readonly token: boolean;
  /** There is a deploy key, for fetching over ssh. */
  readonly deployKey: boolean;
  readonly createdAt: WallTime;
}

/** One call of a webhook that was let in: on record before it is answered, then worked off, and remembered against replays. */
export interface Delivery {
  /** Ours; sorts by arrival. */
  readonly id: string;
  readonly app: AppName;
  /** The forge's name of it, or ours where it gives none. */
  readonly name: string;
  /** Of the body; null where equal bodies may be different pushes. */
  readonly digest: string | null;
  readonly event: ForgeEvent;
  readonly receivedAt: WallTime;
  readonly at: Instant;
  readonly state: 'waiting' | 'working' | 'done' | 'failed';
  /** How often its work was begun. */
  readonly attempts: number;
  /** What came of it, as a sentence; null while nothing has. */
  readonly outcome: string | null;
}

export type DeliveryEvent =
  | { readonly type: 'begun' }
  /** Its work is over, whatever the deploy came to. */
  | { readonly type: 'settled'; readonly outcome: string }
  /** Something outside was in the way; it may be better later. */
  | { readonly type: 'hindered'; readonly reason: string }
  /** No later attempt will do better. */
  | { readonly type: 'refused'; readonly reason: string }
  /** The forge sent it once more. */
  | { readonly type: 'repeated' };

export type DeliveryEffect = { readonly type: 'work'; readonly after: Millis };

/** Begun this often it is given up: it may be what makes the program end. */
export const mostAttempts = 10;
const firstPause = 2000;
const longestPause = 120_000;

/** Replays are known as long as this, or among this many of an app. */
export const rememberedFor = millis(30 * 86_400_000);
export const rememberedOfApp = 10_000;

/** Nothing is left to do: only remembered. */
export const isOver = ({ state }: Pick<Delivery, 'state'>): boolean => state === 'done' || state === 'failed';

/** What was going on when the control plane ended is begun again; what failed may be sent again by the forge. All else is left as it is. */
export function deliveryAfter(
  delivery: Delivery,
  event: DeliveryEvent,
): { readonly delivery: Delivery; readonly effects: readonly DeliveryEffect[] } {
  const become = (changes: Partial<Delivery>, ...effects: readonly DeliveryEffect[]) => ({
    delivery: { ...delivery, ...changes },
    effects,
  });
  if (event.type === 'repeated') {
    if (delivery.state !== 'failed') return become({});
    return become({ state: 'waiting', attempts: 0, outcome: null }, { type: 'work', after: millis(0) });
  }
  if (isOver(delivery)) return become({});
  switch (event.type) {
    case 'begun':
      if (delivery.attempts >= mostAttempts)
        return become({ state: 'failed', outcome: `Given up after ${delivery.attempts} attempts.` });
      return become({ state: 'working', attempts: delivery.attempts + 1 });
    case 'settled':
      return become({ state: 'done', outcome: event.outcome });
    case 'refused':
      return become({ state: 'failed', outcome: event.reason });
    case 'hindered':
      if (delivery.attempts >= mostAttempts) return become({ state: 'failed', outcome: event.reason });
      return become(
        { state: 'waiting', outcome: event.reason },
        { type: 'work', after: millis(Math.min(firstPause * 2 ** Math.max(0, delivery.attempts - 1), longestPause)) },
      );
  }
}
