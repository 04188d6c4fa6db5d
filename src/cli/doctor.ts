import type { DoctorBody, DoctorCheck } from '../api/contract.ts';
import { checkMachine } from './doctor-machine.ts';
import { checkPlace } from './doctor-place.ts';
import { type ExitCode, exitCodes, failureOf } from './failure.ts';
import { plain } from './format.ts';
import type { Invocation } from './invocation.ts';

/** This machine first, then what the control plane says of itself. Exit code 1 when a check failed; warnings are not failures. */
export async function doctor(invocation: Invocation): Promise<ExitCode> {
  const { terminal, settings } = invocation;
  const inside = await checkInside(invocation);
  const here =
    settings.remote === null
      ? [...(await checkMachine(invocation.variables)), ...(await checkPlace(invocation, inside.ports))]
      : [];
  const checks = [...here, ...inside.checks];
  terminal.result({ checks });
  const { paint } = terminal;
  const marks = { ok: paint.green('✓'), warning: paint.yellow('!'), failed: paint.red('✗') } as const;
  const width = Math.max(...checks.map((check) => check.name.length));
  for (const { name, state, detail, fix } of checks) {
    terminal.say(`${marks[state]} ${name.padEnd(width)}  ${plain(detail)}`);
    if (fix !== undefined && state !== 'ok') terminal.say(`  ${' '.repeat(width)}  ${paint.dim(`to do: ${plain(fix)}`)}`);
  }
  const failed = checks.filter((check) => check.state === 'failed').length;
  const warned = checks.filter((check) => check.state === 'warning').length;
  terminal.say(failed + warned === 0 ? paint.green('All is well.') : `${failed} failed, ${warned} to look at.`);
  return failed === 0 ? exitCodes.done : exitCodes.failed;
}

interface Inside {
  readonly checks: readonly DoctorCheck[];
  /** Ports that are Signalbox's own; null when no control plane answers. */
  readonly ports: readonly number[] | null;
}

async function checkInside(invocation: Invocation): Promise<Inside> {
  try {
    const api = await invocation.api();
    const { checks } = await api.get<DoctorBody>('/v1/doctor');
    const { addresses } = await api.get<{ addresses: { http: number; https: number | null; api: number } }>('/v1/status');
    return { checks, ports: [addresses.http, addresses.api, ...(addresses.https === null ? [] : [addresses.https])] };
  } catch (error) {
    const { message, hint, code } = failureOf(error);
    const state = code === 'CONTROL_PLANE_UNREACHABLE' && invocation.settings.remote === null ? 'warning' : 'failed';
    return { checks: [{ name: 'control plane', state, detail: message, fix: hint }], ports: null };
  }
}
