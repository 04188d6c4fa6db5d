import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { gitSource } from '../../src/adapters/source/git/git-source.ts';
import { prepareSource } from '../../src/cli/send-source.ts';
import type { BuildRecipe } from '../../src/domain/release.ts';
import { type AppName, instant, type ServiceName, type WallTime } from '../../src/domain/values.ts';
import { buildKey } from '../../src/pipeline/build-key.ts';
import { type BuilderOptions, openBuilder } from '../../src/pipeline/builder.ts';
import type { Builder, BuildRequest, BuildResult } from '../../src/ports/builder.ts';
import type { Source } from '../../src/ports/source.ts';
import { type TestRepository, testEnvironment, testFolder, testRepository } from '../adapters/source-git-repository.ts';

export const app = 'shop' as AppName;

/** A repository, its source on the receiving side and a builder, all real, in one temporary folder. */
export interface Workbench {
  readonly folder: string;
  readonly repository: TestRepository;
  readonly source: Source;
  readonly options: BuilderOptions;
  open(more?: Partial<BuilderOptions>): Promise<Builder>;
  /** Sends HEAD; returns its SHA. */
  send(): Promise<string>;
  recipe(
    sha: string,
    command?: string,
    more?: { path?: string; env?: Record<string, string>; inputs?: readonly string[] },
  ): Promise<BuildRecipe>;
  request(sha: string, recipe: BuildRecipe): BuildRequest;
  artifact(recipe: BuildRecipe): string;
  log(recipe: BuildRecipe): string;
  end(): void;
}

export function workbench(): Workbench {
  const place = testFolder();
  const environment = testEnvironment();
  const repository = testRepository(place.path);
  const source = gitSource({ folder: join(place.path, 'sources'), searchPath: environment.PATH ?? '' });
  const artifacts = join(place.path, 'artifacts');
  mkdirSync(artifacts);
  const options: BuilderOptions = {
    artifacts,
    logs: join(place.path, 'logs'),
    source,
    environment,
    clock: { now: () => instant(performance.now()), wall: () => Date.now() as WallTime },
  };
  return {
    folder: place.path,
    repository,
    source,
    options,
    open: (more = {}) => openBuilder({ ...options, ...more }),
    async send() {
      const prepared = await prepareSource({ folder: repository.folder, environment });
      try {
        return (await source.receive(app, { file: prepared.bundle, ref: prepared.ref })).sha;
      } finally {
        await prepared.dispose();
      }
    },
    async recipe(sha, command, more = {}) {
      const inputs = more.inputs ?? ['.'];
      const env = more.env ?? {};
      const path = more.path ?? '.';
      const made = command === undefined ? {} : { command };
      return {
        key: buildKey({ path, trees: await source.trees(app, sha, inputs), env, toolchain: {}, ...made }),
        path,
        inputs,
        env,
        ...made,
      };
    },
    request: (sha, recipe) => ({ app, service: 'web' as ServiceName, sha, recipe }),
    artifact: (recipe) => join(artifacts, app, recipe.key),
    log: (recipe) => join(place.path, 'logs', app, 'builds', `${recipe.key}.log`),
    end: () => place.end(),
  };
}

/** The successful result, or an error that shows the build's last lines. */
export function succeeded(result: BuildResult): BuildResult & { ok: true } {
  if (!result.ok) throw new Error(`${result.end} ${result.exitCode}: ${result.tail.join('\n')}`);
  return result;
}

/** Waits until the condition holds. @throws after the deadline (ms). */
export async function eventually(condition: () => boolean | Promise<boolean>, deadline = 20_000): Promise<void> {
  const until = performance.now() + deadline;
  while (!(await condition())) {
    if (performance.now() > until) throw new Error('it did not come true in time');
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
