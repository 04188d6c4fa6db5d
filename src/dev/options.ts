import type { AppSpec } from '../domain/spec.ts';
import type { AccessoryHost, AccessoryStart } from './accessories.ts';
import type { ContainerOptions } from './containers/workplaces.ts';
import type { DevPlace } from './place.ts';
import type { Workplaces } from './workplace.ts';

/** Where a session speaks; what the command line's terminal offers. */
export interface DevTerminal {
  readonly json: boolean;
  readonly color: boolean;
  /** A line for people; with `json` dropped. */
  say(text: string): void;
  /** One line of JSON; without `json` dropped. */
  result(value: unknown): void;
}

export interface DevOptions {
  /** Absolute. */
  readonly folder: string;
  /** Undefined: 3080 or the next free one. 0: any. */
  readonly port?: number;
  /** Undefined: all. */
  readonly only?: readonly string[];
  readonly install: boolean;
  readonly home: string;
  readonly shell: Readonly<Record<string, string>>;
  readonly terminal: DevTerminal;
  /** The compiled proxy. */
  readonly proxyProgram: string;
  /** False: `--no-accessories`; what refers to them has to come from elsewhere. */
  readonly accessories: boolean;
  readonly showSecrets: boolean;
  /** Serves HTTPS, too, with certificates of the installation's local authority. */
  readonly https: boolean;
  /** Folder of that authority. */
  readonly authority: string;
  /** Starts them, and ends what a killed session left of others; null where none is left to start. */
  readonly startAccessories: (request: AccessoryRequest) => Promise<AccessoryHost | null>;
  /** Programs of services run in containers; undefined: as processes of this machine. */
  readonly containers?: (request: ContainersRequest) => Promise<Workplaces>;
  /** Resolves when it shall end, be it while it starts. */
  readonly ended: Promise<void>;
}

export interface AccessoryRequest extends AccessoryStart {
  readonly place: DevPlace;
  readonly shell: Readonly<Record<string, string>>;
}

export interface ContainersRequest extends Omit<ContainerOptions, 'engineSocket' | 'choose'> {
  readonly spec: AppSpec;
}
