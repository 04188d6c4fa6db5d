import { mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = fileURLToPath(new URL('../../../', import.meta.url));

export interface Programs {
  readonly worker: string;
  /** A control plane reduced to its store: commits, and says each acknowledgement on its standard output. */
  readonly committer: string;
  remove(): Promise<void>;
}

/** The store's thread and the programs that are killed here, compiled into a folder of their own. */
export async function compilePrograms(): Promise<Programs> {
  const folder = await mkdtemp(join(tmpdir(), 'signalbox-store-programs-'));
  await symlink(join(root, 'node_modules'), join(folder, 'node_modules'));
  await build({
    absWorkingDir: root,
    entryPoints: { worker: 'src/adapters/store/sqlite/worker.ts', committer: 'test/adapters/store/committer.ts' },
    outdir: folder,
    outExtension: { '.js': '.mjs' },
    bundle: true,
    packages: 'external',
    platform: 'node',
    target: 'node20',
    format: 'esm',
  });
  return {
    worker: join(folder, 'worker.mjs'),
    committer: join(folder, 'committer.mjs'),
    remove: () => rm(folder, { recursive: true, force: true }),
  };
}

export const temporaryFolder = (): Promise<string> => mkdtemp(join(tmpdir(), 'signalbox-store-'));
