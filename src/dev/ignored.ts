import { spawn } from 'node:child_process';

/** Those of the paths that git ignores; none where there is no git or no repository. Never rejects. */
export function gitIgnored(folder: string, paths: readonly string[]): Promise<ReadonlySet<string>> {
  return new Promise((resolve) => {
    const child = spawn('git', ['check-ignore', '-z', '--stdin'], {
      cwd: folder,
      stdio: ['pipe', 'pipe', 'ignore'],
      timeout: 3000,
    });
    let out = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      out += text;
    });
    child.once('error', () => resolve(new Set()));
    child.once('close', () => resolve(new Set(out.split('\0').filter((path) => path !== ''))));
    child.stdin.on('error', () => {});
    child.stdin.end(`${paths.join('\0')}\0`);
  });
}
