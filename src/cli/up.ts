import { once } from 'node:events';
import { type Addresses, addressesOf, runningHere, startControlPlane } from './control-plane.ts';
import { type ExitCode, exitCodes } from './failure.ts';
import { installUnit } from './install-unit.ts';
import type { Invocation } from './invocation.ts';
import type { Terminal } from './terminal.ts';

export interface UpOptions {
  readonly detach?: boolean;
  readonly install?: boolean;
}

/** Starts the control plane of this home; when it runs already, says where. */
export async function up(invocation: Invocation, { detach = false, install = false }: UpOptions): Promise<ExitCode> {
  const { terminal, settings, home, variables } = invocation;
  if (install) return installUnit(invocation);
  const running = await runningHere(settings, home);
  if (running !== null) {
    announce(
      terminal,
      await addressesOf(running.api),
      `Signalbox ${running.ping.version} runs already (process ${running.ping.pid})`,
    );
    return exitCodes.done;
  }
  const log = detach || terminal.live ? 'file' : 'here';
  const { child, addresses } = await startControlPlane({ home, variables, detach, log });
  announce(
    terminal,
    addresses,
    detach ? 'Signalbox is up in the background' : 'Signalbox is up; Ctrl-C stops it, apps go on serving',
  );
  if (log === 'file') terminal.say(`  log      ${home.controlPlaneLog}`);
  if (detach) return exitCodes.done;
  // A terminal sends Ctrl-C to both; a service manager tells this process alone.
  const pass = (signal: NodeJS.Signals): void => void child.kill(signal);
  process
    .on('SIGTERM', pass)
    .on('SIGHUP', pass)
    .on('SIGINT', () => undefined);
  const [code] = (await once(child, 'exit')) as [number | null];
  return code === 0 ? exitCodes.done : exitCodes.failed;
}

function announce(terminal: Terminal, addresses: Addresses, words: string): void {
  const { http, https, api } = addresses;
  terminal.result({ http, https, api });
  terminal.say(`${terminal.paint.green('✓')} ${words}.`);
  terminal.say(`  traffic  http://localhost${http === 80 ? '' : `:${http}`}${https === null ? '' : `, https on ${https}`}`);
  terminal.say(`  API      http://localhost:${api}`);
}
