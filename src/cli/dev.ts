import { type ExitCode, exitCodes } from './failure.ts';
import type { Invocation } from './invocation.ts';
import type { Terminal } from './terminal.ts';
import { whichFolder } from './which-app.ts';

export interface DevVerbOptions {
  readonly port?: number;
  readonly only?: string;
  readonly install?: boolean;
  readonly runtime?: 'process' | 'docker';
  readonly accessories?: boolean;
  readonly showSecrets?: boolean;
  readonly https?: boolean;
}

/** What dist/dev-server.js has to offer; its source is src/dev-server.ts, a program of its own. */
interface DevProgram {
  dev(
    request: Omit<DevVerbOptions, 'only'> & { readonly folder: string; readonly home: string; readonly only?: readonly string[] },
    terminal: Pick<Terminal, 'json' | 'say' | 'result'>,
  ): Promise<void>;
}

/** The whole stack of a repository on this machine, until Ctrl-C. @throws what keeps it from starting */
export async function dev(invocation: Invocation, folder: string | undefined, options: DevVerbOptions): Promise<ExitCode> {
  const { terminal, home } = invocation;
  const { only, ...others } = options;
  const program = (await import(new URL('../dev-server.js', import.meta.url).href)) as DevProgram;
  const names = only?.split(',').map((name) => name.trim());
  await program.dev(
    {
      ...others,
      folder: await whichFolder(invocation, folder),
      home: home.root,
      ...(names === undefined ? {} : { only: names }),
    },
    terminal,
  );
  return exitCodes.done;
}
