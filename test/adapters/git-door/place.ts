import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { type GitDoorLimits, openGitDoor } from '../../../src/adapters/source/git/http/door.ts';
import { openTurns } from '../../../src/adapters/source/git/turns.ts';
import { SignalboxError } from '../../../src/domain/errors.ts';
import type { AppName } from '../../../src/domain/values.ts';
import type { PushAnswer, PushedUpdate, Pushes } from '../../../src/ports/pushes.ts';
import { testEnvironment, testFolder, type TestRepository, testRepository } from '../source-git-repository.ts';

export interface GitRun {
  readonly code: number | null;
  /** Both streams, as a person sees them. */
  readonly said: string;
}

/** The door on a real socket, with repositories beside it, and a person's git. */
export interface DoorPlace {
  readonly url: string;
  readonly folder: string;
  readonly faults: unknown[];
  readonly updates: PushedUpdate[];
  /** What becomes of every update from now on. */
  answer: Pushes['receive'];
  repository(name: string): TestRepository;
  /** git as a person runs it; never rejects. */
  git(folder: string, ...words: string[]): Promise<GitRun>;
  start(folder: string, ...words: string[]): { readonly child: ReturnType<typeof spawn>; readonly done: Promise<GitRun> };
  /** git in the repository of the app, on our side. */
  inside(app: string, ...words: string[]): Promise<GitRun>;
  close(): Promise<void>;
}

export const taken: PushAnswer = { ok: true, deployed: false };

export async function openDoorPlace(limits: Partial<GitDoorLimits> = {}): Promise<DoorPlace> {
  const folder = testFolder();
  const sources = join(folder.path, 'sources');
  const faults: unknown[] = [];
  const updates: PushedUpdate[] = [];
  const place = {
    answer: async () => taken,
  } as Pick<DoorPlace, 'answer'>;
  const door = openGitDoor({
    folder: sources,
    searchPath: process.env['PATH'] ?? '',
    turns: openTurns(),
    pushes: {
      receive: (update, say) => {
        updates.push(update);
        return place.answer(update, say);
      },
    },
    onFault: (error) => faults.push(error),
    limits,
  });
  const server: Server = createServer((incoming, outgoing) => {
    const url = new URL(incoming.url ?? '/', 'http://x');
    const [, app = '', path = ''] = /^\/([^/]+)\.git\/(.+)$/.exec(url.pathname) ?? [];
    const part = path === 'info/refs' ? 'info/refs' : 'service';
    const service = (part === 'service' ? path : url.searchParams.get('service')) as 'git-receive-pack';
    door.serve({ app: app as AppName, service, part, pusher: 'ada' }, { incoming, outgoing }).catch((error: unknown) => {
      if (!(error instanceof SignalboxError)) faults.push(error);
      if (outgoing.headersSent) outgoing.destroy();
      else outgoing.writeHead(503, { 'content-type': 'text/plain', connection: 'close' }).end(String(error));
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const start: DoorPlace['start'] = (cwd, ...words) => {
    const child = spawn('git', ['-c', 'safe.directory=*', ...words], {
      cwd,
      env: { ...testEnvironment(), GIT_TERMINAL_PROMPT: '0' },
      stdio: ['ignore', 'pipe', 'pipe'],
      // As a terminal does: what ends it ends all that it has started.
      detached: true,
    });
    let said = '';
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding('utf8').on('data', (text: string) => {
        said += text;
      });
    return { child, done: once(child, 'close').then(([code]) => ({ code: code as number | null, said })) };
  };
  return Object.assign(place, {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    folder: sources,
    faults,
    updates,
    repository: (name: string) => testRepository(folder.path, name),
    start,
    git: (cwd: string, ...words: string[]) => start(cwd, ...words).done,
    inside: (app: string, ...words: string[]) => start(join(sources, `${app}.git`), ...words).done,
    close: async () => {
      door.close();
      server.closeAllConnections();
      server.close();
      folder.end();
    },
  });
}
