import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { CertificateBody, CertificatesBody } from '../api/contract.ts';
import { BadPair } from '../certificates/facts.ts';
import { isOpenToOthers, readFolder } from '../certificates/folder.ts';
import { ensureLocalCertificate, isLocal, LocalNameRefused, openLocalAuthority } from '../certificates/local-authority.ts';
import { type Pair, readPair } from '../certificates/pair.ts';
import { writePair } from '../certificates/store.ts';
import { makeHomeFolders } from '../config/home-folders.ts';
import { SignalboxError } from '../domain/errors.ts';
import { describeCertificates, validity } from './describe-certificates.ts';
import { type ExitCode, exitCodes } from './failure.ts';
import { plain } from './format.ts';
import type { Invocation } from './invocation.ts';

export interface CertificateOptions {
  readonly cert?: string;
  readonly key?: string;
  readonly name?: string;
}

/** What is served, and what in the folder is not. Exit code 1 when a host has no certificate that clients would take. */
export async function list(to: Invocation, again: boolean): Promise<ExitCode> {
  const body = await read(to, again);
  to.terminal.result(body);
  for (const line of describeCertificates(body, to.terminal.paint, Date.now())) to.terminal.say(line);
  const wanting = body.problems.length > 0 || body.certificates.some((one) => validity(one, Date.now()) !== 'valid');
  return wanting ? exitCodes.failed : exitCodes.done;
}

/** Whether a pair of files could be served; nothing is changed. @throws CERTIFICATE_REFUSED, WRONG_USAGE */
export async function check(to: Invocation, options: CertificateOptions): Promise<ExitCode> {
  const { facts } = await readGiven(options);
  to.terminal.result({ certificate: facts });
  const state = validity(facts, Date.now());
  to.terminal.say(`${to.terminal.paint.green('✓')} ${covered(facts)} by ${plain(facts.issuer)}: it could be served.`);
  if (state !== 'valid') to.terminal.say(to.terminal.paint.red(`  But ${state} (${span(facts)}).`));
  return state === 'valid' ? exitCodes.done : exitCodes.failed;
}

/** Checks a pair, copies it into the home and has it served. @throws CERTIFICATE_REFUSED, WRONG_USAGE */
export async function add(to: Invocation, options: CertificateOptions): Promise<ExitCode> {
  const { terminal, home } = to;
  refuseRemote(to, 'a private key is not sent over the network');
  const pair = await readGiven(options);
  const name = options.name ?? nameOf(pair);
  if (!/^[A-Za-z0-9_][A-Za-z0-9._-]{0,99}$/.test(name))
    throw new SignalboxError('WRONG_USAGE', `--name ${JSON.stringify(name)} is no name of a file.`);
  await makeHomeFolders(home, process.getuid?.() ?? 0);
  await writePair(home.certificates, name, pair);
  const served = await reloaded(to);
  terminal.result({ name, certificate: { ...pair.facts, name }, served });
  terminal.say(
    `${terminal.paint.green('✓')} ${covered(pair.facts)}, ${span(pair.facts)}, as ${join(home.certificates, name)}.crt`,
  );
  terminal.say(
    served === null
      ? '  Signalbox is not running; it is served from its next start on.'
      : served.https === null
        ? terminal.paint.yellow('  HTTPS is not served: `signalbox doctor` says why.')
        : `  Served on port ${served.https} from now on; open connections go on with the former one.`,
  );
  for (const { message } of served?.problems ?? []) terminal.say(terminal.paint.yellow(`  ${plain(message)}`));
  return exitCodes.done;
}

/** A certificate for names of this machine, by an authority of its own. @throws WRONG_USAGE for a public name. */
export async function local(to: Invocation, hosts: readonly string[]): Promise<ExitCode> {
  const { terminal, home } = to;
  refuseRemote(to, 'names of another machine are not this one’s');
  const now = new Date();
  await makeHomeFolders(home, process.getuid?.() ?? 0);
  const { authority, certFile } = await openLocalAuthority(home.localAuthority, now).catch(refuseBadPair);
  const names = ['localhost', '127.0.0.1', '::1', ...(hosts.length > 0 ? hosts : await localHosts(to))];
  const made = await ensureLocalCertificate({ authority, folder: home.certificates, name: 'local', hosts: names, now }).catch(
    (cause: unknown) => {
      if (!(cause instanceof LocalNameRefused)) throw cause;
      throw new SignalboxError('WRONG_USAGE', `${cause.message} A local authority is not believed about others.`, {
        hint: 'Use names below .localhost, .test or .internal; for a public name get a certificate and `signalbox certificates add` it.',
      });
    },
  );
  const served = await reloaded(to);
  terminal.result({ authority: certFile, made, hosts: names, served });
  terminal.say(
    `${terminal.paint.green('✓')} ${made ? 'made' : 'there already'}: a certificate for ${names.map(plain).join(', ')}`,
  );
  for (const line of trust(certFile)) terminal.say(line);
  return exitCodes.done;
}

const trust = (file: string): readonly string[] => [
  'Trust its authority on this machine (it can vouch for local names only):',
  `  curl            curl --cacert ${file} https://localhost:8443/`,
  `  Debian, Ubuntu  sudo cp ${file} /usr/local/share/ca-certificates/signalbox.crt && sudo update-ca-certificates`,
  `  Fedora          sudo trust anchor ${file}`,
  `  macOS           security add-trusted-cert -k ~/Library/Keychains/login.keychain-db ${file}`,
  '  Firefox, Chrome on Linux: import it under Settings, Certificates, Authorities.',
  `  Node            NODE_EXTRA_CA_CERTS=${file} node app.js`,
];

/** By the running control plane; without one from the folder itself. */
async function read(to: Invocation, again: boolean): Promise<CertificatesBody> {
  const served = await ask(to, again);
  if (served) return served;
  const { pairs, problems } = await readFolder(to.home.certificates);
  return {
    https: null,
    certificates: pairs.map(({ facts }) => facts),
    problems,
    exposed: await isOpenToOthers(to.home.certificates),
    handshakes: null,
  };
}

const reloaded = (to: Invocation): Promise<CertificatesBody | null> => ask(to, true);

async function ask(to: Invocation, again: boolean): Promise<CertificatesBody | null> {
  try {
    const api = await to.api();
    return again
      ? await api.post<CertificatesBody>('/v1/certificates/reload', {})
      : await api.get<CertificatesBody>('/v1/certificates');
  } catch (cause) {
    const absent = cause instanceof SignalboxError && ['CONTROL_PLANE_UNREACHABLE', 'HOME_UNUSABLE'].includes(cause.code);
    if (!absent || to.settings.remote !== null) throw cause;
    return null;
  }
}

/** Hosts of the apps that are deployed, where they are of this machine. */
async function localHosts(to: Invocation): Promise<readonly string[]> {
  try {
    const { environments } = await (await to.api()).get<{ environments: readonly { urls: readonly string[] }[] }>('/v1/status');
    const hosts = environments.flatMap(({ urls }) => urls.map((url) => new URL(url).hostname));
    return [...new Set(hosts.filter(isLocal))];
  } catch {
    return [];
  }
}

function refuseRemote({ settings }: Invocation, why: string): void {
  if (settings.remote === null) return;
  throw new SignalboxError('WRONG_USAGE', `SIGNALBOX_URL names another machine, and ${why}.`, {
    hint: 'Run the command there, or name a home of this machine with --home.',
  });
}

async function readGiven({ cert, key, name }: CertificateOptions): Promise<Pair> {
  if (cert === undefined)
    throw new SignalboxError('WRONG_USAGE', 'Name the certificate: --cert FILE (with its chain), and --key FILE.');
  const keyFile = key ?? cert;
  const [certText, keyText] = await Promise.all([readGivenFile(cert), readGivenFile(keyFile)]);
  try {
    return readPair({ name: name ?? 'given', certFile: cert, cert: certText, keyFile, key: keyText });
  } catch (cause) {
    return refuseBadPair(cause);
  }
}

const readGivenFile = (file: string): Promise<string> =>
  readFile(file, 'utf8').catch((cause: NodeJS.ErrnoException) => {
    throw new SignalboxError('CERTIFICATE_REFUSED', `${file} cannot be read (${cause.code ?? cause.message}).`, { cause });
  });

function refuseBadPair(cause: unknown): never {
  if (!(cause instanceof BadPair)) throw cause;
  const { message, fix, code, file } = cause.problem;
  throw new SignalboxError('CERTIFICATE_REFUSED', message, { hint: fix, details: { problem: code, file }, cause });
}

const nameOf = ({ facts }: Pair): string =>
  (facts.names[0] ?? facts.addresses[0] ?? 'certificate').replace(/^\*\./, 'wildcard.').replaceAll(':', '-');

const covered = ({ names, addresses }: CertificateBody): string => plain([...names, ...addresses].join(', '));
const span = ({ notBefore, notAfter }: CertificateBody): string =>
  `valid ${new Date(notBefore).toISOString().slice(0, 10)} to ${new Date(notAfter).toISOString().slice(0, 10)}`;
