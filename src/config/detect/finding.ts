/** One thing that detection saw, for a person: what, and where the evidence is. */
export interface Finding {
  /** A sentence without full stop. */
  readonly text: string;
  /** Path from the repository's root. */
  readonly file?: string;
  /** Counts from 1. */
  readonly line?: number;
  /** `note`: something to know or to decide, rather than a choice that was made. */
  readonly kind: 'choice' | 'note';
}

export interface DetectedService {
  readonly name: string;
  /** Folder, `.` for the root. */
  readonly path: string;
  readonly build?: string;
  readonly run?: string;
  /** Folder to serve, relative to `path`. */
  readonly static?: string;
  /** Path of a health check; undefined: the port has to answer. */
  readonly health?: string;
  /** Path prefix; undefined: a worker. */
  readonly route?: string;
  readonly persist: readonly string[];
  readonly release?: string;
  readonly env?: Readonly<Record<string, string>>;
}

export interface Detection {
  readonly services: readonly DetectedService[];
  readonly findings: readonly Finding[];
  /** By service: unknown paths get the one page. */
  readonly singlePage: Readonly<Record<string, boolean>>;
}
