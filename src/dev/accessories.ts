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
  /** Puts values in place of `${accessories.NAME.FIELD}`. */
  resolve(value: string): string;
  end(): Promise<void>;
}

/** What runs accessories: the runtime of an installation, with a home of its own. */
export interface AccessoryPorts {
  readonly runtime: Runtime;
  readonly kind: RuntimeKind;
  readonly epoch: Epoch;
  readonly passwords: Passwords;
  readonly prober: Prober;
  /** Ends the runtime with everything it runs. */
  close(): Promise<void>;
}

export interface AccessoryStart {
  readonly app: AppName;
  readonly specs: readonly AccessorySpec[];
  readonly log: DevLog;
  /** Passwords are shown in the summary. */
  readonly showSecrets: boolean;
  readonly ended: () => boolean;
}

/** One set of data per folder, whatever the environment is called. */
const environment = 'development' as EnvironmentName;
const lookMs = 100;
/** Ended by itself this often: waiting does not help. */
const startAttempts = 3;

/** Starts all of them side by side and waits until each is healthy. @throws ACCESSORY_UNHEALTHY with its last lines */
export async function startAccessories(ports: AccessoryPorts, start: AccessoryStart): Promise<AccessoryHost> {
  const { runtime, kind, epoch, passwords } = ports;
  const values = new Map<string, Readonly<Record<string, string>>>();
  const bring = async (spec: AccessorySpec): Promise<void> => {
    const began = performance.now();
    const password = await passwords.of({ app: start.app, environment, accessory: spec.name });
    const workload = accessoryWorkload(spec, { app: start.app, environment, runtime: kind });
    const own = accessoryValues(spec, { runtime: kind, inside: { host: '', port: 0 }, password });
    const env = resolveReferences(
      workload.env,
      () => '',
      (_name, field) => own[field] ?? '',
    );
    await runtime.ensure(workload, { replicas: 1, env, epoch });
    const inside = await untilHealthy(ports, spec, start);
    if (inside === null) return;
    values.set(spec.name, accessoryValues(spec, { runtime: kind, inside, password }));
    start.log.note(spec.name, `${describeAccessory(spec)} is up in ${((performance.now() - began) / 1000).toFixed(1)} s`, 'good');
  };
  try {
    await Promise.all(start.specs.map(bring));
  } catch (cause) {
    await ports.close();
    throw cause;
  }
  return {
    dataId: start.specs.map(({ name }) => accessoryId(start.app, environment, name)).join(' '),
    summary: start.specs.map((spec) => ({
      name: spec.name,
      what: describeAccessory(spec),
      at: shownAddress(values.get(spec.name) ?? {}, start.showSecrets),
    })),
    resolve: (value) =>
      resolveReferences(
        { value },
        (service) => `\${services.${service}.url}`,
        (name, field) => values.get(name)?.[field] ?? '',
      )['value'] ?? value,
    end: () => ports.close(),
  };
}

/** With its password only where that was asked for. */
function shownAddress({ url = '', password = '', web }: Readonly<Record<string, string>>, showSecrets: boolean): string {
  const shown = showSecrets || password === '' ? url : url.replaceAll(password, '…');
  return web === undefined ? shown : `${web}  ${shown}`;
}

/** Null when it is all over meanwhile. */
async function untilHealthy(
  { runtime, prober }: AccessoryPorts,
  spec: AccessorySpec,
  { app, log, ended }: AccessoryStart,
): Promise<{ readonly host: string; readonly port: number } | null> {
  const id = accessoryId(app, environment, spec.name);
  const { health } = accessoryWorkload(spec, { app, environment, runtime: 'process' });
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
    await wait(lookMs);
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
