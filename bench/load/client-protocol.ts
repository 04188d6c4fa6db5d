import type { LoadOptions, LoadReport, LoadTotals } from './contract.ts';

/** Over the IPC channel of the client's process. */
export type ToClient =
  | { readonly type: 'start'; readonly options: LoadOptions }
  | { readonly type: 'mark'; readonly phase: string }
  | { readonly type: 'stop' };

export type FromClient =
  | { readonly type: 'totals'; readonly totals: LoadTotals }
  | { readonly type: 'marked'; readonly phase: string }
  | { readonly type: 'report'; readonly report: LoadReport }
  | { readonly type: 'failed'; readonly message: string };
