#!/usr/bin/env node
// Starts the compiled CLI; in a checkout that was installed without its scripts, compiles it first.
import { existsSync } from 'node:fs';

const main = new URL('../dist/cli/main.js', import.meta.url);
if (!existsSync(main)) {
  const { compile } = await import('../scripts/build.js');
  await compile();
}
await import(main.href);
