import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { lstat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { CheckCommand } from '../blueprints/checks/facts.ts';
import { gatherChecks } from '../blueprints/checks/gather.ts';
import { sourceFiles } from '../blueprints/image/gather.ts';
import { folderReader } from '../config/folder-reader.ts';
import { loadAppSpec } from '../config/load.ts';
import { isWithin } from '../config/repository-path.ts';
import { refusePush } from '../domain/divergence.ts';
import { SignalboxError } from '../domain/errors.ts';
import type { Finding } from '../domain/scan.ts';
import { type ExitCode, exitCodes } from './failure.ts';
import { plain } from './format.ts';
import { userGit } from './git.ts';
import type { Invocation } from './invocation.ts';
import { ofGit, type StagedFile, stagedFiles } from './staged.ts';

/** What dist/scan-staged.js has to offer; its source is src/scan-staged.ts, a program of its own. */
interface ScanProgram {
  searchStaged(folder: string, files: readonly StagedFile[]): Promise<readonly Finding[]>;
}

/** Asked by git before a commit: secrets in added lines, then the lint of changed services. @throws HOOK_REFUSED, CONFIG_INVALID */
export async function runPreCommit({ terminal, cwd, variables }: Invocation): Promise<ExitCode> {
  const files = await stagedFiles({ cwd, environment: variables });
  if (files.length === 0) return exitCodes.done;
  const program = (await import(new URL('../scan-staged.js', import.meta.url).href)) as ScanProgram;
  const findings = await program.searchStaged(cwd, files);
  for (const { where, title, evidence, fix } of findings) {
    terminal.note(`${plain(`${where.file}:${where.line}`)}  ${plain(title)} (${plain(evidence ?? '')})`);
    terminal.note(`  ${terminal.paint.dim('to do:')} ${plain(fix ?? '')}`);
  }
  if (findings.length > 0)
    throw new SignalboxError(
      'HOOK_REFUSED',
      `${findings.length === 1 ? 'A secret is' : `${findings.length} secrets are`} about to be committed.`,
      { hint: 'Take it out of the file. What is none gets the words signalbox:allow-secret on its line or the one above.' },
    );
  for (const { service, root, lint } of await lintsOf(cwd, files)) {
    const child = spawn('/bin/sh', ['-c', lint.command], {
      cwd: join(root, lint.folder),
      env: Object.fromEntries(Object.entries(variables).filter(([name]) => !name.startsWith('GIT_'))),
      stdio: ['ignore', 'inherit', 'inherit'],
    });
    const [code] = (await once(child, 'close')) as [number | null];
    if (code !== 0)
      throw new SignalboxError('HOOK_REFUSED', `The lint of ${service} is red: \`${lint.command}\` ended with ${String(code)}.`);
  }
  return exitCodes.done;
}

/** The lint of every service that a file belongs to, each command once. It sees the files as they are, staged or not. */
async function lintsOf(
  top: string,
  files: readonly StagedFile[],
): Promise<readonly { readonly service: string; readonly root: string; readonly lint: CheckCommand }[]> {
  const byRoot = new Map<string, string[]>();
  for (const { path } of files) {
    const root = await appOf(top, dirname(path));
    byRoot.set(root, [...(byRoot.get(root) ?? []), root === '.' ? path : path.slice(root.length + 1)]);
  }
  const found = new Map<string, { service: string; root: string; lint: CheckCommand }>();
  for (const [root, changed] of byRoot) {
    const reader = folderReader(join(top, root));
    const loaded = await loadAppSpec(reader).catch((error: unknown) => {
      // A repository that is no app has nothing to lint; an app that cannot be read is a mistake.
      if (error instanceof SignalboxError && error.code === 'NO_APP_HERE') return null;
      throw error;
    });
    if (loaded === null) continue;
    const all = await sourceFiles(reader);
    for (const service of Object.values(loaded.spec.services)) {
      if (!changed.some((path) => isWithin(path, service.path))) continue;
      const { lint } = await gatherChecks(reader, service, all);
      if (lint !== undefined)
        found.set(`${root} ${lint.folder} ${lint.command}`, { service: service.name, root: join(top, root), lint });
    }
  }
  return [...found.values()];
}

/** The nearest folder upward with a signalbox.yaml, else the top. */
async function appOf(top: string, folder: string): Promise<string> {
  for (let at = folder; at !== '.' && at !== '/'; at = dirname(at))
    for (const name of ['signalbox.yaml', 'signalbox.yml'])
      if ((await lstat(join(top, at, name)).catch(() => null)) !== null) return at;
  return '.';
}

/** Asked by git before a push, with what is pushed on standard input. @throws SOURCE_DIVERGED */
export async function runPrePush({ cwd, variables }: Invocation, remote: string): Promise<ExitCode> {
  const ask = async (...words: string[]): Promise<boolean> =>
    (await userGit(words, { cwd, environment: variables, extra: ofGit(variables) })).code === 0;
  let list = '';
  for await (const chunk of process.stdin.setEncoding('utf8')) list += chunk as string;
  for (const line of list.split('\n')) {
    const [, ours = '', target = '', theirs = ''] = /^\S+ ([0-9a-f]{40}) (\S+) ([0-9a-f]{40})$/.exec(line) ?? [];
    const created = /^0+$/.test(theirs);
    const deleted = /^0+$/.test(ours);
    if (!target.startsWith('refs/heads/') || created || deleted) continue;
    const known = await ask('cat-file', '-e', `${theirs}^{commit}`);
    refusePush({
      branch: target.slice('refs/heads/'.length),
      remote,
      known,
      forward: known && (await ask('merge-base', '--is-ancestor', theirs, ours)),
    });
  }
  return exitCodes.done;
}
