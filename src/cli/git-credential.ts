import type { StatusBody } from '../api/contract.ts';
import { readToken } from '../config/home-folders.ts';
import { type ExitCode, exitCodes } from './failure.ts';
import type { Invocation } from './invocation.ts';
import { whoAsks } from './owner.ts';

/** Bytes of a question of git. */
const longestQuestion = 64 * 1024;

/**
 * git's credential protocol: gives the token to the control plane it belongs to, and to nobody else; keeps and forgets nothing, as the
 * token is where it is. What cannot be answered is left for git to ask for.
 */
export async function gitCredential(invocation: Invocation, what: string): Promise<ExitCode> {
  if (what !== 'get') return exitCodes.done;
  const asked = parseQuestion(await readAll(process.stdin));
  const token = await tokenFor(invocation, asked);
  if (token === null) return exitCodes.done;
  // The name is free; it says who asks, where an environment is locked. HTTP's own form ends it at a colon.
  const name = (await whoAsks(invocation, undefined)).replaceAll(':', ' ');
  process.stdout.write(`username=${name}\npassword=${token}\n`);
  return exitCodes.done;
}

interface Question {
  readonly protocol: string;
  readonly host: string;
}

/** `protocol=http`, `host=127.0.0.1:7070`, one attribute a line. */
function parseQuestion(text: string): Question {
  const attributes = new Map(text.split('\n').map((line) => [line.split('=')[0] ?? '', line.slice(line.indexOf('=') + 1)]));
  return { protocol: attributes.get('protocol') ?? '', host: attributes.get('host') ?? '' };
}

/** Null: the question is about somebody else, or there is no token to give. */
async function tokenFor(invocation: Invocation, { protocol, host }: Question): Promise<string | null> {
  const { remote } = invocation.settings;
  if (remote !== null) {
    const url = new URL(remote.url);
    if (`${url.protocol}//${url.host}` === `${protocol}://${host}`) return remote.token;
    invocation.terminal.note(
      `signalbox: SIGNALBOX_URL is ${remote.url}, and git asks for ${protocol}://${host}: it gets no token.`,
    );
    return null;
  }
  const { addresses } = await (await invocation.api()).get<StatusBody>('/v1/status');
  if (protocol === 'http' && host === `127.0.0.1:${addresses.api}`) return readToken(invocation.home.apiToken);
  invocation.terminal.note(
    `signalbox: the control plane of ${invocation.home.root} is at 127.0.0.1:${addresses.api}, and git asks for ${protocol}://${host}: it gets no token. Run \`signalbox git remote\` again.`,
  );
  return null;
}

async function readAll(stream: NodeJS.ReadStream): Promise<string> {
  let text = '';
  stream.setEncoding('utf8');
  for await (const chunk of stream as AsyncIterable<string>) {
    text += chunk;
    if (text.length > longestQuestion) break;
  }
  return text;
}
