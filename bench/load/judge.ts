import type { DropKind, MixItem } from './contract.ts';
import type { Answer } from './connection.ts';

export type Verdict =
  | { readonly kind: 'ok' }
  | { readonly kind: 'app-error'; readonly detail: string }
  | { readonly kind: 'drop'; readonly drop: DropKind; readonly detail: string };

export interface Asked {
  readonly item: MixItem;
  /** Sent as `x-tag`; an app under `app` checks sends it back. */
  readonly tag: string;
  /** Nonce of an order, to be repeated in the body of the answer. */
  readonly nonce?: string;
  readonly appHeader: string | null;
}

/** Decides what a complete answer is worth. Pure. */
export function judge(asked: Asked, answer: Answer): Verdict {
  const { item } = asked;
  const { status, headers } = answer.head;
  const byApp = asked.appHeader !== null && headers.has(asked.appHeader);
  if (status >= 500 && !byApp) return drop('proxy-5xx', `${status}: ${beginning(answer)}`);
  if (status !== (item.status ?? 200)) {
    const detail = `status ${status} instead of ${item.status ?? 200}: ${beginning(answer)}`;
    return byApp ? { kind: 'app-error', detail } : drop('wrong-answer', detail);
  }
  if (item.bytes !== undefined && item.method !== 'HEAD' && answer.bytes !== item.bytes) {
    return drop('wrong-answer', `${answer.bytes} bytes instead of ${item.bytes}`);
  }
  if (item.check !== 'status') {
    if (asked.appHeader !== null && !byApp)
      return drop('wrong-answer', `an answer without ${asked.appHeader}: ${beginning(answer)}`);
    if (headers.get('x-tag') !== asked.tag)
      return drop('wrong-answer', `answer to ${headers.get('x-tag')} instead of ${asked.tag}`);
    if (item.method !== 'HEAD' && headers.get('x-crc32') !== String(answer.crc32)) {
      return drop('wrong-answer', `body changed: crc32 ${answer.crc32}, sent as ${headers.get('x-crc32')}`);
    }
  }
  if (asked.nonce !== undefined && !answer.start.includes(asked.nonce)) {
    return drop('wrong-answer', `the answer does not repeat the order ${asked.nonce}: ${beginning(answer)}`);
  }
  return { kind: 'ok' };
}

function drop(kind: DropKind, detail: string): Verdict {
  return { kind: 'drop', drop: kind, detail };
}

function beginning(answer: Answer): string {
  return JSON.stringify(answer.start.toString('utf8', 0, 160));
}
