import type { CertificateBody, CertificatesBody } from '../api/contract.ts';
import { plain, table } from './format.ts';
import type { Paint } from './terminal.ts';

const dayMs = 86_400_000;
/** Days left from which on it is worth a colour. */
const fewDays = 14;

export function validity(
  { notBefore, notAfter }: CertificateBody,
  now: number,
): 'valid' | 'it has run out' | 'it is not valid yet' {
  if (notAfter < now) return 'it has run out';
  return notBefore > now ? 'it is not valid yet' : 'valid';
}

export function describeCertificates(body: CertificatesBody, paint: Paint, now: number): readonly string[] {
  const { https, certificates, problems, exposed, handshakes } = body;
  const rows = certificates.map((one) => [
    one.name,
    plain([...one.names, ...one.addresses].join(' ')),
    one.key,
    plain(one.selfSigned ? 'self-signed' : one.issuer),
    left(one, now),
  ]);
  const lines = table(rows).map((line, index) => {
    const one = certificates[index] as CertificateBody;
    if (validity(one, now) !== 'valid') return paint.red(line);
    return one.notAfter - now < fewDays * dayMs ? paint.yellow(line) : line;
  });
  return [
    ...(certificates.length === 0
      ? ['There are no certificates; `signalbox certificates add --cert FILE --key FILE` brings one.']
      : lines),
    ...problems.flatMap(({ message, fix }) => [paint.red(`refused: ${plain(message)}`), paint.dim(`  to do: ${plain(fix)}`)]),
    ...(exposed ? [paint.yellow('Other users of this machine can look into the folder of certificates (chmod 700).')] : []),
    ...(handshakes === null
      ? []
      : [
          `HTTPS on ${https}: ${handshakes.done} handshakes done, ${handshakes.failed + handshakes.timedOut + handshakes.evicted} failed, ${handshakes.unknownNames} for hosts without a certificate`,
        ]),
  ];
}

/** Only what somebody has to do something about, for pages that are about something else. */
export function warnOfCertificates({ certificates, problems }: CertificatesBody, paint: Paint, now: number): readonly string[] {
  return [
    ...certificates.flatMap((one) => {
      const line = `  certificate ${one.name} (${plain(one.names.join(', '))}): ${left(one, now)}`;
      if (validity(one, now) !== 'valid') return [paint.red(line)];
      return one.notAfter - now < fewDays * dayMs ? [paint.yellow(line)] : [];
    }),
    ...problems.map(({ message }) => paint.red(`  ${plain(message)}`)),
  ];
}

function left(one: CertificateBody, now: number): string {
  const days = Math.floor((one.notAfter - now) / dayMs);
  if (validity(one, now) === 'it is not valid yet')
    return `not valid before ${new Date(one.notBefore).toISOString().slice(0, 10)}`;
  if (days < 0) return `RUN OUT ${-days} days ago`;
  return `${days} days left`;
}
