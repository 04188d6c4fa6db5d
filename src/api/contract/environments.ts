/** Bodies of what concerns environments as a whole: promotion, locks, differences, drift. */

/** Where a release comes from that was tested elsewhere and is taken over as it was built there. */
export interface PromotedFromBody {
  readonly environment: string;
  /** `v7`. */
  readonly release: string;
  /** Service -> build key, the same there and here. */
  readonly keys: Readonly<Record<string, string>>;
}

export interface PromotionBody {
  /** Environment that has tested it. */
  readonly from: string;
  /** `7` or `v7`; default: the one with all traffic there, which has to be proven. */
  readonly release?: string;
  /** Also what has not proven itself. */
  readonly force?: boolean;
  readonly strategy?: 'blue-green' | 'rolling' | 'canary';
  /** Goes through although no window is open, for this reason. */
  readonly forceWindow?: string;
}

export interface LockBody {
  readonly owner: string;
  readonly reason: string;
  /** ISO 8601. */
  readonly since: string;
}

/** The owner is who asks, as the header `signalbox-by` says. */
export interface LockRequestBody {
  readonly reason: string;
}

export interface UnlockBody {
  /** Also a lock of somebody else. */
  readonly force?: boolean;
}

/** Null: nobody had locked it. */
export interface UnlockedBody {
  readonly was: LockBody | null;
}

/** One environment in the list of an app's. */
export interface EnvironmentRowBody {
  readonly environment: string;
  readonly release: string | null;
  readonly proven: string | null;
  readonly sha: string | null;
  readonly promotedFrom?: { readonly environment: string; readonly release: string };
  readonly lock?: LockBody;
}

/** What the release with traffic declares; names of variables, never values. */
export interface DeclaredBody {
  readonly release: string;
  readonly sha: string;
  readonly subject: string;
  readonly createdAt: string;
  readonly promotedFrom?: PromotedFromBody;
  readonly strategy: string;
  /** Pushes to which branch are deployed here; false: to none; absent: the usual rule (production follows the usual branch). */
  readonly branch?: string | false;
  readonly services: readonly {
    readonly service: string;
    readonly kind: string;
    readonly key: string;
    readonly replicas: number;
    readonly hosts: readonly string[];
    readonly variables: readonly string[];
    /** Variables that stand for secrets; the secrets by name and version. */
    readonly secrets: readonly { readonly variable: string; readonly secret: string; readonly version: number }[];
  }[];
  readonly accessories: readonly string[];
  /** When deploys are let through, a sentence each. */
  readonly windows: readonly string[];
  /** Why no deploy is let through now; absent: one is. */
  readonly closed?: { readonly because: string; readonly next: string | null };
}

export interface DiffBody {
  readonly first: DiffSideBody;
  readonly second: DiffSideBody;
  /** Each service has the same build in both. */
  readonly sameBuilds: boolean;
  readonly services: readonly {
    readonly service: string;
    readonly keys: readonly [string | null, string | null];
    readonly sameBuild: boolean;
    readonly replicas: readonly [number | null, number | null];
    readonly hosts: readonly [readonly string[] | null, readonly string[] | null];
    /** Names alone. */
    readonly variables: {
      readonly onlyFirst: readonly string[];
      readonly onlySecond: readonly string[];
      readonly different: readonly string[];
    };
  }[];
}

export interface DiffSideBody {
  readonly environment: string;
  readonly release: string;
  readonly sha: string;
}

export interface SyncBody {
  /** Accessories that were started anew with what the release declares. */
  readonly applied: readonly string[];
  /** What differed before, and what still does; sentences. */
  readonly before: readonly string[];
  readonly after: readonly string[];
}
