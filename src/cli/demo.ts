import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { SignalboxError } from '../domain/errors.ts';
import type { Invocation } from './invocation.ts';
import type { Terminal } from './terminal.ts';

export interface DemoOptions {
  readonly once?: boolean;
  readonly sabotage?: 'drop';
}

/** What dist/demo/main.js has to offer; its source is bench/demo/main.ts, which may use the load client as the product may not. */
interface DemoProgram {
  demo(terminal: Terminal, options: DemoOptions): Promise<number>;
}

/** Three releases under load in a Signalbox of its own. @throws NO_SOURCE outside a checkout, which alone has the example and the clients. */
export async function demo({ terminal }: Invocation, options: DemoOptions): Promise<number> {
  const program = new URL('../demo/main.js', import.meta.url);
  if (!existsSync(program))
    throw new SignalboxError('NO_SOURCE', `The demo needs a checkout of Signalbox; ${fileURLToPath(program)} is not there.`, {
      hint: 'Clone the repository, then run `npm ci && npm run demo` in it.',
    });
  const compiled = (await import(program.href)) as DemoProgram;
  return compiled.demo(terminal, options);
}
