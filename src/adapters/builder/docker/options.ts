import type { Engine } from '../../../engine/client.ts';
import type { SharedBuilds } from '../../../pipeline/shared-builds.ts';
import type { BuildResult } from '../../../ports/builder.ts';
import type { Clock } from '../../../ports/clock.ts';
import type { Source } from '../../../ports/source.ts';
import type { Logins } from './logins.ts';
import type { Transfers } from './registry.ts';

export interface ImageBuilderOptions {
  readonly engine: Engine;
  /** Names the installation on everything that it makes. */
  readonly homeId: string;
  readonly source: Pick<Source, 'checkout'>;
  readonly clock: Pick<Clock, 'now' | 'wall'>;
  readonly folders: {
    /** What is known of images besides what the engine says. */
    readonly records: string;
    /** A build writes `<app>/builds/<build key>.log`. */
    readonly logs: string;
    /** For sources on their way to the engine; empty between builds. */
    readonly incoming: string;
  };
  /** Builds of every kind on this machine wait for each other here. */
  readonly shared: SharedBuilds<BuildResult>;
  readonly logins: Logins;
  readonly transfers: Transfers;
  /** `<host>[:port][/prefix]` that images are pushed to; null: they stay here. */
  readonly registry: string | null;
  /** Milliseconds for one build. Default 15 min. */
  readonly timeLimit?: number;
  /** Bytes of files that one build sends to the engine. Default 1 GiB. */
  readonly maxContextBytes?: number;
  /** Bytes that have to stay free where the engine keeps its images. Default 512 MiB. */
  readonly minFreeBytes?: number;
}
