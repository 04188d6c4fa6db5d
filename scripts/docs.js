// `npm run docs`: prints the pages and the schema that follow from the code. Tests fail when one of them is not fresh.
import { rm, writeFile } from 'node:fs/promises';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build } from 'esbuild';

const root = fileURLToPath(new URL('..', import.meta.url));
const program = `${root}node_modules/.cache/signalbox-docs-${process.pid}.mjs`;
await build({
  absWorkingDir: root,
  stdin: {
    resolveDir: root,
    contents: `
      export { printErrors } from './src/domain/errors-page.ts';
      export { printStates } from './src/domain/states-page.ts';
      export { publishedSchemaText } from './src/config/json-schema.ts';
    `,
  },
  outfile: program,
  bundle: true,
  packages: 'external',
  platform: 'node',
  target: 'node20',
  format: 'esm',
  logLevel: 'warning',
});
try {
  const { printErrors, printStates, publishedSchemaText } = await import(pathToFileURL(program).href);
  for (const [path, text] of Object.entries({
    'docs/errors.md': printErrors(),
    'docs/states.md': printStates(),
    'schema/signalbox.schema.json': publishedSchemaText(),
  })) {
    await writeFile(root + path, text);
    process.stdout.write(`${path}\n`);
  }
} finally {
  await rm(program, { force: true });
}
