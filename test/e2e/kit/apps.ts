import { execFile } from 'node:child_process';
import { cp, mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { checkoutRoot } from '../../../bench/load/program.ts';

const run = promisify(execFile);

/** Contents of signalbox.yaml, or a part of it. */
export type Settings = Readonly<Record<string, unknown>>;

export interface Version {
  /** Folder of test/fixtures/apps to copy; default: nothing but `files`. */
  readonly fixture?: string;
  /** A folder to copy instead, relative to the checkout. */
  readonly copy?: string;
  /** signalbox.yaml; default: what comes with the copy, if anything. */
  readonly settings?: Settings;
  readonly files?: Readonly<Record<string, string>>;
}

export interface App {
  readonly folder: string;
  /** Replaces everything in the repository and commits it. @returns the commit's hash. */
  commit(version: Version): Promise<string>;
  /** Changes single files and commits. */
  change(files: Readonly<Record<string, string>>): Promise<string>;
}

const identity = ['-c', 'user.name=test', '-c', 'user.email=test@localhost', '-c', 'commit.gpgsign=false'];

/** An empty git repository in this folder, which is made. */
export async function makeApp(folder: string): Promise<App> {
  await mkdir(folder, { recursive: true });
  const git = async (...words: string[]): Promise<string> =>
    (await run('git', ['-C', folder, ...identity, ...words])).stdout.trim();
  await git('init', '--quiet', '--initial-branch=main');
  const write = async (files: Readonly<Record<string, string>>): Promise<string> => {
    for (const [name, text] of Object.entries(files)) {
      await mkdir(dirname(join(folder, name)), { recursive: true });
      await writeFile(join(folder, name), text);
    }
    await git('add', '--all');
    await git('commit', '--quiet', '--allow-empty', '--message', 'next');
    return await git('rev-parse', 'HEAD');
  };
  return {
    folder,
    change: write,
    commit: async ({ fixture, copy, settings, files = {} }) => {
      for (const name of await readdir(folder)) {
        if (name !== '.git') await rm(join(folder, name), { recursive: true });
      }
      const from = copy ?? (fixture === undefined ? undefined : `test/fixtures/apps/${fixture}`);
      if (from !== undefined) {
        await cp(join(checkoutRoot(), from), folder, {
          recursive: true,
          filter: (path) => !/\/(?:node_modules|dist|\.next)$/.test(path),
        });
      }
      // JSON is YAML.
      const yaml: Record<string, string> =
        settings === undefined ? {} : { 'signalbox.yaml': JSON.stringify(settings, undefined, 2) };
      return await write({ ...yaml, ...files });
    },
  };
}

/** A quick health check, so that tests are not long. */
export const quickHealth = {
  interval: '100ms',
  timeout: '1s',
  healthyAfter: 2,
  unhealthyAfter: 3,
  deadline: '15s',
} as const;

/** An app of one routed service `web`, run by `node server.js`, with a bake of a second. */
export function oneService(app: string, web: Settings = {}, rest: Settings = {}): Settings {
  return {
    app,
    services: {
      web: {
        run: 'node server.js',
        health: { path: '/health', ...quickHealth },
        route: { host: `${app}.localhost` },
        drain: '5s',
        grace: '1s',
        ...web,
      },
    },
    strategy: { bake: '1s' },
    ...rest,
  };
}
