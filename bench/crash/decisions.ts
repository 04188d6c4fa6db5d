import Sqlite from 'libsql';
import type { Rollout } from '../../src/domain/rollout/state.ts';

/** What the store says of a rollout at an instant: the decision, and what is still to be done for it. */
export interface Decision {
  readonly id: string;
  readonly kind: 'deploy' | 'rollback';
  readonly phase: string;
  /** Index of the step of traffic that is, or is being, served; -1 before the first. */
  readonly step: number;
  readonly stepServed: boolean;
  /** Types of the effects that are committed and have not been answered. */
  readonly outstanding: readonly string[];
}

/** Reads an installation's decisions behind the control plane's back, so that it can be killed right between two of them. */
export class Decisions {
  readonly #database: Sqlite.Database;
  readonly #newest: Sqlite.Statement;

  constructor(file: string) {
    this.#database = new Sqlite(file);
    this.#database.exec('PRAGMA busy_timeout = 1000; PRAGMA query_only = ON');
    this.#newest = this.#database.prepare('SELECT document FROM rollout ORDER BY id DESC LIMIT 1');
  }

  /** The newest rollout, also when it has ended. */
  newest(): Decision | undefined {
    const [row] = this.#newest.all() as { document: string }[];
    if (!row) return undefined;
    const { id, kind, phase, step, stepServed, outstanding } = JSON.parse(row.document) as Rollout;
    return { id, kind, phase, step, stepServed, outstanding: outstanding.map(({ effect }) => effect.type) };
  }

  /**
   * Looks every millisecond until a decision matches, and acts on it in the same turn.
   * @returns the decision acted on; undefined when none matched in time.
   */
  actOn(
    matches: (decision: Decision) => boolean,
    act: (decision: Decision) => void,
    timeoutMs: number,
  ): { seen: Promise<Decision | undefined>; stop(): void } {
    let stop = (): void => undefined;
    const seen = new Promise<Decision | undefined>((resolve) => {
      const end = (decision: Decision | undefined): void => {
        clearInterval(timer);
        clearTimeout(limit);
        resolve(decision);
      };
      const timer = setInterval(() => {
        const decision = this.newest();
        if (!decision || !matches(decision)) return;
        act(decision);
        end(decision);
      }, 1);
      const limit = setTimeout(() => end(undefined), timeoutMs);
      stop = () => end(undefined);
    });
    return { seen, stop: () => stop() };
  }

  close(): void {
    this.#database.close();
  }
}
