import type { DesiredWorkload } from '../domain/desired.ts';
import type { Clock } from '../ports/clock.ts';
import type { InstanceExit, InstanceObservation, Runtime } from '../ports/runtime.ts';
import type { NewEvent } from '../ports/store.ts';
import type { Plant } from './plant.ts';

/** Writes down instances that were lost by nobody's fault, so that a person can see what brought them back and why. */
export interface InstanceNotes {
  stop(): void;
}

export interface InstanceNotesPorts {
  readonly plant: Plant;
  readonly runtime: Pick<Runtime, 'watch'>;
  readonly desired: () => readonly DesiredWorkload[];
  readonly clock: Clock;
  readonly onFault: (error: unknown) => void;
}

const said: Partial<Record<InstanceExit['reason'], { readonly type: string; readonly message: string }>> = {
  removed: { type: 'instance.removed', message: 'Somebody else removed its container; another one takes its place.' },
  unobserved: { type: 'instance.lost', message: 'It ended while nobody watched, as with its engine; it is started again.' },
};

export function createInstanceNotes({ plant, runtime, desired, clock, onFault }: InstanceNotesPorts): InstanceNotes {
  const opened = clock.wall();
  /** Instance -> its end that was written down last. */
  const noted = new Map<string, number>();

  function note({ instance, workload: id, state, lastExit }: InstanceObservation): void {
    if (state === 'stopped') return void noted.delete(instance);
    const what = lastExit === null ? undefined : said[lastExit.reason];
    if (lastExit === null || what === undefined || lastExit.at < opened || noted.get(instance) === lastExit.at) return;
    const found = desired().find(({ workload }) => workload.id === id);
    if (!found) return;
    noted.set(instance, lastExit.at);
    const { app, environment, service } = found.workload;
    const event: NewEvent = {
      type: what.type,
      at: lastExit.at,
      app,
      environment,
      body: { service, instance, message: what.message },
    };
    plant.decide(() => Promise.resolve({ draft: { events: [event] }, result: undefined })).catch(onFault);
  }
  return { stop: runtime.watch(note) };
}
