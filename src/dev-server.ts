import { fileURLToPath } from 'node:url';
import { localAccessories } from './dev-accessories.ts';
import { homeLayout } from './config/home.ts';
import { loadSettings, processEnvironment } from './config/settings.ts';
import { devImages } from './dev-images.ts';
import { containerWorkplaces } from './dev/containers/workplaces.ts';
import type { ContainersRequest, DevTerminal } from './dev/options.ts';
import { openSession, type Session } from './dev/session.ts';

/** What the command line asks for. */
export interface DevRequest {
  /** Absolute folder of the app, or one inside it. */
  readonly folder: string;
  readonly home: string;
  readonly port?: number;
  readonly only?: readonly string[];
  readonly install?: boolean;
  readonly runtime?: 'process' | 'docker';
  readonly accessories?: boolean;
  readonly showSecrets?: boolean;
  readonly https?: boolean;
}

/**
 * Local development as a program: composition and signals. Ends with Ctrl-C, SIGTERM, or the end of the terminal; a second signal
 * ends everything at once.
 * @returns when nothing is left. @throws what `openSession` throws, ENGINE_UNAVAILABLE, DEV_UNSUPPORTED.
 */
export async function dev(request: DevRequest, terminal: Omit<DevTerminal, 'color'>): Promise<void> {
  const { runtime } = request;
  const { color, docker } = loadSettings();
  let session: Session | undefined;
  let stop = (): void => {};
  const stopped = new Promise<void>((resolve) => {
    stop = resolve;
  });
  let signals = 0;
  const onSignal = (): void => {
    signals += 1;
    if (signals === 1 && process.stdout.writable) terminal.say('\nStopping; once more stops at once.');
    stop();
    if (signals > 1) void session?.hurry();
  };
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(name, onSignal);
  // A reader that is gone (`| head`, a closed terminal) ends the session, too, and in order: what was started still has to be ended.
  const others = process.stdout.listeners('error') as (() => void)[];
  process.stdout.removeAllListeners('error').on('error', onSignal);
  try {
    session = await openSession({
      folder: request.folder,
      ...(request.port === undefined ? {} : { port: request.port }),
      ...(request.only === undefined ? {} : { only: request.only }),
      install: request.install ?? false,
      home: request.home,
      shell: processEnvironment(),
      terminal: { json: terminal.json, color: color && process.stdout.isTTY, say: terminal.say, result: terminal.result },
      proxyProgram: fileURLToPath(new URL('./proxy/main.js', import.meta.url)),
      accessories: request.accessories ?? true,
      showSecrets: request.showSecrets ?? false,
      https: request.https ?? false,
      authority: homeLayout(request.home, process.getuid?.() ?? -1).localAuthority,
      startAccessories: (wanted) => localAccessories({ ...wanted, runtime, engineSocket: docker.socket }),
      ...(runtime === 'docker'
        ? {
            containers: (wanted: ContainersRequest) =>
              containerWorkplaces({ ...wanted, engineSocket: docker.socket, choose: devImages({ ...wanted, docker }) }),
          }
        : {}),
      ended: stopped,
    });
    await stopped;
    await session.end();
  } finally {
    for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.off(name, onSignal);
    process.stdout.off('error', onSignal);
    for (const other of others) process.stdout.on('error', other);
  }
}
