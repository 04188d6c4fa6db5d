import { createHash, randomBytes } from 'node:crypto';
import { readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { SignalboxError } from '../../../domain/errors.ts';
import type { FetchRequest } from '../../../ports/fetch-source.ts';
import { type GitResult, git, gitReason } from './git.ts';
import { checkRef, checkSha } from './names.ts';
import { claim, ensureRepository, identityOf, keep, originPrefix, type Place, repackWhenDue } from './receive.ts';

export interface FetchLimits {
  /** Largest pack that is taken in one fetch, in bytes. */
  readonly maxBytes: number;
  /** http:// is spoken, too: for addresses of this machine, which whoever takes an address has to see to. */
  readonly plainHttp: boolean;
  /** What git's transports may know of the operator's environment: proxies and certificate authorities. */
  readonly environment: Readonly<Record<string, string>>;
}

/** Between looks at the size of what comes. */
const lookEvery = 200;

export interface Head {
  /** It is the commit that was expected, or a tag of it, and is kept. */
  readonly expected: boolean;
  /** The commit that the ref leads to; null: there is no such ref. */
  readonly head: string | null;
}

/**
 * Fetches `ref` from another machine if it leads to `sha` there.
 * @throws FORGE_UNREACHABLE, FORGE_REFUSED, FORGE_TOO_LARGE, APP_TAKEN
 */
export async function fetchRemote(place: Place, request: FetchRequest, limits: FetchLimits): Promise<Head> {
  const ref = checkRef(request.ref);
  const sha = checkSha(request.sha);
  const head = await remoteHead(place, request, limits);
  const transport = transportOf(request, limits);
  // An annotated tag is an object of its own: the forge names it, and the commit it leads to is what is kept.
  if (head === null || (head !== sha && !ref.startsWith('refs/tags/'))) return { expected: false, head };
  return await take(place, { ...request, ref, sha }, { transport, limits });
}

/** What `ref` leads to on the other machine; null: there is no such ref. Throws as `fetchRemote` does. */
export async function remoteHead(place: Place, request: Omit<FetchRequest, 'sha'>, limits: FetchLimits): Promise<string | null> {
  const ref = checkRef(request.ref);
  await ensureRepository(place);
  const listed = await remote(place, transportOf(request, limits), ['ls-remote', '--quiet', '--', request.url, ref]);
  const lines = listed.stdout.toString('utf8').split('\n');
  return lines.find((line) => line.slice(40) === `\t${ref}`)?.slice(0, 40) ?? null;
}

async function take(
  place: Place,
  { url, ref, sha }: FetchRequest,
  { transport, limits }: { transport: Transport; limits: FetchLimits },
): Promise<Head> {
  const incoming = `refs/incoming/${randomBytes(8).toString('hex')}`;
  const tooLarge = new AbortController();
  const before = await packBytes(place);
  const look = async (): Promise<void> => {
    if ((await packBytes(place)) - before > limits.maxBytes) tooLarge.abort();
  };
  const watch = setInterval(() => void look(), lookEvery);
  try {
    const words = ['fetch', '--quiet', '--no-tags', '--no-write-fetch-head', '--no-auto-maintenance', '--no-recurse-submodules'];
    // What a shallow clone sent before ends where it had to; from here there is the rest, by which the repository is known.
    const ends = (await call(place, ['rev-parse', '--is-shallow-repository'])).stdout.toString().trim() === 'true';
    await remote(
      place,
      transport,
      [...words, ...(ends ? ['--unshallow'] : []), '--', url, `+${ref}:${incoming}`],
      tooLarge.signal,
    );
    await look();
    if (tooLarge.signal.aborted) throw refusedForSize();
    const commit = await call(place, ['rev-parse', '--verify', '--quiet', `${incoming}^{commit}`]);
    const tip = await call(place, ['rev-parse', '--verify', '--quiet', incoming]);
    const found = commit.stdout.toString().trim();
    if (!/^[0-9a-f]{40}$/.test(found)) throw new SignalboxError('FORGE_REFUSED', `${ref} leads to no commit.`);
    // It may have moved between the look and the fetch.
    if (found !== sha && tip.stdout.toString().trim() !== sha) return { expected: false, head: found };
    await claim(place, await identityOf(place, found, new Map([[`${originPrefix}${originOf(url)}`, found]])));
    await keep(place, found);
    return { expected: true, head: found };
  } finally {
    clearInterval(watch);
    await call(place, ['update-ref', '-d', incoming]);
    await dropUnfinished(place);
    // Nothing leads to what came of it any more.
    if (tooLarge.signal.aborted) await call(place, ['repack', '-a', '-d', '-q']);
    else await repackWhenDue(place);
  }
}

/** The same mark that a clone of this address has when its source is sent (cli/send-source.ts): of https and ssh alike. */
function originOf(url: string): string {
  const plain = url
    .replace(/^[a-z]+:\/\//, '')
    .replace(/^[^@/]+@/, '')
    .replace(/(?:\.git)?\/*$/, '')
    .toLowerCase();
  return createHash('sha256').update(`${plain} `).digest('hex').slice(0, 40);
}

interface Transport {
  readonly settings: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
}

/**
 * One protocol, one host, one credential. The token comes from the environment of git, which only its own user can read, over a fixed
 * line of shell; a redirect to another host is not followed, so that nobody else is ever sent it.
 */
function transportOf({ url, access }: Omit<FetchRequest, 'sha'>, limits: FetchLimits): Transport {
  const protocol = /^(https|http|ssh):\/\//.exec(url)?.[1];
  if (protocol === undefined || (protocol === 'http' && !limits.plainHttp))
    throw new SignalboxError('BAD_REQUEST', 'Source is fetched over https or ssh only.');
  const settings = [
    `protocol.${protocol}.allow=always`,
    'protocol.file.allow=never',
    'http.followRedirects=false',
    'http.lowSpeedLimit=500',
    'http.lowSpeedTime=60',
    'credential.helper=',
    'core.askPass=',
    'submodule.recurse=false',
    'fetch.fsckObjects=true',
    // Old tools wrote these into many a history; they harm nobody.
    'fetch.fsck.zeroPaddedFilemode=ignore',
    'fetch.fsck.missingSpaceBeforeDate=ignore',
    'fetch.fsck.badTimezone=ignore',
  ];
  if (protocol === 'ssh')
    return { settings: flags(settings), environment: { GIT_SSH_COMMAND: sshCommand(access.key), GIT_SSH_VARIANT: 'ssh' } };
  if (access.token === undefined) return { settings: flags(settings), environment: limits.environment };
  const host = /^https?:\/\/[^/]+/.exec(url)?.[0] ?? '';
  const helper =
    '!f() { test "$1" = get && printf \'username=%s\\npassword=%s\\n\' "$SIGNALBOX_FETCH_USER" "$SIGNALBOX_FETCH_SECRET"; }; f';
  return {
    settings: flags([...settings, `credential.${host}.helper=${helper}`]),
    environment: {
      ...limits.environment,
      SIGNALBOX_FETCH_USER: access.token.user,
      SIGNALBOX_FETCH_SECRET: access.token.secret,
    },
  };
}

/** git hands it to a shell. The key of the host is taken on the first meeting and asked for ever after. */
function sshCommand(key: FetchRequest['access']['key']): string {
  if (key === undefined) throw new SignalboxError('FORGE_REFUSED', 'An address of ssh needs a deploy key.');
  const option = (name: string, value: string): string => `-o ${quoted(`${name}=${value}`)}`;
  return [
    'ssh',
    '-F /dev/null',
    '-a -x -T',
    option('IdentityFile', inSsh(key.file)),
    option('IdentitiesOnly', 'yes'),
    option('IdentityAgent', 'none'),
    option('UserKnownHostsFile', inSsh(key.knownHosts)),
    option('GlobalKnownHostsFile', '/dev/null'),
    option('StrictHostKeyChecking', 'accept-new'),
    option('HashKnownHosts', 'no'),
    option('UpdateHostKeys', 'no'),
    option('BatchMode', 'yes'),
    option('PreferredAuthentications', 'publickey'),
    option('PermitLocalCommand', 'no'),
    option('ProxyCommand', 'none'),
    option('ConnectTimeout', '20'),
    option('ServerAliveInterval', '15'),
  ].join(' ');
}

const quoted = (text: string): string => `'${text.replaceAll("'", String.raw`'\''`)}'`;
/** ssh breaks values at spaces and knows % as a sign of its own. */
const inSsh = (path: string): string => `"${path.replaceAll('%', '%%').replaceAll(/["\\]/g, String.raw`\$&`)}"`;
const flags = (settings: readonly string[]): readonly string[] => settings.flatMap((setting) => ['-c', setting]);

async function remote(place: Place, transport: Transport, words: readonly string[], signal?: AbortSignal): Promise<GitResult> {
  const result = await git({
    arguments: [...transport.settings, ...words],
    gitDir: place.gitDir,
    searchPath: place.searchPath,
    timeout: place.timeout,
    environment: transport.environment,
    ...(signal === undefined ? {} : { signal }),
  });
  if (result.code !== 0) throw remoteError(result, transport);
  return result;
}

/** What git says of it may quote what the other side said, and more: what we gave it is taken out. */
function remoteError(result: GitResult, { environment }: Transport): SignalboxError {
  const secret = environment['SIGNALBOX_FETCH_SECRET'];
  const said = gitReason(result)
    .replaceAll(/[^\P{Cc}\t]/gu, ' ')
    .slice(0, 500);
  const reason = secret === undefined ? said : said.replaceAll(secret, '***');
  if (result.fault === 'ended') return refusedForSize();
  if (/No space left|Disk quota/i.test(reason))
    return new SignalboxError('NO_SPACE', 'The disk is full; the source could not be fetched.');
  const final =
    /authentication failed|could not read (?:username|password)|permission denied|access denied|repository .*not found|does not appear to be a git|host key verification|fsck|not allowed|redirect|terminal prompts disabled|\b40[134]\b/i;
  return final.test(reason)
    ? new SignalboxError('FORGE_REFUSED', `The forge does not give the source out: ${reason}.`)
    : new SignalboxError('FORGE_UNREACHABLE', `The source could not be fetched: ${reason}.`);
}

const refusedForSize = (): SignalboxError =>
  new SignalboxError('FORGE_TOO_LARGE', 'The source is larger than is taken in one fetch.');

const packFolder = (place: Place): string => join(place.gitDir, 'objects', 'pack');

async function packBytes(place: Place): Promise<number> {
  const sizes = (await readdir(packFolder(place)).catch(() => [])).map((name) =>
    stat(join(packFolder(place), name)).then(
      ({ size }) => size,
      () => 0,
    ),
  );
  return (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0);
}

/** Left behind by a git that was ended. */
async function dropUnfinished(place: Place): Promise<void> {
  for (const name of await readdir(packFolder(place)).catch(() => [])) {
    if (name.startsWith('tmp_')) await rm(join(packFolder(place), name), { force: true });
  }
}

const call = (place: Place, args: readonly string[]): Promise<GitResult> =>
  git({ arguments: args, gitDir: place.gitDir, searchPath: place.searchPath, timeout: place.timeout });
