import { existsSync } from 'node:fs';
import { mkdir, rename } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

let compiled: Promise<string> | undefined;

/** The client's program as one file that node can run; compiled once per process. @throws Error outside a checkout. */
export function compiledClient(): Promise<string> {
  compiled ??= compile();
  return compiled;
}

async function compile(): Promise<string> {
  const root = checkoutRoot();
  const folder = join(root, 'node_modules/.cache/signalbox-bench');
  const program = join(folder, 'load-client.mjs');
  const draft = `${program}.${process.pid}`;
  await mkdir(folder, { recursive: true });
  const { build } = await import('esbuild');
  await build({
    absWorkingDir: root,
    entryPoints: ['bench/load/client.ts'],
    outfile: draft,
    bundle: true,
    platform: 'node',
    target: 'node20',
    format: 'esm',
    logLevel: 'warning',
  });
  await rename(draft, program);
  return program;
}

/** Folder of the checkout that this code, bundled or not, lies in. */
export function checkoutRoot(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, 'bench/load/client.ts'))) {
    const parent = dirname(folder);
    if (parent === folder) throw new Error('The load client is compiled from a checkout of Signalbox; this is none.');
    folder = parent;
  }
  return folder;
}
