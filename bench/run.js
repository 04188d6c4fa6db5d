// `node bench/run.js <name> [arguments]`: bundles bench/<name>.ts and runs it in this process, from the repository's root.
import { mkdir, readdir } from 'node:fs/promises';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build } from 'esbuild';

const root = fileURLToPath(new URL('..', import.meta.url));
const [name, ...rest] = process.argv.slice(2);
const names = (await readdir(`${root}bench`)).filter((f) => f.endsWith('.ts')).map((f) => f.slice(0, -'.ts'.length));
if (name === undefined || !names.includes(name)) {
  process.stderr.write(`Usage: node bench/run.js <name> [arguments]\nNames: ${names.sort().join(', ')}\n`);
  process.exit(2);
}

const program = `${root}node_modules/.cache/signalbox-bench/${name}.js`;
await build({
  absWorkingDir: root,
  entryPoints: [`bench/${name}.ts`],
  outfile: program,
  bundle: true,
  packages: 'external',
  platform: 'node',
  target: 'node20',
  format: 'esm',
  sourcemap: 'inline',
  sourcesContent: false,
  logLevel: 'warning',
});
await mkdir(`${root}bench/results`, { recursive: true });
process.chdir(root);
process.setSourceMapsEnabled(true);
process.argv = [process.argv[0] ?? 'node', program, ...rest];
await import(pathToFileURL(program).href);
