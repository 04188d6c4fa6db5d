import { setTimeout as pause } from 'node:timers/promises';
import type { ShutdownBody } from '../api/contract.ts';
import { SignalboxError } from '../domain/errors.ts';
import { runningHere } from './control-plane.ts';
import { type ExitCode, exitCodes } from './failure.ts';
import type { Invocation } from './invocation.ts';

/** How long instances may take to finish what they do: services first, then what they need. */
const patienceMs = 180_000;

/** Returns when the control plane has gone; done at once when there is none. */
export async function down(
  { terminal, settings, home }: Invocation,
  { all = false }: { readonly all?: boolean },
): Promise<ExitCode> {
  const running = await runningHere(settings, home);
  if (running === null) {
    if (all)
      throw new SignalboxError(
        'CONTROL_PLANE_UNREACHABLE',
        `No control plane runs in ${home.root}; apps may, and only it can stop them.`,
        {
          hint: 'Run `signalbox up --detach`, then `signalbox down --all`.',
        },
      );
    terminal.result({ stopped: false });
    terminal.say(`No control plane runs in ${home.root}.`);
    return exitCodes.done;
  }
  const body: ShutdownBody = { instances: all };
  await running.api.post('/v1/shutdown', body);
  await gone(running.ping.pid, async () => (await runningHere(settings, home)) === null);
  terminal.result({ stopped: true, instances: all });
  terminal.say(
    all
      ? 'Signalbox and its apps are stopped.'
      : 'Control plane, keeper and proxy are stopped. The apps run on, but nothing leads to them until `signalbox up`; `signalbox down --all` would have stopped them too.',
  );
  return exitCodes.done;
}

/** Until nobody answers and the process has ended. @throws PROGRAM_FAILED */
async function gone(pid: number, silent: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + patienceMs;
  while (!((await silent()) && !isAlive(pid))) {
    if (performance.now() > deadline)
      throw new SignalboxError(
        'PROGRAM_FAILED',
        `The control plane (process ${pid}) has not stopped in ${patienceMs / 1000} s.`,
        { hint: 'See its log; `kill` the process if it hangs: nothing is lost.' },
      );
    await pause(50);
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
