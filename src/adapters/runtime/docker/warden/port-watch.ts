import type { ContainerState } from '../protocol.ts';
import { accepts, isLoopback, type Listening, listeningIn } from './port-look.ts';

/** How long a program may listen elsewhere only before PORT counts as ignored: some open a side port first, ms. */
const patienceMs = 3000;
/** Pauses between looks by the age of the container's life, ms. */
const pauses = [
  { below: 5000, ms: 40 },
  { below: 60_000, ms: 250 },
] as const;
const lazyMs = 2000;

export interface PortWatch {
  /** A life of the container has begun. */
  expect(life: string): void;
  forget(): void;
  look(): void;
  listening(): boolean;
  fault(): ContainerState['fault'];
}

export interface PortWatchOptions {
  readonly address: () => { readonly host: string; readonly port: number } | null;
  /** Main process of the container, 0 when there is none. */
  readonly pid: () => number;
  /** It was told by PORT where to listen. */
  readonly told: boolean;
  readonly onChange: () => void;
}

/** Whether one container listens where it should. */
export function openPortWatch({ address, pid, told, onChange }: PortWatchOptions): PortWatch {
  let life: string | null = null;
  let listening = false;
  let fault: ContainerState['fault'] = null;
  let since = 0;
  let elsewhereSince: number | null = null;
  let timer: NodeJS.Timeout | undefined;

  const found = (): void => {
    clearTimeout(timer);
    listening = true;
    fault = null;
    onChange();
  };
  const judge = (sockets: readonly Listening[], port: number): void => {
    if (sockets.some((socket) => socket.port === port && !isLoopback(socket.host))) {
      found();
      return;
    }
    if (sockets.length === 0 || !told) {
      elsewhereSince = null;
      return;
    }
    elsewhereSince ??= performance.now();
    if (fault || performance.now() - elsewhereSince < patienceMs) return;
    fault = { code: 'PORT_IGNORED', message: complaint(sockets, port) };
    onChange();
  };
  const look = (): void => {
    const at = address();
    if (life === null || listening || !at) return;
    const sockets = listeningIn(pid());
    if (sockets) judge(sockets, at.port);
    else {
      const asked = life;
      void accepts(at.host, at.port).then((yes) => {
        if (yes && life === asked && !listening) found();
      });
    }
  };
  const schedule = (): void => {
    if (life === null || listening) return;
    const age = performance.now() - since;
    timer = setTimeout(
      () => {
        look();
        schedule();
      },
      pauses.find(({ below }) => age < below)?.ms ?? lazyMs,
    );
  };
  const forget = (): void => {
    clearTimeout(timer);
    life = null;
    listening = false;
    fault = null;
    elsewhereSince = null;
  };

  return {
    expect: (next) => {
      if (life === next) return;
      forget();
      if (!address()) return;
      life = next;
      since = performance.now();
      look();
      schedule();
    },
    forget,
    look,
    listening: () => listening,
    fault: () => fault,
  };
}

function complaint(sockets: readonly Listening[], port: number): string {
  if (sockets.some((socket) => socket.port === port))
    return `It listens on port ${port} of its loopback address only, where nobody outside its container reaches it: listen on 0.0.0.0 (HOST).`;
  const other = sockets.find(({ host }) => !isLoopback(host)) ?? sockets[0];
  return `It listens on port ${other?.port} and not on PORT (${port}). Read PORT, or say \`port: ${other?.port}\` for the service.`;
}
