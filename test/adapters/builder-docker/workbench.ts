import { createHash, randomBytes } from 'node:crypto';
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { openImageBuilder, type ImageBuilder } from '../../../src/adapters/builder/docker/builder.ts';
import { registryLogins, type LoginSources } from '../../../src/adapters/builder/docker/logins.ts';
import type { ImageBuilderOptions } from '../../../src/adapters/builder/docker/options.ts';
import { imageRecords } from '../../../src/adapters/builder/docker/records.ts';
import { registryTransfers } from '../../../src/adapters/builder/docker/registry.ts';
import { gitSource } from '../../../src/adapters/source/git/git-source.ts';
import { prepareSource } from '../../../src/cli/send-source.ts';
import type { BuildRecipe, ImageRecipe } from '../../../src/domain/release.ts';
import { type AppName, instant, type ServiceName, type WallTime } from '../../../src/domain/values.ts';
import { type Engine, openEngine } from '../../../src/engine/client.ts';
import { imageKey } from '../../../src/pipeline/build-key.ts';
import { normalInputs } from '../../../src/pipeline/inputs.ts';
import { SharedBuilds } from '../../../src/pipeline/shared-builds.ts';
import type { BuildRequest, BuildResult } from '../../../src/ports/builder.ts';
import { testEngine } from '../../docker/engine.ts';
import { testEnvironment, testFolder, testRepository } from '../source-git-repository.ts';

/** Base of what tests build; every test engine has it. */
export const base = 'signalbox-base:bookworm';

/** The engine, or a skip with the reason. */
export function engineOrSkip(ctx: { skip(reason: string): never | void }): Engine {
  const found = testEngine();
  if ('missing' in found) {
    ctx.skip(found.missing);
    throw new Error(found.missing);
  }
  return openEngine(found.socket);
}

export type Workbench = ReturnType<typeof workbench>;

/** A repository, its source on the receiving side and an image builder with names of its own on a real engine. */
export function workbench(engine: Engine) {
  const place = testFolder();
  const environment = testEnvironment();
  const repository = testRepository(place.path);
  const source = gitSource({ folder: join(place.path, 'sources'), searchPath: environment.PATH ?? '' });
  const homeId = randomBytes(6).toString('hex');
  const app = `t${randomBytes(4).toString('hex')}` as AppName;
  const homes = [homeId];
  const incoming = join(place.path, 'incoming');
  mkdirSync(incoming);

  return {
    app,
    homeId,
    folder: place.path,
    incoming,
    repository,
    async open(more: Partial<ImageBuilderOptions> & { login?: LoginSources['own'] } = {}): Promise<ImageBuilder> {
      const logins = registryLogins({ configFile: join(place.path, 'no-logins.json'), own: more.login ?? null });
      if (more.homeId !== undefined) homes.push(more.homeId);
      return openImageBuilder({
        engine,
        homeId,
        source,
        clock: { now: () => instant(performance.now()), wall: () => Date.now() as WallTime },
        folders: { records: join(place.path, `images-${more.homeId ?? homeId}`), logs: join(place.path, 'logs'), incoming },
        shared: new SharedBuilds<BuildResult>(),
        logins,
        transfers: registryTransfers(engine, logins),
        registry: null,
        ...more,
      });
    },
    /** Commits the files and sends HEAD; returns its SHA. */
    async send(files: Readonly<Record<string, string>>): Promise<string> {
      repository.commit(files);
      const prepared = await prepareSource({ folder: repository.folder, environment });
      try {
        return (await source.receive(app, { file: prepared.bundle, ref: prepared.ref })).sha;
      } finally {
        await prepared.dispose();
      }
    },
    async recipe(
      sha: string,
      image: Partial<ImageRecipe> & { env?: Record<string, string>; inputs?: readonly string[] } = {},
    ): Promise<BuildRecipe> {
      const { env = {}, inputs: given, ...rest } = image;
      const whole: ImageRecipe = { dockerfile: { path: 'Dockerfile' }, context: '.', ...rest };
      const inputs = normalInputs(given ?? ['.']);
      return {
        key: imageKey({ recipe: whole, trees: await source.trees(app, sha, inputs), env }),
        path: '.',
        inputs,
        env,
        image: whole,
      };
    },
    request: (sha: string, recipe: BuildRecipe, service = 'web'): BuildRequest => ({
      app,
      service: service as ServiceName,
      sha,
      recipe,
    }),
    /** Removes every image that this workbench made, and its folder. */
    async end(): Promise<void> {
      type Listed = { Id: string; RepoTags: string[] | null; RepoDigests: string[] | null };
      for (const home of homes) {
        const left = await imageRecords(join(place.path, `images-${home}`)).all();
        const made = await engine.call<Listed[]>('GET', '/images/json', {
          query: { filters: { label: [`signalbox.installation=${home}`] } },
        });
        for (const { Id } of made.ok ? made.body : [])
          await engine.call('DELETE', `/images/${Id}`, { query: { force: true }, timeoutMs: 60_000 });
        for (const layer of left.flatMap(({ layers }) => layers.toReversed()))
          await engine.call('DELETE', `/images/${layer}`, { timeoutMs: 60_000 });
      }
      await engine.close();
      place.end();
    },
  };
}

export async function run(builder: ImageBuilder, request: BuildRequest): Promise<{ result: BuildResult; lines: string[] }> {
  const lines: string[] = [];
  const result = await builder.build({ ...request, onLine: (line) => lines.push(line) });
  return { result, lines };
}

/** The successful result, or an error that shows the build's last lines. */
export function succeeded(result: BuildResult): BuildResult & { ok: true } {
  if (!result.ok) throw new Error(`${result.end} ${result.because?.message ?? ''}\n${result.tail.join('\n')}`);
  return result;
}

export const hashOf = (text: string): string => createHash('sha256').update(text).digest('hex');

/** Where a program is, or a skip that names its package. */
export function programOrSkip(ctx: { skip(reason: string): unknown }, wanted: { name: string; package: string }): string {
  const folders = [...(testEnvironment().PATH ?? '').split(':'), '/usr/sbin', '/usr/bin'];
  const found = folders.map((folder) => join(folder, wanted.name)).find((path) => existsSync(path));
  if (found === undefined) ctx.skip(`no ${wanted.name}: apt-get install -y ${wanted.package}`);
  return found ?? '';
}
