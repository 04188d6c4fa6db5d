import {
  type AccessorySpec,
  accessoryId,
  accessoryValues,
  accessoryWorkload,
  describeAccessory,
  isAccessoryId,
  type RuntimeKind,
  sameAccessory,
} from '../domain/accessories.ts';
import type { DesiredWorkload } from '../domain/desired.ts';
import type { EnvironmentState } from '../domain/environment-state.ts';
import { type ErrorCode, SignalboxError } from '../domain/errors.ts';
import { accessoriesIn } from '../domain/links.ts';
import type { Workload } from '../domain/release.ts';
import type { Reason } from '../domain/rollout/state.ts';
import { environmentKey, type WorkloadId } from '../domain/values.ts';
import type { Passwords } from '../ports/passwords.ts';
import type { InstanceObservation, Runtime } from '../ports/runtime.ts';
import type { Plant } from './plant.ts';

/** What an installation needs for accessories. */
export interface AccessoryPorts {
  readonly runtime: RuntimeKind;
  readonly passwords: Passwords;
  /** Why it cannot run here, or null. */
  readonly obstacle: (spec: AccessorySpec) => SignalboxError | null;
}

export interface Accessories {
  /** What shall run beside the services of all environments. */
  desired(): readonly DesiredWorkload[];
  workload(environment: EnvironmentState, name: string): Workload | undefined;
  /** Looks up the references of a workload; null while one of its accessories has no address yet. */
  lookUp(workload: Workload): Promise<AccessoryLookUp | null>;
  /** Where the accessories are that a workload refers to, in one line; undefined where it refers to none or one has no address. */
  follows(workload: Workload, observed: readonly InstanceObservation[]): string | undefined;
  obstacle(spec: AccessorySpec): SignalboxError | null;
  /** The runtime refused to start it, or did start it (null). */
  told(id: WorkloadId, error: unknown): void;
  /** Why it was last refused. */
  refusal(id: WorkloadId): Reason | null;
}

export interface AccessoryLookUp {
  readonly value: (name: string, field: string) => string;
  /** Changes when an address does; undefined where nothing is referred to. */
  readonly follows?: string;
}

export function createAccessories(ports: AccessoryPorts & { readonly plant: Plant; readonly host: Runtime }): Accessories {
  const { plant, host, runtime, passwords } = ports;
  const refusals = new Map<WorkloadId, Reason>();

  const workload = (environment: EnvironmentState, name: string): Workload | undefined => {
    const spec = environment.accessories?.[name];
    return spec && accessoryWorkload(spec, { app: environment.app, environment: environment.environment, runtime });
  };

  async function lookUp(of: Workload): Promise<AccessoryLookUp | null> {
    const names = accessoriesIn(of.env);
    if (names.length === 0) return { value: (name, field) => `unknown:${name}.${field}` };
    const environment = plant.environment(environmentKey(of.app, of.environment));
    const itself = isAccessoryId(of.id);
    const observed = itself ? [] : await host.observe();
    const values = new Map<string, Readonly<Record<string, string>>>();
    for (const name of names) {
      const spec = environment?.accessories?.[name];
      if (!spec) return null;
      // It refers to its own password only, and has no address before it starts.
      const inside = itself ? nowhere : addressOf(of, name, observed);
      if (!inside) return null;
      const password = await passwords.of({ app: of.app, environment: of.environment, accessory: name });
      values.set(name, accessoryValues(spec, { runtime, inside, password }));
    }
    const value = (name: string, field: string): string => values.get(name)?.[field] ?? '';
    const addresses = itself ? undefined : follows(of, observed);
    return { value, ...(addresses === undefined ? {} : { follows: addresses }) };
  }

  function follows(of: Workload, observed: readonly InstanceObservation[]): string | undefined {
    if (isAccessoryId(of.id)) return undefined;
    const parts = accessoriesIn(of.env).map((name) => {
      const at = addressOf(of, name, observed);
      return at ? `${name}=${at.host}:${at.port}` : null;
    });
    return parts.length === 0 || parts.includes(null) ? undefined : parts.join(' ');
  }

  return {
    workload,
    lookUp,
    follows,
    obstacle: ports.obstacle,
    desired: () =>
      plant.environments().flatMap((environment) =>
        Object.keys(environment.accessories ?? {}).flatMap((name) => {
          const found = workload(environment, name);
          return found ? [{ workload: found, release: null, replicas: 1, exclusive: false }] : [];
        }),
      ),
    told: (id, error) => {
      if (!isAccessoryId(id)) return;
      if (error === null) refusals.delete(id);
      else if (error instanceof SignalboxError && refused.has(error.code))
        refusals.set(id, { code: 'ACCESSORY_UNHEALTHY', message: error.message });
    },
    refusal: (id) => refusals.get(id) ?? null,
  };
}

/** Waiting does not help who waits for it. Tried again all the same: what runs on it may outlast a registry that is away. */
const refused: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'START_FAILED',
  'ARTIFACT_MISSING',
  'REGISTRY_REFUSED',
  'REGISTRY_UNAVAILABLE',
]);

const nowhere = { host: '', port: 0 };

function addressOf(
  { app, environment }: Workload,
  name: string,
  observed: readonly InstanceObservation[],
): { readonly host: string; readonly port: number } | null {
  const seen = observed.find((o) => o.workload === accessoryId(app, environment, name));
  return (seen?.inside === undefined ? seen?.endpoint : seen.inside) ?? null;
}

/** Those that run, and those of a release that do not yet; what runs stays as it is. */
export function withMissing(
  environment: EnvironmentState,
  declared: readonly AccessorySpec[] | undefined,
): Pick<EnvironmentState, 'accessories'> {
  if (declared === undefined || declared.length === 0) return {};
  const running = environment.accessories ?? {};
  return { accessories: { ...Object.fromEntries(declared.map((one) => [one.name, one])), ...running } };
}

/** What a release would like to be different about accessories, and does not get. */
export function accessoryNotes(environment: EnvironmentState, declared: readonly AccessorySpec[] | undefined): readonly string[] {
  const running = environment.accessories ?? {};
  const changed = (declared ?? []).flatMap((one) => {
    const now = running[one.name];
    if (now === undefined || sameAccessory(now, one)) return [];
    const [has, asks] = [describeAccessory(now), describeAccessory(one)];
    const difference =
      has === asks ? 'its settings differ from the configuration' : `it runs ${has}, the configuration says ${asks}`;
    return [`${one.name}: ${difference}; not touched by a release: \`signalbox accessories apply ${one.name}\` does that`];
  });
  const names = new Set<string>((declared ?? []).map((one) => one.name));
  const left = Object.keys(running).filter((name) => !names.has(name));
  return [
    ...changed,
    ...left.map((name) => `${name} is no longer declared and goes on running: \`signalbox accessories remove ${name}\` ends it`),
  ];
}
