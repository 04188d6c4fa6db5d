import type { ErrorCode } from '../../../domain/errors.ts';

/** What the store's thread is started with. Plain data: it crosses a thread boundary. */
export interface WorkerOptions {
  readonly file: string;
  readonly lockFile: string;
  /** Written into the pid file beside the lock. */
  readonly pid: number;
  /** Milliseconds that a call waits for a write transaction of another process; reads aside are answered meanwhile. */
  readonly busyTimeout: number;
  /** Size of the reserve file in bytes; 0 for none. */
  readonly reserve: number;
}

/** Documents travel as JSON text, so that neither thread copies an object graph. */
export interface EncodedChange {
  readonly epoch: number;
  readonly at: number;
  readonly apps: readonly { readonly name: string; readonly document: string }[];
  readonly environments: readonly { readonly key: string; readonly revision: number; readonly document: string }[];
  readonly releases: readonly EncodedRelease[];
  readonly rollouts: readonly EncodedRollout[];
  readonly runs: readonly { readonly id: string; readonly app: string; readonly active: boolean; readonly document: string }[];
  readonly events: readonly EncodedEvent[];
  readonly hooks: readonly { readonly app: string; readonly document: string }[];
  readonly removedHooks: readonly string[];
  readonly deliveries: readonly EncodedDelivery[];
}

export interface EncodedDelivery {
  readonly id: string;
  readonly app: string;
  readonly name: string;
  readonly digest: string | null;
  readonly at: number;
  readonly open: boolean;
  readonly document: string;
}

export interface EncodedRelease {
  readonly id: string;
  readonly environment: string;
  readonly number: number;
  readonly document: string;
  readonly workloads: readonly { readonly id: string; readonly document: string }[];
}

export interface EncodedRollout {
  readonly id: string;
  readonly environment: string;
  readonly release: string;
  readonly active: boolean;
  readonly document: string;
}

export interface EncodedEvent {
  readonly app: string | null;
  readonly environment: string | null;
  readonly rollout: string | null;
  readonly document: string;
}

export interface Query {
  readonly sql: string;
  readonly parameters: readonly (string | number)[];
}

export interface Row {
  readonly sequence?: number;
  readonly document: string;
}

/** Every call the thread answers, with the type of its answer. */
export interface Calls {
  open: { readonly ask: null; readonly answer: null };
  acquire: { readonly ask: null; readonly answer: { readonly epoch: number; readonly clock: number } };
  commit: { readonly ask: EncodedChange; readonly answer: null };
  rows: { readonly ask: readonly Query[]; readonly answer: readonly Row[] };
  pruneReleases: {
    readonly ask: { readonly perEnvironment: number; readonly keep: readonly string[] };
    readonly answer: { readonly removed: readonly string[]; readonly more: boolean };
  };
  pruneEvents: { readonly ask: { readonly events: number }; readonly answer: { readonly more: boolean } };
  close: { readonly ask: null; readonly answer: null };
}

export type CallName = keyof Calls;
export type Call = {
  [Name in CallName]: {
    readonly id: number;
    readonly name: Name;
    readonly ask: Calls[Name]['ask'];
    /** Answered at once, ahead of what waits; reads only. */
    readonly aside?: true;
  };
}[CallName];

/** Instead of calls: nobody waits any more, the thread shall end with what is left undone. */
export const giveUp = 'give up';

/** An error as it crosses the thread boundary. */
export interface Refusal {
  readonly code: ErrorCode;
  readonly message: string;
  readonly hint?: string;
  readonly details?: Record<string, unknown>;
}

export type Reply =
  | { readonly id: number; readonly ok: true; readonly answer: Calls[CallName]['answer'] }
  | { readonly id: number; readonly ok: false; readonly refusal: Refusal };
