import type { Millis, ServiceName } from '../values.ts';

/** What happens to a commit before it may ship, as `config/` has parsed, checked and completed it. */
export interface PipelineSpec {
  /** In the order of the file. Undefined: nobody wrote any down, they follow from the services. */
  readonly steps?: readonly StepSpec[];
  /** Longest time of all steps together, waiting included. Default 1 h. */
  readonly timeout: Millis;
}

/**
 * A command that has to succeed before anything ships. It runs in a copy of a service's build, that is, of the very files that would be
 * released; nothing that it writes is kept.
 */
export interface StepSpec {
  readonly name: string;
  /** Shell command. */
  readonly run: string;
  /** Whose build it runs in, in the folder of that service. */
  readonly service: ServiceName;
  /** Steps that have to have passed before. */
  readonly needs: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** Of one try. Default 15 min. */
  readonly timeout: Millis;
  /** How often it is tried again when it fails. Default 0. */
  readonly retries: number;
  /** Its failure is told and stops nothing. Default false. */
  readonly optional: boolean;
}
