import { execFile } from 'node:child_process';
import { cp, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { checkoutRoot } from '../load/program.ts';

const run = promisify(execFile);

export type Version = 'v1' | 'v2' | 'v3';

/** Page views after which one instance of v3 breaks: it has passed every check and taken all traffic by then. */
const v3BreaksAfter = 60;

const greetings: Readonly<Record<Version, string>> = {
  v1: `  return visit === 1 ? 'Hello, first visitor' : 'Hello, world'`,
  v2: `  return visit === 1 ? 'Hello again, first visitor' : 'Hello again, world'`,
  v3: `  if (visit > ${v3BreaksAfter}) throw new Error('greeting cache is full')
  return 'Hello from a version that will not last'`,
};

/** What the demo changes in the example's settings, so that the story fits into half a minute. */
const settings = [
  ['drain: 10s', 'drain: 2s'],
  ['bake: 20s', 'bake: 5s'],
] as const;

export interface Hello {
  readonly folder: string;
  /** Commits the version; only release.js differs. */
  commit(version: Version): Promise<void>;
}

/** A git repository with a copy of examples/hello in this folder, which must not exist. @throws Error without git. */
export async function makeHello(folder: string, variables: Readonly<Record<string, string>>): Promise<Hello> {
  await cp(join(checkoutRoot(), 'examples/hello'), folder, { recursive: true, errorOnExist: true });
  const file = join(folder, 'signalbox.yaml');
  let yaml = await readFile(file, 'utf8');
  for (const [found, instead] of settings) {
    if (!yaml.includes(found)) throw new Error(`examples/hello/signalbox.yaml has no "${found}" to replace.`);
    yaml = yaml.replace(found, instead);
  }
  await writeFile(file, yaml);
  // Hooks, templates and signing are the user's affairs, not this repository's.
  const env = { ...variables, GIT_CONFIG_GLOBAL: '/dev/null', GIT_CONFIG_NOSYSTEM: '1' };
  const git = (...words: string[]) =>
    run('git', ['-C', folder, '-c', 'user.name=Demo', '-c', 'user.email=demo@localhost', ...words], { env });
  await git('init', '--quiet', '--initial-branch=main');
  return {
    folder,
    commit: async (version) => {
      await writeFile(join(folder, 'release.js'), releaseFile(version));
      await git('add', '--all');
      await git('commit', '--quiet', '--message', `Version ${version.slice(1)}`);
    },
  };
}

const releaseFile = (version: Version): string => `/** What distinguishes one version of this app from the next. */
export const version = '${version}'

export function greeting(visit) {
${greetings[version]}
}
`;
