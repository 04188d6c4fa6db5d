import type { Hook } from '../domain/forge/delivery.ts';
import type { ForgeKind } from '../domain/forge/event.ts';
import type { CommitStatus } from '../domain/forge/status-request.ts';
import type { AppName } from '../domain/values.ts';

/** What is secret about webhooks: in no store, event or log. */
export interface ForgeKeys {
  /** Replaces what there is of the app. */
  keep(app: AppName, keys: { readonly secret: string; readonly token?: string; readonly deployKey?: string }): Promise<void>;
  forget(app: AppName): Promise<void>;
  /**
   * Whether whoever sent the body has the app's secret. How long that takes tells nothing about the secret, nor whether there is
   * such an app.
   * @param call `proof`: the signature over the body; of GitLab the secret itself
   */
  verify(app: string, call: { readonly kind: ForgeKind; readonly proof: string; readonly body: Uint8Array }): boolean;
  access(app: AppName): Promise<ForgeAccess>;
}

export interface ForgeAccess {
  readonly token: string | null;
  /** Files of the private key and of the host keys seen so far. */
  readonly key: { readonly file: string; readonly knownHosts: string } | null;
}

/** Writes beside a commit on its forge. */
export interface CommitStatuses {
  /** Never throws: what the forge says is the answer. `again`: later it may take it. */
  write(hook: Hook, token: string, status: CommitStatus): Promise<Written>;
}

export type Written = { readonly done: true } | { readonly done: false; readonly again: boolean; readonly reason: string };
