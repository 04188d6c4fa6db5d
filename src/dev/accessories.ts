import { setTimeout as wait } from 'node:timers/promises';
import {
  type AccessorySpec,
  accessoryId,
  accessoryValues,
  accessoryWorkload,
  describeAccessory,
  type RuntimeKind,
} from '../domain/accessories.ts';
import { SignalboxError } from '../domain/errors.ts';
import { resolveReferences } from '../domain/links.ts';
import type { Workload } from '../domain/release.ts';
import type { AppName, EnvironmentName, Epoch } from '../domain/values.ts';
import type { Passwords } from '../ports/passwords.ts';
import type { Prober } from '../ports/prober.ts';
import type { InstanceObservation, Runtime } from '../ports/runtime.ts';
import type { DevLog } from './log.ts';

/** Databases, caches and the like of a stack, started before its services and kept with their data. */
export interface AccessoryHost {
  /** Changes when the data is another one. */
  readonly dataId: string;
  /** One line each for people: name, what it is, where it answers. */
  readonly summary: readonly { readonly name: string; readonly what: string; readonly at: string }[];
  /** Addresses by name, of those that are up. */
  hosts(): Readonly<Record<string, string>>;
  /** Puts values in place of `${accessories.NAME.FIELD}`. */
  resolve(value: string): string;
  end(): Promise<void>;
  /** How long whoever is in a hurry waits for the end nevertheless, ms. */
  readonly hurriedMs: number;
}

/** What runs accessories: the runtimes of an installation, with a home of its own. */
export interface AccessoryPorts {
  /** What the accessory runs as, and what runs it. */
  readonly hosting: (spec: AccessorySpec) => { readonly runtime: Runtime; readonly kind: RuntimeKind };
  readonly epoch: Epoch;
  readonly passwords: Passwords;
  readonly prober: Prober;
  /** Said to be different at the desk; undefined: nothing. */
  readonly changed?: (
    workload: Workload,
    spec: AccessorySpec,
    valuesOf: (name: string) => Readonly<Record<string, string>> | undefined,
  ) => Promise<Workload>;
  /** Ends the runtimes with everything they run. */
  close(): Promise<void>;
}

export interface AccessoryStart {
  readonly app: AppName;
  readonly specs: readonly AccessorySpec[];
  readonly log: DevLog;
  /** Passwords are shown in the summary. */
  readonly showSecrets: boolean;
  readonly ended: () => boolean;
  /** Resolves when `ended` becomes true. */
  readonly over: Promise<void>;
}

/** One set of data per folder, whatever the environment is called. */
export const accessoryEnvironment = 'development' as EnvironmentName;
const environment = accessoryEnvironment;
/** A look at containers asks the engine. */
const lookMs = { process: 100, docker: 250 } as const;
/** Ended by itself this often: waiting does not help. */
const startAttempts = 3;

/** Processes have a keeper that ends them; containers and their network would stay. */
const hurriedMs = { process: 0, docker: 15_000 } as const;

/** Nothing refers to it, and it takes its time: nobody waits for it, and a stack goes without it. */
const isExtra = ({ type }: AccessorySpec): boolean => type === 'pgadmin';

/**
 * Starts all of them side by side and waits until each is healthy, a database browser excepted: that comes up in the background.
 * @throws ACCESSORY_UNHEALTHY with its last lines
 */
export async function startAccessories(ports: AccessoryPorts, start: AccessoryStart): Promise<AccessoryHost> {
  const { epoch, passwords } = ports;
  const values = new Map<string, Readonly<Record<string, string>>>();
  const bring = async (spec: AccessorySpec): Promise<void> => {
    const began = performance.now();
    const { runtime, kind } = ports.hosting(spec);
    const password = await passwords.of({ app: start.app, environment, accessory: spec.name });
    const usual = accessoryWorkload(spec, { app: start.app, environment, runtime: kind });
    const workload = (await ports.changed?.(usual, spec, (name) => values.get(name))) ?? usual;
    const own = accessoryValues(spec, { runtime: kind, inside: { host: '', port: 0 }, password });
    const env = resolveReferences(
      workload.env,
      () => '',
      (_name, field) => own[field] ?? '',
    );
    // An image may take minutes to come: nobody who wants to stop waits for that.
    await Promise.race([runtime.ensure(workload, { replicas: 1, env, epoch }), start.over]);
    const inside = await untilHealthy(ports, spec, start);
    if (inside === null) return;
    values.set(spec.name, accessoryValues(spec, { runtime: kind, inside, password }));
    const time = ((performance.now() - began) / 1000).toFixed(1);
    const at = isExtra(spec) ? `: ${shownAddress(values.get(spec.name) ?? {}, start.showSecrets)}` : '';
    start.log.note(spec.name, `${describeAccessory(spec)} is up in ${time} s${at}`, 'good');
  };
  let closed = false;
  const close = (): Promise<void> => {
    closed = true;
    return ports.close();
  };
  const bringExtra = (spec: AccessorySpec): Promise<void> =>
    bring(spec).catch((cause: unknown) => {
      if (!closed) start.log.note(spec.name, `left out: ${cause instanceof Error ? cause.message : String(cause)}`, 'bad');
    });
  try {
    await Promise.all(start.specs.filter((spec) => !isExtra(spec)).map(bring));
    if (!start.ended()) void Promise.all(start.specs.filter(isExtra).map(bringExtra));
  } catch (cause) {
    await close();
    throw cause;
  }
  return {
    dataId: start.specs
      .map((spec) => `${accessoryId(start.app, environment, spec.name)}${ports.hosting(spec).kind === 'docker' ? ':docker' : ''}`)
      .join(' '),
    summary: start.specs.map((spec) => ({
      name: spec.name,
      what: `${describeAccessory(spec)}${ports.hosting(spec).kind === 'docker' ? ', a container' : ''}`,
      at: isExtra(spec) ? 'its address follows' : shownAddress(values.get(spec.name) ?? {}, start.showSecrets),
    })),
    hosts: () => Object.fromEntries([...values].flatMap(([name, { host }]) => (host === undefined ? [] : [[name, host]]))),
    resolve: (value) =>
      resolveReferences(
        { value },
        (service) => `\${services.${service}.url}`,
        (name, field) => values.get(name)?.[field] ?? '',
      )['value'] ?? value,
    end: close,
    hurriedMs: Math.max(...start.specs.map((spec) => hurriedMs[ports.hosting(spec).kind])),
  };
}

/** With its password only where that was asked for. */
function shownAddress({ url = '', password = '', user, web }: Readonly<Record<string, string>>, showSecrets: boolean): string {
  // Where the address has no place for a login, it stands beside it.
  const login = user === undefined || url.includes('@') ? '' : `  ${user} / ${password}`;
  const whole = `${url}${login}`;
  const shown = showSecrets || password === '' ? whole : whole.replaceAll(password, '…');
  return web === undefined ? shown : `${web}  ${shown}`;
}

/** Null when it is all over meanwhile. */
async function untilHealthy(
  { hosting, prober }: AccessoryPorts,
  spec: AccessorySpec,
  { app, log, ended }: AccessoryStart,
): Promise<{ readonly host: string; readonly port: number } | null> {
  const id = accessoryId(app, environment, spec.name);
  const { runtime, kind } = hosting(spec);
  const { health } = accessoryWorkload(spec, { app, environment, runtime: kind });
  const began = performance.now();
  let last = 'it was not started';
  while (!ended()) {
    const seen = (await runtime.observe()).find(({ workload }) => workload === id);
    if (seen?.endpoint != null && seen.listening) {
      const sight = await prober.health(seen.endpoint, health);
      if (sight.ok) return seen.endpoint;
      last = sight.detail;
    }
    const why =
      hopeless(seen) ??
      (performance.now() - began > spec.deadline ? `It was not healthy within ${spec.deadline / 1000} s; last: ${last}.` : null);
    if (why !== null) throw await unhealthy(runtime, { spec, id, why, log });
    await wait(lookMs[kind]);
  }
  return null;
}

function hopeless(seen: InstanceObservation | undefined): string | null {
  if (seen?.fault != null) return seen.fault.message;
  if (seen === undefined || seen.restarts < startAttempts) return null;
  const { code, signal } = seen.lastExit ?? { code: null, signal: null };
  return `It ended ${seen.restarts} times in a row (${signal ?? `code ${code ?? 'unknown'}`}).`;
}

async function unhealthy(
  runtime: Runtime,
  of: { readonly spec: AccessorySpec; readonly id: ReturnType<typeof accessoryId>; readonly why: string; readonly log: DevLog },
): Promise<SignalboxError> {
  for await (const { text } of runtime.logs(of.id, { tail: 30 })) of.log.line(of.spec.name, text);
  return new SignalboxError('ACCESSORY_UNHEALTHY', `${of.spec.name}: ${of.why}`, {
    hint: 'Its last lines are above. Leave accessories out with --no-accessories.',
    details: { accessory: of.spec.name },
  });
}
