import type { ScanKind, ScanVerdict } from '../domain/scan.ts';

/** What is to be scanned. */
export interface ScanTarget {
  /** Absolute folder of the source. */
  readonly folder: string;
  /** Reference of an image, for scanners of images. */
  readonly image?: string;
}

export type ScannerPresence =
  | { readonly available: true; readonly version: string }
  | { readonly available: false; readonly why: string; readonly enable: string };

/** One way to look for holes. It never says `clean` for what it did not see. */
export interface Scanner {
  /** As people know it: `npm audit`, `trivy`. */
  readonly name: string;
  readonly kind: ScanKind;
  /** Never rejects. */
  available(signal: AbortSignal): Promise<ScannerPresence>;
  /** Changes nothing in the folder. Never rejects: what goes wrong, or is aborted, is `not-checked`. */
  scan(target: ScanTarget, signal: AbortSignal): Promise<ScanVerdict>;
}
