/** What `GET /info` says about inits; more is for those who ask. */
export interface InitInfo {
  readonly InitBinary?: string;
  readonly InitCommit?: { readonly ID?: string };
}

/** Whether the engine brings an init program: it reaps zombies and hands signals on. */
export const bringsInit = ({ InitBinary, InitCommit }: InitInfo): boolean =>
  (InitBinary ?? '') !== '' && InitCommit?.ID !== 'N/A';
