import { isAbsolute, join, posix, relative } from 'node:path';
import { SignalboxError } from '../../../domain/errors.ts';
import type { Workload } from '../../../domain/release.ts';
import type { Engine } from '../../../engine/client.ts';
import { mapped } from '../../../engine/errors.ts';
import { bringsInit, type InitInfo } from '../../../engine/info.ts';
import type { OneOff } from '../../../ports/runtime.ts';
import { containerBody, isAccessory } from './container-body.ts';
import { type FetchImage, type ImageFacts, imageOf } from './images.ts';
import { type DockerFolders, instanceId, labelsOf, logFolderOf, networkName, prefixOf, runId } from './names.ts';
import type { ContainerSpec, InstanceSpec, Lasting, RunSpec } from './protocol.ts';

/** From workloads to what the warden needs to run them without anybody's help. */
export interface Specs {
  /** @throws ARTIFACT_MISSING, START_FAILED, ENGINE_UNAVAILABLE. */
  instances(workload: Workload, env: Readonly<Record<string, string>>): Promise<(n: number) => InstanceSpec>;
  run(command: OneOff): Promise<RunSpec>;
}

export interface SpecsOptions {
  readonly engine: Engine;
  readonly homeId: string;
  readonly folders: DockerFolders;
  readonly links: () => Promise<readonly string[]>;
  readonly fetchImage?: FetchImage;
}

interface Own {
  readonly id: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly port: number | null;
  readonly command?: string;
  readonly lowPriority?: boolean;
  readonly log: string;
}

/** Where an image that says nothing is told to listen. */
const usualPort = 8080;

export function openSpecs({ engine, homeId, folders, links, fetchImage }: SpecsOptions): Specs {
  const prepare = async (workload: Workload, env: Readonly<Record<string, string>>) => {
    const image = await imageOf(engine, workload.artifact, fetchImage);
    const init = await hasInit(engine);
    const called = portsIn(Object.values(env), await links());
    const lasting = workload.persist.map((folder) => lastingOf({ workload, image, persist: folders.persist, folder }));
    const specOf = ({ id, labels, port, command, log, lowPriority = false }: Own): ContainerSpec => ({
      id,
      name: `${prefixOf(homeId)}${id}`,
      network: networkName(homeId, workload),
      aliases: isAccessory(workload) && command === undefined ? [workload.service] : [],
      image: image.id,
      body: containerBody({ workload, image, env, port, init, lowPriority, ...(command === undefined ? {} : { command }) }),
      lasting,
      user: image.user,
      stopSignal: command === undefined ? (workload.stopSignal ?? image.stopSignal) : 'SIGTERM',
      links: called,
      logFile: join(logFolderOf(folders.logs, workload), `${log}.log`),
      labels,
    });
    return { image, specOf };
  };
  return {
    instances: async (workload, env) => {
      const { image, specOf } = await prepare(workload, env);
      const port = portOf(workload, image);
      return (n) => {
        const id = instanceId(workload.id, n);
        const spec = specOf({ id, port, log: `${n}`, labels: labelsOf(homeId, workload, { instance: id }) });
        return { ...spec, port, told: !isAccessory(workload) };
      };
    },
    run: async ({ id, workload, command, env, timeout, lowPriority = false }) => {
      const { specOf } = await prepare(workload, env);
      const run = runId(id);
      return {
        ...specOf({ id: run, port: null, command, lowPriority, log: run, labels: labelsOf(homeId, workload, { run }) }),
        timeoutMs: timeout,
      };
    },
  };
}

/** Null for workers; an image made elsewhere may be reached whatever its kind, once its port is known. */
function portOf({ port, kind, artifact }: Workload, image: ImageFacts): number | null {
  const given = artifact.given !== undefined;
  if (kind !== 'web' && !given) return null;
  const only = image.ports.length === 1 ? image.ports[0] : undefined;
  return port ?? only ?? (given ? null : usualPort);
}

/** Ports of the addresses that the variables name. */
function portsIn(values: readonly string[], urls: readonly string[]): number[] {
  const text = values.join('\n');
  return urls.flatMap((url) => {
    const { host, port } = new URL(url);
    return new RegExp(`${host.replaceAll('.', '\\.')}(?!\\d)`).test(text) ? [Number(port)] : [];
  });
}

/** Below it is what lasts of a workload. */
export function lastingRoot(persist: string, { app, environment, service, artifact }: Workload): string {
  const base = join(persist, app, environment);
  return artifact.given ? join(base, '.given', service) : join(base, artifact.path);
}

/** A folder counts by its place in the repository, as on processes; one of an image made elsewhere by its service. */
function lastingOf(of: {
  readonly workload: Workload;
  readonly image: ImageFacts;
  readonly persist: string;
  readonly folder: string;
}): Lasting {
  const { workload, image, persist, folder } = of;
  const { service } = workload;
  const target = posix.normalize(isAbsolute(folder) ? folder : posix.join(image.folder, folder)).replace(/(.)\/$/, '$1');
  const root = lastingRoot(persist, workload);
  const source = join(root, folder);
  const inside = relative(root, source);
  const inImage = isAbsolute(folder) || !posix.relative(image.folder, target).startsWith('..');
  if (inside === '' || inside.startsWith('..') || target === '/' || !inImage)
    throw new SignalboxError('START_FAILED', `"${folder}" under persist leaves the folder of ${service}.`);
  return { target, source };
}

const inits = new WeakMap<Engine, Promise<boolean>>();

/** Asked of each engine once. */
async function hasInit(engine: Engine): Promise<boolean> {
  const asked = inits.get(engine) ?? engine.call<InitInfo>('GET', '/info').then((answer) => answer.ok && bringsInit(answer.body));
  inits.set(engine, asked);
  return asked.catch((cause: unknown) => {
    inits.delete(engine);
    throw mapped(cause);
  });
}
