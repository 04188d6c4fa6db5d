// `npm run docs`: prints the pages that come from the code. Tests fail when one of them is stale.
import { writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = fileURLToPath(new URL('..', import.meta.url));
const pages = [
  { file: 'docs/errors.md', from: './src/domain/errors-page.ts', print: 'printErrors' },
  { file: 'docs/states.md', from: './src/domain/states-page.ts', print: 'printStates' },
];

const contents = pages.map(({ from, print }) => `export { ${print} } from '${from}';`).join('\n');
const { outputFiles } = await build({
  stdin: { contents, resolveDir: root, loader: 'ts' },
  bundle: true,
  write: false,
  platform: 'node',
  format: 'esm',
});
const printers = await import(`data:text/javascript;base64,${Buffer.from(outputFiles[0].contents).toString('base64')}`);
for (const { file, print } of pages) await writeFile(`${root}${file}`, printers[print]());
