import type { CertificatesBody, EnvironmentStatusBody, StatusBody } from '../api/contract.ts';
import { describeAccessories } from './accessories.ts';
import { warnOfCertificates } from './describe-certificates.ts';
import { lockLine } from './describe-environments.ts';
import { type ExitCode, exitCodes } from './failure.ts';
import { percent, plain, restarts, table } from './format.ts';
import type { Invocation } from './invocation.ts';
import type { Paint } from './terminal.ts';
import { whichApp } from './which-app.ts';

/** Every app and environment; with `--app` or `--env` only these. */
export async function status(invocation: Invocation): Promise<ExitCode> {
  const { terminal } = invocation;
  const app = invocation.app === undefined ? undefined : await whichApp(invocation);
  const all = await (await invocation.api()).get<StatusBody>('/v1/status');
  const environments = all.environments.filter(
    (one) =>
      (app === undefined || one.app === app) && (!invocation.environmentGiven || one.environment === invocation.environment),
  );
  terminal.result({ ...all, environments });
  for (const line of describeStatus({ ...all, environments }, terminal.paint)) terminal.say(line);
  for (const line of await certificateWarnings(invocation)) terminal.say(line);
  return exitCodes.done;
}

/** Nothing for scripts, who ask for the certificates themselves; an older control plane knows none. */
async function certificateWarnings(invocation: Invocation): Promise<readonly string[]> {
  const { terminal } = invocation;
  if (terminal.json) return [];
  try {
    const body = await (await invocation.api()).get<CertificatesBody>('/v1/certificates');
    return warnOfCertificates(body, terminal.paint, Date.now());
  } catch {
    return [];
  }
}

export function describeStatus(body: StatusBody, paint: Paint): readonly string[] {
  const { http, https, api } = body.addresses;
  const { ready, workers, skippedRoutes } = body.dataPlane;
  const plane = ready
    ? paint.green(`${workers} proxy ${workers === 1 ? 'worker' : 'workers'} ready`)
    : paint.red('the proxy is not ready');
  return [
    `Signalbox ${body.version} in ${body.home}: ${plane}; traffic on ${http}${https === null ? '' : ` and ${https}`}, API on ${api}`,
    ...skippedRoutes.map((route) => paint.yellow(`  left out, unreadable: ${plain(route)}`)),
    ...(body.environments.length === 0 ? ['Nothing is deployed yet; `signalbox deploy` in the folder of an app does that.'] : []),
    ...body.environments.flatMap((one) => ['', ...describeEnvironment(one, paint)]),
  ];
}

function describeEnvironment(one: EnvironmentStatusBody, paint: Paint): readonly string[] {
  const proof = one.release === null ? '' : one.release === one.proven ? paint.green(' proven') : paint.yellow(' not proven yet');
  const split =
    one.weights.length > 1 ? `  ${one.weights.map((weight) => `${weight.release} ${percent(weight.percent)}`).join(', ')}` : '';
  const mode = one.traffic === 'open' ? '' : paint.yellow(`  traffic: ${one.traffic}`);
  const width = Math.max(
    0,
    ...one.services.map(({ service }) => service.length),
    ...one.accessories.map(({ name }) => name.length),
  );
  const rows = one.services.map((service) => [
    `  ${service.service.padEnd(width)}`,
    service.release,
    service.kind,
    service.kind === 'static' ? 'files' : `${service.running}/${service.declared} running`,
    restarts(service.restarts),
    service.memoryMb === null ? '' : `${service.memoryMb} MiB`,
    service.fault === undefined ? '' : plain(service.fault),
  ]);
  const { rollout } = one;
  return [
    `${paint.bold(`${one.app}/${one.environment}`)}  ${one.release ?? 'no release yet'}${proof}${split}${mode}`,
    ...(one.lock === undefined ? [] : [paint.yellow(`  ${lockLine(one.lock, Date.now())}`)]),
    ...one.urls.map((url) => `  ${paint.cyan(url)}`),
    ...table(rows),
    ...describeAccessories(one.accessories, paint, width),
    ...(rollout === null
      ? []
      : [
          `  rollout ${rollout.id} of ${rollout.release}: ${rollout.phase}${rollout.reason === undefined ? '' : ` (${plain(rollout.reason.message)})`}`,
        ]),
    ...(one.limited === undefined
      ? []
      : [paint.yellow(`  ${one.limited} ${one.limited === 1 ? 'request' : 'requests'} refused for coming too often (429)`)]),
    ...one.drift.map((line) => paint.yellow(`  drift: ${plain(line)}`)),
  ];
}
