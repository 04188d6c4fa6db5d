import type { ForgeKind } from './event.ts';

/** By name in lower case. */
export type ReadHeader = (name: string) => string | undefined;

/** Where each forge has what. Gitea sends GitHub's headers, too, so its own are what counts. */
export const forgeHeaders = {
  github: { proof: ['x-hub-signature-256'], event: ['x-github-event'], name: ['x-github-delivery'] },
  gitea: {
    proof: ['x-gitea-signature', 'x-forgejo-signature'],
    event: ['x-gitea-event', 'x-forgejo-event'],
    name: ['x-gitea-delivery', 'x-forgejo-delivery'],
  },
  gitlab: { proof: ['x-gitlab-token'], event: ['x-gitlab-event'], name: ['x-gitlab-event-uuid', 'idempotency-key'] },
} as const satisfies Record<ForgeKind, Record<string, readonly string[]>>;

export const firstHeader = (read: ReadHeader, names: readonly string[]): string | undefined =>
  names.map((name) => read(name)).find((value) => value !== undefined);

/** Whether a call carries anything that could prove where it is from; without, its body need not be read. */
export const hasProof = (read: ReadHeader): boolean =>
  Object.values(forgeHeaders).some(({ proof }) => firstHeader(read, proof) !== undefined);
