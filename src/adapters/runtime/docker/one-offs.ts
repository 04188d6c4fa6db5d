import { millis } from '../../../domain/values.ts';
import type { OneOff, OneOffResult, OneOffState } from '../../../ports/runtime.ts';
import { runId } from './names.ts';
import type { RunSpec, RunState } from './protocol.ts';
import type { WardenClient } from './warden-client.ts';

export interface OneOffs {
  run(command: OneOff): Promise<OneOffResult>;
  inspect(id: string): Promise<OneOffState>;
  /** Cancels what still runs in the workload's image. */
  cancel(workload: string, graceMs: number, epoch: number): Promise<void>;
}

/** SIGTERM to SIGKILL of a command that is cancelled, ms. */
const graceMs = 5000;
/** A lost event costs this much, ms. */
const pollMs = 1000;

export function openOneOffs(options: {
  readonly warden: WardenClient;
  readonly specOf: (command: OneOff) => Promise<RunSpec>;
}): OneOffs {
  const { warden, specOf } = options;
  const starting = new Map<string, Promise<RunState>>();
  const stateOf = async (id: string): Promise<RunState | undefined> =>
    (await warden.call('list', {})).runs.find((state) => state.id === runId(id));

  const start = async (command: OneOff): Promise<RunState> =>
    (await stateOf(command.id)) ?? warden.call('run', { epoch: command.epoch, spec: await specOf(command) });

  /** Resolves with the state at its end; the warden keeps the time, also when nobody waits here. */
  const finish = (first: RunState, command: OneOff): Promise<RunState> =>
    new Promise((resolve, reject) => {
      const settle = (state: RunState | null): void => {
        if (state?.state === 'running') return;
        clearInterval(poll);
        stopListening();
        command.signal?.removeEventListener('abort', cancel);
        resolve(state ?? { ...first, state: 'ended', end: 'lost', endedAt: Date.now() });
      };
      const cancel = (): void => {
        warden.call('end-run', { epoch: command.epoch, id: first.id, graceMs, reason: 'cancelled' }).then(settle, reject);
      };
      // A warden that is away for a moment goes on where it stopped.
      const look = (): void =>
        void stateOf(command.id).then(
          (state) => settle(state ?? null),
          () => {},
        );
      const stopListening = warden.on('run', (state) => {
        if (state.id === first.id) settle(state);
      });
      const poll = setInterval(look, pollMs);
      if (command.signal?.aborted) cancel();
      else command.signal?.addEventListener('abort', cancel);
      look();
    });

  return {
    run: async (command) => {
      const joined = starting.get(command.id) ?? start(command).finally(() => starting.delete(command.id));
      starting.set(command.id, joined);
      const first = await joined;
      return resultOf(first.state === 'ended' ? first : await finish(first, command));
    },
    inspect: async (id) => {
      const state = await stateOf(id);
      if (!state) return { state: 'unknown' };
      return state.state === 'running' ? { state: 'running' } : { state: 'ended', result: resultOf(state) };
    },
    cancel: async (workload, grace, epoch) => {
      const { runs } = await warden.call('list', {});
      const open = runs.filter(({ labels, state }) => labels['signalbox.workload'] === workload && state === 'running');
      await Promise.all(open.map(({ id }) => warden.call('end-run', { epoch, id, graceMs: grace, reason: 'cancelled' })));
    },
  };
}

function resultOf({ end, exitCode, startedAt, endedAt, tail }: RunState): OneOffResult {
  return { end: end ?? 'lost', exitCode, duration: millis(Math.max(0, (endedAt ?? startedAt) - startedAt)), tail };
}
