import { join } from 'node:path';
import { SignalboxError } from '../../../domain/errors.ts';
import type { Workload } from '../../../domain/release.ts';
import type { InstanceState, LaunchSpec } from '../../../keeper/protocol.ts';
import { logFolderOf } from './folders.ts';
import type { KeeperCalls } from './keeper-calls.ts';
import { endpointOf, instanceId, labelsOf } from './labels.ts';
import { addressesInUse, type Network, networkArgv, planNetwork } from './namespaces.ts';
import type { Ports } from './ports.ts';
import { type PrepareOptions, prepare } from './prepare.ts';
import type { WorkloadRecord } from './records.ts';
import { shellArgv } from './shell.ts';

export interface LauncherOptions extends PrepareOptions {
  readonly homeId: string;
  readonly ports: Ports;
  readonly call: KeeperCalls;
  /** An accessory got this port. */
  readonly onPort: (workload: string, port: number) => void;
}

export interface Launcher {
  /**
   * Starts instance `n` on a port of its own in a fresh scratch copy.
   * @throws ARTIFACT_MISSING, NO_SPACE, START_FAILED, STALE_EPOCH, RUNTIME_UNAVAILABLE; then nothing of it runs.
   */
  start(record: WorkloadRecord, n: number, epoch: number): Promise<void>;
}

/** Restart back-off of instances: back within a second after a single crash, patient with crash loops. */
const backoff = { minMs: 250, maxMs: 30_000, stableMs: 10_000 };
/** Per instance, with one older copy of at most as much. */
const logBytes = 10 * 1024 * 1024;

export function openLauncher(options: LauncherOptions): Launcher {
  const { homeId, ports, call, folders } = options;

  const networkFor = async (id: string): Promise<Network> => {
    const { instances } = await call('list', {});
    const ours = instances.flatMap(({ labels }) => endpointOf(labels)?.host ?? []);
    return planNetwork(homeId, id, new Set([...ours, ...addressesInUse()]));
  };

  /** Accessories keep theirs for as long as nobody else sits on it: the variables of services carry it. */
  const portFor = async ({ workload, keptPort }: WorkloadRecord): Promise<number> => {
    if (!isSystem(workload)) return ports.take();
    const span = portsOf(workload);
    if (keptPort !== undefined && (await ports.claim(keptPort, span))) return keptPort;
    const port = await ports.take(span);
    options.onPort(workload.id, port);
    return port;
  };

  const specFor = async (record: WorkloadRecord, n: number, port: number | null): Promise<LaunchSpec> => {
    const { workload, env, fixedPort } = record;
    const id = instanceId(workload.id, n);
    const network = fixedPort === null ? null : await networkFor(id);
    const listen = port === null ? null : { host: network ? '0.0.0.0' : '127.0.0.1', port };
    const prepared = await prepare({ workload, copy: `${n}`, command: workload.run ?? '', env, listen }, options);
    const argv = shellArgv(prepared.command);
    const { memoryMb, cpus } = workload.resources;
    return {
      id,
      argv: network ? networkArgv(network, prepared.owner, argv) : argv,
      cwd: prepared.place.cwd,
      env: prepared.env,
      logFile: join(logFolderOf(folders, workload), `${n}.log`),
      logBytes,
      ...(prepared.owner && !network ? prepared.owner : {}),
      limits: { ...(memoryMb === undefined ? {} : { memoryMb }), ...(cpus === undefined ? {} : { cpus }) },
      backoff,
      ...(workload.stopSignal === undefined ? {} : { stopSignal: workload.stopSignal }),
      ...(isSystem(workload) ? { graceMs: workload.grace } : {}),
      labels: labelsOf(workload, listen, network),
    };
  };

  return {
    start: async (record, n, epoch) => {
      const { workload, fixedPort } = record;
      const own = workload.kind === 'web' && fixedPort === null;
      const port = workload.kind === 'web' ? (fixedPort ?? (await portFor(record))) : null;
      try {
        const spec = await specFor(record, n, port);
        const state = await call('start', { epoch, spec });
        if (neverStarted(state)) throw await undo(state, workload, epoch);
      } catch (cause) {
        if (own && port !== null) ports.release(port);
        throw cause;
      }
    },
  };

  async function undo(state: InstanceState, workload: Workload, epoch: number): Promise<SignalboxError> {
    await call('stop', { epoch, id: state.id, graceMs: 0 });
    const why = state.lastExit?.message ?? 'no reason was given';
    return new SignalboxError('START_FAILED', `${workload.app}/${workload.service} could not be started: ${why}`);
  }
}

const isSystem = ({ artifact }: Workload): boolean => artifact.given !== undefined && 'system' in artifact.given;
/** Of the mail catcher: its page, and its mail on the port after it. */
const portsOf = ({ artifact: { given } }: Workload): number =>
  given !== undefined && 'system' in given && given.system === 'mail-catcher' ? 2 : 1;

const neverStarted = ({ state, lastExit }: InstanceState): boolean =>
  state === 'backing-off' && lastExit?.reason === 'start-failed';
