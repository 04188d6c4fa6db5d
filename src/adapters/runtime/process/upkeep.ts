import { join } from 'node:path';
import type { InstanceState, InstanceUsage } from '../../../keeper/protocol.ts';
import { type Folders, logFolderOf } from './folders.ts';
import type { KeeperCalls } from './keeper-calls.ts';
import { endpointOf, numberOfInstance } from './labels.ts';
import type { Launcher } from './launcher.ts';
import { lastLines } from './logs.ts';
import type { Fault } from './observation.ts';
import { openPortWatch } from './port-watch.ts';
import type { WorkloadRecord, WorkloadRecords } from './records.ts';

/** What the runtime mends by itself: a port that somebody else took, a program that ignores its PORT. */
export interface Upkeep {
  see(state: InstanceState): void;
  fault(id: string): Fault | null;
  /** Whether the processes of this life of the instance hold its port. */
  listens(state: InstanceState): boolean;
  /** The same of any life of it that had this port. */
  hasListened(state: InstanceState): boolean;
  /** Looks who listens, now. @throws when the keeper cannot be asked. */
  look(): Promise<void>;
  forget(id: string): void;
  close(): void;
}

export interface UpkeepOptions {
  readonly call: KeeperCalls;
  readonly folders: Folders;
  readonly records: WorkloadRecords;
  readonly launcher: Launcher;
  readonly networks: boolean;
  readonly epoch: () => number;
  /** One change to a workload at a time. */
  readonly inTurn: (workload: string, job: () => Promise<void>) => Promise<void>;
  /** The instance's fault came or went. */
  readonly onChange: (id: string) => void;
  readonly note: (text: string) => void;
}

/** Moves of one instance to another port, so that a program which always says so is left to the keeper's back-off. */
const mostMoves = 5;
/** SIGTERM to SIGKILL of a program that is moved into a network of its own, ms. */
const moveGraceMs = 5000;

export function openUpkeep(options: UpkeepOptions): Upkeep {
  const { call, folders, records, launcher, networks, epoch, inTurn, onChange, note } = options;
  const faults = new Map<string, Fault>();
  const moves = new Map<string, number>();
  /** Running instances: the life that is watched, and whether it was seen to listen. */
  const lives = new Map<string, { readonly life: string; listens: boolean }>();
  /** The port that an instance was last seen to listen on. */
  const ports = new Map<string, string>();

  const recordOf = ({ labels }: InstanceState): WorkloadRecord | undefined => records.get(labels['workload'] ?? '');
  const wanted = (workload: string, id: string): WorkloadRecord | undefined => {
    const record = records.get(workload);
    return record && numberOfInstance(id) <= record.replicas ? record : undefined;
  };
  const setFault = (id: string, fault: Fault | null): void => {
    if (fault) faults.set(id, fault);
    else if (!faults.delete(id)) return;
    onChange(id);
  };
  const report = (id: string) => (cause: unknown) => note(`${id}: ${cause instanceof Error ? cause.message : String(cause)}`);

  const watch = openPortWatch({
    inspect: async (ids) => (await call('inspect', { ids, listening: true })).instances,
    onListening: (id) => {
      moves.delete(id);
      faults.delete(id);
      const entry = lives.get(id);
      if (entry) {
        entry.listens = true;
        ports.set(id, portOfLife(entry.life));
      }
      onChange(id);
    },
    onIgnored: (id, listening) => void onIgnored(id, listening),
  });

  const onIgnored = async (id: string, listening: InstanceUsage['listening']): Promise<void> => {
    const { instances } = await call('list', {});
    const state = instances.find((instance) => instance.id === id);
    const record = state && recordOf(state);
    const open = listening.find(({ host }) => host === '*') ?? listening[0];
    if (!state || !record || !open) return;
    const told = `It listens on port ${open.port} and not on PORT (${state.labels['port']})`;
    const reachable = open.host === '*';
    if (!networks || !reachable || record.fixedPort !== null) {
      const why = networks && !reachable ? `, and only on ${open.host}, where no network of its own helps` : '';
      setFault(id, { code: 'PORT_IGNORED', message: `${told}${why}, so two copies cannot run side by side.` });
      return;
    }
    note(`${id}: ${told}; its copies get networks of their own.`);
    records.put({ ...record, fixedPort: open.port });
    await inTurn(record.workload.id, async () => {
      const now = wanted(record.workload.id, id);
      if (!now) return;
      await call('stop', { epoch: epoch(), id, graceMs: moveGraceMs });
      await launcher.start(now, numberOfInstance(id), epoch());
    }).catch(report(id));
  };

  /** The keeper would start it on the same port again. */
  const onPortTaken = (state: InstanceState, record: WorkloadRecord): void => {
    const moved = moves.get(state.id) ?? 0;
    if (moved >= mostMoves) return;
    moves.set(state.id, moved + 1);
    inTurn(record.workload.id, async () => {
      const now = wanted(record.workload.id, state.id);
      if (now) await launcher.start(now, numberOfInstance(state.id), epoch());
    }).catch(report(state.id));
  };

  return {
    see: (state) => {
      const record = recordOf(state);
      if (!record || record.workload.kind !== 'web') return;
      const life = lifeOf(state);
      if (state.state !== 'running') {
        watch.forget(state.id);
        lives.delete(state.id);
      } else if (lives.get(state.id)?.life !== life) {
        lives.set(state.id, { life, listens: false });
        const address = endpointOf(state.labels);
        if (address) watch.expect(state.id, address);
      }
      if (state.state !== 'backing-off' || state.lastExit?.reason !== 'exited' || record.fixedPort !== null) return;
      const log = join(logFolderOf(folders, record.workload), `${numberOfInstance(state.id)}.log`);
      if (saysPortTaken(lastLines(log, 80))) onPortTaken(state, record);
    },
    fault: (id) => faults.get(id) ?? null,
    listens: (state) => {
      const entry = lives.get(state.id);
      return entry?.listens === true && entry.life === lifeOf(state);
    },
    hasListened: ({ id, labels }) => ports.get(id) === labels['port'],
    look: () => watch.look(),
    forget: (id) => {
      lives.delete(id);
      ports.delete(id);
      faults.delete(id);
      moves.delete(id);
      watch.forget(id);
    },
    close: () => watch.close(),
  };
}

/** A process and the port it was given. */
const lifeOf = ({ pid, labels }: InstanceState): string => `${pid} ${labels['port']}`;
const portOfLife = (life: string): string => life.slice(life.indexOf(' ') + 1);

/** Looks at the output since the last start only: the keeper's own lines part the lives of an instance. */
function saysPortTaken(lines: readonly string[]): boolean {
  const last = lines.findLastIndex((line) => line.startsWith('[signalbox]'));
  const before = lines.slice(0, Math.max(0, last)).findLastIndex((line) => line.startsWith('[signalbox]'));
  return lines.slice(before + 1, last === -1 ? undefined : last).some((line) => /EADDRINUSE|address already in use/i.test(line));
}
