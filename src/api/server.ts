import { once } from 'node:events';
import { chmod, rm } from 'node:fs/promises';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createAdaptorServer } from '@hono/node-server';
import { SignalboxError } from '../domain/errors.ts';
import { createApp } from './app.ts';
import { followChanges } from './changes.ts';
import { type ApiOptions, defaultLimits } from './options.ts';

export interface Api {
  /** The TCP port, also when 0 was asked for. */
  readonly port: number;
  /** Ends streams, lets running requests finish (at most 2 s), stops listening. */
  close(): Promise<void>;
}

/** How long a request's headers may take. */
const headersTimeoutMs = 10_000;
/** A large bundle over a slow line; smaller bodies come after the token has been checked. */
const requestTimeoutMs = 60 * 60_000;
const closeWaitMs = 2000;

/** Listens on TCP and on the unix socket; both ask for the token. @throws PORT_IN_USE, HOME_UNUSABLE. */
export async function startApi(options: ApiOptions): Promise<Api> {
  const changes = followChanges(options.onChange, options.limits?.pollMs ?? defaultLimits.pollMs);
  const closing = new AbortController();
  const app = createApp({ options, changes, closing: closing.signal }, () => port);
  const serve = (viaSocket: boolean): Server =>
    createAdaptorServer({
      fetch: (request, bindings) => app.fetch(request, { ...bindings, viaSocket }),
      overrideGlobalObjects: false,
      serverOptions: { headersTimeout: headersTimeoutMs, requestTimeout: requestTimeoutMs },
    }) as Server;
  const tcp = serve(false);
  const local = serve(true);
  await listenTcp(tcp, options);
  const { port } = tcp.address() as AddressInfo;
  try {
    await listenLocal(local, options.socketPath);
  } catch (cause) {
    tcp.close();
    throw new SignalboxError('HOME_UNUSABLE', `The socket ${options.socketPath} cannot be made: ${(cause as Error).message}.`, {
      cause,
    });
  }
  return {
    port,
    close: async () => {
      closing.abort();
      changes.close();
      await Promise.all([stop(tcp), stop(local)]);
      await rm(options.socketPath, { force: true });
    },
  };
}

async function listenTcp(server: Server, { host, port }: ApiOptions): Promise<void> {
  try {
    server.listen(port, host);
    await once(server, 'listening');
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw cause;
    throw new SignalboxError('PORT_IN_USE', `Port ${port} of ${host}, where the API would listen, is taken.`, {
      cause,
      hint: 'Stop the program that has it, or set SIGNALBOX_API_PORT to another port.',
    });
  }
}

async function listenLocal(server: Server, path: string): Promise<void> {
  await rm(path, { force: true });
  server.listen(path);
  await once(server, 'listening');
  await chmod(path, 0o600);
}

async function stop(server: Server): Promise<void> {
  const closed = new Promise<void>((resolve) => {
    server.close(() => resolve());
  });
  server.closeIdleConnections();
  const last = setTimeout(() => server.closeAllConnections(), closeWaitMs);
  await closed;
  clearTimeout(last);
}
