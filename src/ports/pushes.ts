import type { AppName } from '../domain/values.ts';

/** One branch or tag that somebody wants moved. Its commits are kept here already. */
export interface PushedUpdate {
  readonly app: AppName;
  /** `refs/heads/…` or `refs/tags/…`. */
  readonly ref: string;
  /** Null: it is new. */
  readonly before: string | null;
  /** Of a tag: the commit that it leads to. Null: it is taken away. */
  readonly after: string | null;
  /** Who pushes, in their own words. */
  readonly pusher: string;
}

/** `deployed`: at least one environment runs it now. */
export type PushAnswer = { readonly ok: true; readonly deployed: boolean } | { readonly ok: false; readonly reason: string };

/** What pushes lead to. The door they come in by moves the ref when the answer is ok, and leaves it where it is when it is not. */
export interface Pushes {
  /**
   * Resolves when it is known what has become of the update; a line is said as soon as there is something to tell. It goes on
   * when nobody listens any more. Never rejects.
   */
  receive(update: PushedUpdate, say: (line: string) => void): Promise<PushAnswer>;
  /** Answers everybody who waits; what was begun goes on. */
  stop(): void;
}
