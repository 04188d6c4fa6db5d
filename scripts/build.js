// Compiles src/ into dist/: one bundle per program, shared code split into chunks, packages left outside.
import { rm } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = fileURLToPath(new URL('..', import.meta.url));

/** The programs of the product; each is started by name (see bin/signalbox.js and src/adapters). */
export const programs = {
  'cli/main': 'src/cli/main.ts',
  daemon: 'src/daemon.ts',
  'keeper/main': 'src/keeper/main.ts',
  'proxy/main': 'src/proxy/main.ts',
  'adapters/store/sqlite/worker': 'src/adapters/store/sqlite/worker.ts',
};

export async function compile() {
  await rm(`${root}dist`, { recursive: true, force: true });
  await build({
    absWorkingDir: root,
    entryPoints: programs,
    outdir: 'dist',
    bundle: true,
    splitting: true,
    packages: 'external',
    platform: 'node',
    target: 'node20',
    format: 'esm',
    chunkNames: 'chunks/[name]-[hash]',
    sourcemap: 'linked',
    sourcesContent: false,
    logLevel: 'warning',
  });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await compile();
