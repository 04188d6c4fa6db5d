import type { Readable } from 'node:stream';
import { EngineError } from '../../../engine/errors.ts';
import { jsonLines } from '../../../engine/streams.ts';

/** What the engine tells while it builds, pulls or pushes: one of these per line. */
interface Message {
  readonly stream?: string;
  readonly status?: string;
  readonly id?: string;
  readonly progressDetail?: { readonly total?: number };
  readonly error?: string;
  readonly errorDetail?: { readonly code?: number; readonly message?: string };
  readonly aux?: { readonly ID?: string; readonly Tag?: string; readonly Digest?: string };
}

export type BuildEnd =
  | { readonly ok: true; readonly image: string }
  | {
      readonly ok: false;
      readonly message: string;
      /** Exit code of the command that failed; null when something else did. */
      readonly exitCode: number | null;
      /** The Dockerfile's line that was carried out. */
      readonly step: string | null;
    };

/** What the engine tells of its own work, and nobody wants to read. */
const housekeeping = /^ ---> (?!Using cache)|^Removing intermediate container/;

export interface BuildListener {
  /** Output as it comes, in pieces of any length. */
  readonly write: (text: string) => void;
  /** Short id of the container that a step runs in. */
  readonly onContainer: (id: string) => void;
  /** Short id of what a step made: the cache of the next build. */
  readonly onLayer: (id: string) => void;
}

/**
 * Reads a build to its end. A failure comes as a message like any other, and the answer's status is 200 all the same.
 * @throws EngineError unavailable when the engine goes away before it has said how it ended.
 */
export async function readBuild(stream: Readable, { write, onContainer, onLayer }: BuildListener): Promise<BuildEnd> {
  let image: string | null = null;
  let step: string | null = null;
  let cached = false;
  for await (const { stream: text, status, progressDetail, id, aux, error, errorDetail } of jsonLines<Message>(stream)) {
    if (error !== undefined) {
      const message = errorDetail?.message ?? error;
      write(`${message}\n`);
      return { ok: false, message, exitCode: errorDetail?.code ?? null, step };
    }
    if (aux?.ID !== undefined) image = aux.ID;
    if (status !== undefined && progressDetail?.total === undefined) write(`${id === undefined ? '' : `${id}: `}${status}\n`);
    if (text === undefined) continue;
    if (!housekeeping.test(text)) write(text);
    const begun = /^Step \d+\/\d+ : (.*)/s.exec(text)?.[1];
    if (begun !== undefined) {
      step = begun.trim();
      // What a stage starts from was there before.
      cached = /^from\s/i.test(step);
    } else if (text.startsWith(' ---> Using cache')) cached = true;
    const container = /^ ---> Running in ([0-9a-f]{12,64})/.exec(text)?.[1];
    if (container !== undefined) onContainer(container);
    const made = /^ ---> ([0-9a-f]{12,64})\n?$/.exec(text)?.[1];
    if (made !== undefined && !cached) onLayer(made);
  }
  if (image === null) throw new EngineError('unavailable', 'The Docker engine went away while it built.');
  return { ok: true, image };
}

export type TransferEnd =
  | { readonly ok: true; readonly digest: string | null }
  | { readonly ok: false; readonly message: string };

/** Reads a push or a pull to its end. `onMessage` is called for whatever the engine tells: while bytes move it tells all the time. */
export async function readTransfer(
  stream: Readable,
  { write, onMessage }: { readonly write: (line: string) => void; readonly onMessage: () => void },
): Promise<TransferEnd> {
  let digest: string | null = null;
  let ended = false;
  for await (const { status, error, errorDetail, aux, id } of jsonLines<Message>(stream)) {
    onMessage();
    if (error !== undefined) return { ok: false, message: errorDetail?.message ?? error };
    if (aux?.Digest !== undefined) digest = aux.Digest;
    const told =
      /^Digest: (sha256:[0-9a-f]{64})/.exec(status ?? '')?.[1] ?? /digest: (sha256:[0-9a-f]{64})/.exec(status ?? '')?.[1];
    if (told !== undefined) digest = told;
    if (
      status !== undefined &&
      (id === undefined || /^(?:Pushed|Pull complete|Layer already exists|Already exists)$/.test(status))
    )
      write(`${id === undefined ? '' : `${id}: `}${status}`);
    ended = true;
  }
  if (!ended) throw new EngineError('unavailable', 'The Docker engine went away during the transfer.');
  return { ok: true, digest };
}
