// Compiles src/ into dist/: one bundle per program, shared code split into chunks, packages left outside.
// Files that did not change are not touched, the others are replaced whole: programs that start meanwhile never see half a file.
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = fileURLToPath(new URL('..', import.meta.url));

/** The programs of the product; each is started by its place in dist/. */
export const programs = {
  'cli/main': 'src/cli/main.ts',
  daemon: 'src/daemon.ts',
  'dev-server': 'src/dev-server.ts',
  'scan-folder': 'src/scan-folder.ts',
  'scan-staged': 'src/scan-staged.ts',
  'keeper/main': 'src/keeper/main.ts',
  'proxy/main': 'src/proxy/main.ts',
  'mail-catcher/main': 'src/mail-catcher/main.ts',
  'adapters/runtime/docker/warden/main': 'src/adapters/runtime/docker/warden/main.ts',
  'adapters/store/sqlite/worker': 'src/adapters/store/sqlite/worker.ts',
  // Of a checkout alone (package.json keeps them out of the package).
  'demo/main': 'bench/demo/main.ts',
  'demo/load-client': 'bench/load/client.ts',
};

/** @param clean also removes what an earlier build left and this one does not need. */
export async function compile({ clean = false } = {}) {
  const { outputFiles } = await build({
    absWorkingDir: root,
    entryPoints: Object.fromEntries(Object.entries(programs).filter(([, file]) => existsSync(join(root, file)))),
    outdir: 'dist',
    write: false,
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
  for (const file of outputFiles) await replace(file.path, file.contents);
  if (clean) await removeAllBut(new Set(outputFiles.map((file) => file.path)));
}

async function replace(path, contents) {
  const before = await readFile(path).catch(() => undefined);
  if (before && Buffer.compare(before, contents) === 0) return;
  await mkdir(dirname(path), { recursive: true });
  const fresh = `${path}.${process.pid}`;
  await writeFile(fresh, contents);
  await rename(fresh, path);
}

async function removeAllBut(wanted) {
  for (const entry of await readdir(join(root, 'dist'), { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    if (entry.isFile() && !wanted.has(path)) await rm(path);
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await compile({ clean: process.argv.includes('--clean') });
