import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';

/** A way to an engine that can be made slow, or to hang. */
export interface HangingEngine {
  /** E.g. `unix:///tmp/x/docker.sock`. */
  readonly host: string;
  /** From now on nothing that is sent to the engine arrives; connections are still accepted. */
  hang(): void;
  /** What was held back arrives, and all that follows. */
  goOn(): void;
  close(): Promise<void>;
}

export async function hangingEngine(socket: string): Promise<HangingEngine> {
  const folder = mkdtempSync(join(tmpdir(), 'sb-relay-'));
  const path = join(folder, 'docker.sock');
  const sockets = new Set<Socket>();
  let hangs = false;
  const server = createServer({ allowHalfOpen: true }, (client) => {
    const engine = connect({ path: socket, allowHalfOpen: true });
    for (const one of [client, engine]) {
      sockets.add(one);
      one.on('error', () => one.destroy());
      one.on('close', () => {
        sockets.delete(one);
        (one === client ? engine : client).destroy();
      });
    }
    const pass = async (chunk: Buffer): Promise<void> => {
      client.pause();
      while (hangs && !client.destroyed) await wait(5);
      engine.write(chunk);
      client.resume();
    };
    client.on('data', (chunk: Buffer) => void pass(chunk));
    client.on('end', () => engine.end());
    engine.pipe(client);
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  chmodSync(folder, 0o755);
  return {
    host: `unix://${path}`,
    hang: () => {
      hangs = true;
    },
    goOn: () => {
      hangs = false;
    },
    close: async () => {
      hangs = false;
      const closed = new Promise((resolve) => server.close(resolve));
      for (const one of sockets) one.destroy();
      await closed;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
