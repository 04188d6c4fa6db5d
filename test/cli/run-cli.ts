import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readlink, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const program = fileURLToPath(new URL('../../bin/signalbox.js', import.meta.url));

export interface Ran {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

export interface Running {
  readonly child: ChildProcess;
  readonly out: () => string;
  readonly err: () => string;
  readonly done: Promise<Ran>;
}

export interface RunOptions {
  readonly home: string;
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
}

const started = new Set<ChildProcess>();

/** The real command line as a process of its own, in a clean environment. */
export const startCli = (words: readonly string[], options: RunOptions): Running =>
  startProgram(process.execPath, [program, ...words], options);

function startProgram(command: string, words: readonly string[], { home, cwd = home, env = {} }: RunOptions): Running {
  const child = spawn(command, words, {
    cwd,
    env: { PATH: process.env['PATH'] ?? '', HOME: home, SIGNALBOX_HOME: home, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  started.add(child);
  let out = '';
  let err = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    out += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    err += text;
  });
  const done = once(child, 'close').then(([code]) => {
    started.delete(child);
    return { code: code as number | null, out, err };
  });
  return { child, out: () => out, err: () => err, done };
}

export const runCli = (words: readonly string[], options: RunOptions): Promise<Ran> => startCli(words, options).done;

/** The one JSON value of standard output. @throws when there is anything else. */
export const onlyJson = (ran: Ran): unknown => JSON.parse(ran.out);

/** Ends what a test that failed has left running. */
export function endStarted(): void {
  for (const child of started) child.kill('SIGKILL');
}

const folders: string[] = [];

/** A folder with these files; as a git repository with one commit unless said otherwise. */
export async function makeFolder(files: Readonly<Record<string, string>>, { git = true } = {}): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'sb-cli-'));
  folders.push(folder);
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), text);
  }
  if (git) {
    await runGit(folder, 'init', '--quiet');
    await commitAll(folder, 'First');
  }
  return folder;
}

export async function commitAll(folder: string, subject: string): Promise<void> {
  await runGit(folder, 'add', '--all');
  await runGit(
    folder,
    '-c',
    'user.name=A',
    '-c',
    'user.email=a@example.com',
    'commit',
    '--quiet',
    '--allow-empty',
    '-m',
    subject,
  );
}

async function runGit(folder: string, ...words: string[]): Promise<void> {
  const child = spawn('git', words, { cwd: folder, stdio: 'ignore' });
  const [code] = (await once(child, 'close')) as [number];
  if (code !== 0) throw new Error(`git ${words.join(' ')} ended with ${code}`);
}

export async function removeFolders(): Promise<void> {
  for (const folder of folders.splice(0)) await removeHome(folder);
}

/** Removes a home, and what an installation of root's has elsewhere because others cannot enter it. */
export async function removeHome(home: string): Promise<void> {
  const elsewhere = await readlink(join(home, 'artifacts')).catch(() => null);
  if (elsewhere !== null) await rm(dirname(elsewhere), { recursive: true, force: true });
  await rm(home, { recursive: true, force: true });
}

/** The same at a pseudo-terminal of 100 columns and 40 rows, by util-linux's `script`; what it prints is all in `out`. */
export function startInTerminal(words: readonly string[], options: RunOptions): Running {
  const command = [process.execPath, program, ...words].map((word) => `'${word}'`).join(' ');
  return startProgram('script', ['-qefc', `stty cols 100 rows 40; ${command}`, '/dev/null'], options);
}
