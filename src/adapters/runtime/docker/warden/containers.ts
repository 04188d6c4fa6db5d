import { createHash } from 'node:crypto';
import type { Engine } from '../../../../engine/client.ts';
import { EngineError } from '../../../../engine/errors.ts';
import type { ContainerSpec, ExitRecord } from '../protocol.ts';

/** What the engine says of one of our containers. */
export interface Seen {
  readonly container: string;
  readonly created: boolean;
  readonly running: boolean;
  /** Somebody is taking it away. */
  readonly removing: boolean;
  readonly pid: number;
  /** Wall clock, ms. */
  readonly startedAt: number | null;
  readonly finishedAt: number | null;
  readonly exitCode: number;
  readonly outOfMemory: boolean;
  readonly error: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly address: string | null;
}

interface Inspected {
  readonly Id: string;
  readonly NetworkSettings: { readonly Networks: Readonly<Record<string, { readonly IPAddress: string }>> | null };
  readonly Config: { readonly Labels: Readonly<Record<string, string>> | null };
  readonly State: {
    readonly Status: string;
    readonly Running: boolean;
    readonly Pid: number;
    readonly ExitCode: number;
    readonly OOMKilled: boolean;
    readonly Error: string;
    readonly StartedAt: string;
    readonly FinishedAt: string;
  };
}

/** The engine's calls on containers, made only on containers of this installation. */
export interface Containers {
  /** By id or name; null when there is none. */
  inspect(container: string): Promise<Seen | null>;
  /**
   * Makes the container of a spec, or finds the one that was made of the very same spec. What a crash left half made is made anew.
   * @throws NameTaken, EngineError.
   */
  create(spec: ContainerSpec, network: CreateNetwork): Promise<Made>;
  start(container: string): Promise<void>;
  /** A container that has ended or is gone is done. */
  kill(container: string, signal: string): Promise<void>;
  /** Ends and removes it. */
  remove(container: string): Promise<void>;
}

export interface CreateNetwork {
  readonly address: string;
  /** Replaces loopback addresses of links in variables. */
  readonly gateway: string;
  readonly binds: readonly object[];
}

export interface Made {
  readonly container: string;
  /** Its address when it was there already. */
  readonly address: string | null;
}

/** A container of that name is there, and it is none of ours. */
export class NameTaken extends Error {}

/** Engine calls that wait for a program to come up or to end. */
const slowMs = 60_000;

export function openContainers(engine: Engine, homeId: string): Containers {
  const inspect = async (container: string): Promise<Seen | null> => {
    const answer = await engine.call<Inspected>('GET', `/containers/${encodeURIComponent(container)}/json`);
    return answer.ok ? seenOf(answer.body) : null;
  };
  const remove = async (container: string): Promise<void> => {
    const deadline = performance.now() + slowMs;
    for (;;) {
      const answer = await engine.call('DELETE', `/containers/${container}`, {
        query: { force: true, v: true },
        timeoutMs: slowMs,
      });
      if (answer.ok || answer.status === 404) return;
      // "Removal is already in progress": somebody else's, which is as good.
      if (performance.now() > deadline) throw new EngineError('refused', answer.message, { status: 409 });
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  };
  const ours = (seen: Seen, spec: ContainerSpec): boolean =>
    seen.labels['signalbox.installation'] === homeId &&
    Object.entries(spec.labels).every(([name, value]) => seen.labels[name] === value);

  return {
    inspect,
    create: async (spec, network) => {
      const body = bodyOf(spec, network);
      for (let attempt = 1; ; attempt++) {
        const answer = await engine.call<{ readonly Id: string }>('POST', '/containers/create', {
          query: { name: spec.name },
          body,
          timeoutMs: slowMs,
        });
        if (answer.ok) return { container: answer.body.Id, address: null };
        if (answer.status === 404) throw new EngineError('refused', answer.message, { status: 404 });
        const there = await inspect(spec.name);
        if (there && !ours(there, spec))
          throw new NameTaken(`A container named ${spec.name} is there, and it was not made by this installation.`);
        if (there?.running && there.address !== null && there.labels['signalbox.spec'] === hashOf(spec))
          return { container: there.container, address: there.address };
        if (attempt === 3) throw new EngineError('refused', answer.message, { status: 409 });
        if (there) await remove(there.container);
      }
    },
    start: async (container) => {
      const answer = await engine.call('POST', `/containers/${container}/start`, { timeoutMs: slowMs });
      if (!answer.ok) throw new EngineError('refused', answer.message, { status: answer.status });
    },
    kill: async (container, signal) => {
      await engine.call('POST', `/containers/${container}/kill`, { query: { signal } });
    },
    remove,
  };
}

/** Names what a container was made of, so that one without record is known again. */
const hashOf = (spec: ContainerSpec): string => createHash('sha256').update(JSON.stringify(spec)).digest('hex').slice(0, 32);

function bodyOf(spec: ContainerSpec, { address, gateway, binds }: CreateNetwork): object {
  const { HostConfig, Env, ...rest } = spec.body as { HostConfig: object; Env: readonly string[] };
  const endpoint = { IPAMConfig: { IPv4Address: address }, Aliases: spec.aliases };
  return {
    ...rest,
    Env: Env.map((variable) => atGateway(variable, spec.links, gateway)),
    Labels: { ...spec.labels, 'signalbox.spec': hashOf(spec) },
    HostConfig: { ...HostConfig, NetworkMode: spec.network, Mounts: binds },
    NetworkingConfig: { EndpointsConfig: { [spec.network]: endpoint } },
  };
}

/** A container has a loopback of its own: what listens on ours is reached at the gateway of its network. */
export const atGateway = (text: string, ports: readonly number[], gateway: string): string =>
  ports.reduce(
    (done, port) => done.replaceAll(new RegExp(`(?<![\\d.])127\\.0\\.0\\.1:${port}(?!\\d)`, 'g'), `${gateway}:${port}`),
    text,
  );

function seenOf({ Id, Config, State, NetworkSettings }: Inspected): Seen {
  return {
    container: Id,
    created: State.Status === 'created',
    running: State.Running,
    removing: State.Status === 'removing',
    pid: State.Pid,
    startedAt: timeOf(State.StartedAt),
    finishedAt: timeOf(State.FinishedAt),
    exitCode: State.ExitCode,
    outOfMemory: State.OOMKilled,
    error: State.Error,
    labels: Config.Labels ?? {},
    address: Object.values(NetworkSettings.Networks ?? {})[0]?.IPAddress || null,
  };
}

/** Go's zero time stands for never. */
function timeOf(text: string): number | null {
  const time = Date.parse(text);
  return Number.isNaN(time) || time <= 0 ? null : time;
}

/** An end as everybody tells it: the shell's 128 + n means a signal. */
export function exitOf(seen: Seen): ExitRecord {
  const at = seen.finishedAt ?? Date.now();
  const signal = signals[seen.exitCode - 128] ?? null;
  const code = signal === null ? seen.exitCode : null;
  return { code, signal, reason: seen.outOfMemory && seen.exitCode !== 0 ? 'memory-limit' : 'exited', at };
}

const signals: Readonly<Record<number, string>> = {
  1: 'SIGHUP',
  2: 'SIGINT',
  3: 'SIGQUIT',
  4: 'SIGILL',
  6: 'SIGABRT',
  7: 'SIGBUS',
  8: 'SIGFPE',
  9: 'SIGKILL',
  11: 'SIGSEGV',
  13: 'SIGPIPE',
  15: 'SIGTERM',
};
