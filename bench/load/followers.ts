import { setTimeout as delay } from 'node:timers/promises';
import type { Target } from './connection.ts';
import type { StreamOptions } from './contract.ts';
import { eventStream } from './event-stream.ts';
import { Sequence } from './sequence.ts';
import { type OpenStream, openStream, type StreamProtocol } from './stream.ts';
import type { Tally } from './tally.ts';
import { webSocket } from './websocket.ts';

export type StreamKind = 'websocket' | 'events';

/** Pause after an end that was a drop: one outage is not counted at the speed of light. */
const pauseAfterDropMs = 250;
const defaultSilenceMs = 15_000;

export interface FollowersSpec {
  readonly kind: StreamKind;
  readonly options: StreamOptions;
  readonly target: Target;
  readonly hostHeader: string;
  readonly runId: string;
  readonly tally: Tally;
}

/** Keeps `count` streams open until stopped; each goes on with its own sequence after every end. */
export class Followers {
  readonly #spec: FollowersSpec;
  readonly #open = new Set<OpenStream>();
  readonly #done: Promise<unknown>;
  #stopping = false;

  constructor(spec: FollowersSpec) {
    this.#spec = spec;
    this.#done = Promise.all(
      Array.from({ length: spec.options.count }, (_, index) => this.#follow(`${spec.runId}-${spec.kind}-${index}`)),
    );
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    for (const stream of this.#open) stream.stop();
    await this.#done;
  }

  async #follow(client: string): Promise<void> {
    const { tally, target, options, kind } = this.#spec;
    const counts = kind === 'websocket' ? tally.websockets : tally.events;
    const sequence = new Sequence();
    while (!this.#stopping) {
      const protocol = this.#protocol(client, sequence, (number) => {
        counts.messages += 1;
        const fault = sequence.take(number);
        if (fault) tally.drop(fault.kind, kind, `${client}: ${fault.detail}`);
      });
      tally.connectionsOpened += 1;
      const stream = openStream(target, protocol, options.silenceMs ?? defaultSilenceMs, {
        opened: () => {
          counts.opened += 1;
        },
      });
      this.#open.add(stream);
      const end = await stream.ended;
      this.#open.delete(stream);
      if (end.kind === 'clean') {
        counts.cleanEnds += 1;
        continue;
      }
      if (end.kind === 'stopped') return;
      if (end.kind === 'client') tally.clientFault(`${client}: ${end.detail}`);
      else tally.drop(end.drop, kind, `${client}: ${end.detail}`);
      await delay(pauseAfterDropMs);
    }
  }

  #protocol(client: string, sequence: Sequence, onNumber: (number: number) => void): StreamProtocol {
    const { options, hostHeader, kind } = this.#spec;
    const joint = options.path.includes('?') ? '&' : '?';
    const path = `${options.path}${joint}client=${client}`;
    if (kind === 'events') return eventStream(path, hostHeader, sequence.last, onNumber);
    return webSocket(`${path}&from=${sequence.next}`, hostHeader, onNumber);
  }
}
