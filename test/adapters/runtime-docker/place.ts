import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync } from 'node:fs';
import { join } from 'node:path';
import {
  type DockerRuntime,
  type DockerRuntimeOptions,
  openDockerRuntime,
} from '../../../src/adapters/runtime/docker/runtime.ts';
import { tellsTakenAway } from '../../../src/adapters/builder/docker/explain.ts';
import type { ArtifactRef } from '../../../src/domain/release.ts';
import type { AppName, BuildKey, Epoch, ServiceName } from '../../../src/domain/values.ts';
import { type Engine, openEngine } from '../../../src/engine/client.ts';
import { jsonLines } from '../../../src/engine/streams.ts';
import type { KeeperClient } from '../../../src/keeper/client.ts';
import { fixture, type Home, makeHome, root } from '../../keeper/harness.ts';

/** A home with a keeper, a warden and Docker runtimes on it, all ended by `remove`, which leaves nothing in the engine. */
export interface DockerPlace {
  readonly home: Home;
  readonly engine: Engine;
  readonly keeper: KeeperClient;
  readonly folders: DockerRuntimeOptions['folders'];
  open(epoch?: number, more?: Partial<DockerRuntimeOptions>): DockerRuntime;
  /** A fixture app as an image, as the builder would leave it. `lines` are more instructions of its Dockerfile. */
  artifact(app: string, lines?: readonly string[]): Promise<ArtifactRef>;
  /** Containers of this installation. */
  containers(): Promise<readonly Container[]>;
  remove(): Promise<void>;
}

export interface Container {
  readonly Id: string;
  readonly Names: readonly string[];
  readonly State: string;
  readonly Labels: Readonly<Record<string, string>>;
}

const dist = process.env['SIGNALBOX_TEST_DIST'] ?? join(root, 'dist');
/** What a generated Dockerfile does: an own folder, an own user. */
const recipe = [
  'FROM signalbox-base:bookworm',
  'RUN mkdir /app && chown 1000:1000 /app',
  'WORKDIR /app',
  'USER 1000:1000',
  'COPY --chown=1000:1000 . .',
];

export async function makePlace(socket: string): Promise<DockerPlace> {
  const home = makeHome();
  chmodSync(home.dir, 0o711);
  const engine = openEngine(socket);
  const keeper = await home.connect();
  const runtimes: DockerRuntime[] = [];
  const images = new Map<string, string>();
  const folders = {
    warden: join(home.dir, 'warden'),
    socket: join(home.dir, 'w.sock'),
    persist: join(home.dir, 'persist'),
    logs: join(home.dir, 'logs'),
  };
  const mine = { label: [`signalbox.installation=${home.homeId}`] };
  const containers = async (): Promise<readonly Container[]> => {
    const answer = await engine.call<readonly Container[]>('GET', '/containers/json', { query: { all: true, filters: mine } });
    return answer.ok ? answer.body : [];
  };
  return {
    home,
    engine,
    keeper,
    folders,
    containers,
    open: (epoch = 1, more = {}) => {
      const runtime = openDockerRuntime({
        keeper,
        homeId: home.homeId,
        epoch: epoch as Epoch,
        engineSocket: socket,
        folders,
        program: join(dist, 'adapters/runtime/docker/warden/main.js'),
        links: () => Promise.resolve([]),
        ...more,
      });
      runtimes.push(runtime);
      return runtime;
    },
    artifact: async (app, lines = []) => {
      const key = createHash('sha256').update(`${home.homeId} ${app} ${lines.join()}`).digest('hex') as BuildKey;
      if (!images.has(key))
        images.set(key, await build(engine, fixture(app), { key, dockerfile: [...recipe, ...lines].join('\n') }));
      return { app: 'shop' as AppName, service: 'web' as ServiceName, key, path: '.' };
    },
    remove: async () => {
      for (const runtime of runtimes) await runtime.close();
      // Warden and keeper first: they would put back what is removed.
      await home.destroy();
      for (const { Id } of await containers())
        await engine.call('DELETE', `/containers/${Id}`, { query: { force: true, v: true } });
      const networks = await engine.call<readonly { readonly Id: string }[]>('GET', '/networks', { query: { filters: mine } });
      for (const { Id } of networks.ok ? networks.body : []) await engine.call('DELETE', `/networks/${Id}`);
      const volumes = await engine.call<{ readonly Volumes: readonly { readonly Name: string }[] | null }>('GET', '/volumes', {
        query: { filters: mine },
      });
      for (const { Name } of volumes.ok ? (volumes.body.Volumes ?? []) : []) await engine.call('DELETE', `/volumes/${Name}`);
      for (const id of images.values()) await engine.call('DELETE', `/images/${id}`, { query: { force: true } });
      await engine.close();
    },
  };
}

/** @returns the image's id. */
export async function build(
  engine: Engine,
  folder: string,
  { key, dockerfile }: { readonly key: string; readonly dockerfile: string },
): Promise<string> {
  const tar = spawn('tar', ['-C', folder, '-cf', '-', '.'], { stdio: ['ignore', 'pipe', 'inherit'] });
  const chunks: Buffer[] = [];
  for await (const chunk of tar.stdout) chunks.push(chunk as Buffer);
  // The Dockerfile comes beside the folder's own files.
  const archive = Buffer.concat([...entry('Dockerfile.sb', dockerfile), Buffer.concat(chunks)]);
  let failure = 'The build gave no image.';
  // Other tests remove their images meanwhile, and share layers with this one.
  for (let tries = 0; tries < 3; tries += 1) {
    const stream = await engine.stream('POST', '/build', {
      query: { dockerfile: 'Dockerfile.sb', labels: { 'signalbox.key': key }, rm: true, forcerm: true },
      body: archive,
      timeoutMs: 60_000,
    });
    let id: string | undefined;
    let error: string | undefined;
    for await (const line of jsonLines<{ readonly error?: string; readonly aux?: { readonly ID?: string } }>(stream)) {
      error = line.error ?? error;
      id = line.aux?.ID ?? id;
    }
    if (error === undefined && id !== undefined) return id;
    failure = error ?? failure;
    if (!tellsTakenAway(failure)) break;
  }
  throw new Error(failure);
}

/** One file of a tar archive. */
function entry(name: string, text: string): Buffer[] {
  const head = Buffer.alloc(512);
  head.write(name, 0);
  head.write('0000644\0', 100);
  head.write('0000000\0', 108);
  head.write('0000000\0', 116);
  head.write(`${Buffer.byteLength(text).toString(8).padStart(11, '0')}\0`, 124);
  head.write('00000000000\0', 136);
  head.write('        ', 148);
  head.write('0', 156);
  head.write('ustar\0', 257);
  head.write('00', 263);
  const sum = head.reduce((total, byte) => total + byte, 0);
  head.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  const body = Buffer.alloc(Math.ceil(Buffer.byteLength(text) / 512) * 512);
  body.write(text);
  return [head, body];
}
