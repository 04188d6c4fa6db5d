import { compile } from '../../scripts/build.js';

let compiled: Promise<void> | undefined;

/** Programs under test are the compiled ones: what ships is what is tested. */
export async function setup(): Promise<void> {
  compiled ??= compile();
  await compiled;
}
