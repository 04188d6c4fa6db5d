import { SignalboxError } from '../domain/errors.ts';
import type { CertificatesBody, DoctorCheck } from './contract.ts';
import type { ApiOptions } from './options.ts';
import type { Answers } from './requests.ts';

/** What HTTPS is served with. Keys stay where they are: nothing of them is ever read here. */
export function answerCertificates(options: ApiOptions) {
  return {
    certificates: async (call) => call.json(await read(options, false)),
    'reload-certificates': async (call) => call.json(await read(options, true)),
  } satisfies Partial<Answers>;
}

async function read({ certificates, dataPlane }: ApiOptions, again: boolean): Promise<CertificatesBody> {
  if (!certificates) throw new SignalboxError('NOT_FOUND', 'This data plane serves no HTTPS of its own.');
  const [report, { https }] = await Promise.all([certificates(again), dataPlane.addresses()]);
  return { https, ...report };
}

const dayMs = 86_400_000;
/** Time enough to have a certificate renewed by hand. */
const soonMs = 14 * dayMs;

/** Whether what is served will go on being trusted. */
export async function checkCertificates(options: ApiOptions): Promise<Omit<DoctorCheck, 'name'>> {
  const { certificates, problems, exposed, https } = await read(options, false);
  const now = Date.now();
  const spent = certificates.filter((one) => one.notAfter < now);
  const [problem] = problems;
  if (spent[0])
    return {
      state: 'failed',
      detail: `run out: ${spent.map(({ name, names }) => `${name} (${names.join(', ')})`).join(', ')}`,
      fix: 'Have them renewed, then `signalbox certificates add --cert FILE --key FILE`.',
    };
  if (problem) return { state: 'failed', detail: problems.map(({ message }) => message).join(' '), fix: problem.fix };
  const next = certificates.find((one) => one.notAfter < now + soonMs);
  if (next)
    return {
      state: 'warning',
      detail: `${next.name} (${next.names.join(', ')}) runs out on ${new Date(next.notAfter).toISOString().slice(0, 10)}`,
      fix: 'Have it renewed, then `signalbox certificates add --cert FILE --key FILE`.',
    };
  const early = certificates.find((one) => one.notBefore > now);
  if (early)
    return {
      state: 'warning',
      detail: `${early.name} is not valid before ${new Date(early.notBefore).toISOString()}`,
      fix: 'Wait, or look at the clock of this machine.',
    };
  if (exposed)
    return { state: 'warning', detail: 'others can look into their folder', fix: 'chmod 700 on `certificates` in the home.' };
  if (https === null)
    return {
      state: certificates.length === 0 ? 'ok' : 'warning',
      detail: 'HTTPS is not served: its port could not be had when Signalbox started',
      fix: 'Free the port or set SIGNALBOX_HTTPS_PORT, then restart the control plane.',
    };
  if (certificates.length === 0) return { state: 'ok', detail: `none: HTTPS on ${https} refuses everybody until there is one` };
  return { state: 'ok', detail: `${certificates.length} served on ${https}` };
}
