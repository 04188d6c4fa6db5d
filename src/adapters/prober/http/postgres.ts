import { connect } from 'node:net';
import type { HealthSpec } from '../../../domain/spec.ts';
import type { Sight } from '../../../ports/prober.ts';
import { sayError } from './ask-status.ts';

/**
 * Asks a PostgreSQL server for a login and leaves when it asks for the password: it takes logins. While it starts or recovers it
 * accepts connections and refuses the login.
 */
export function postgresHealth(target: { host: string; port: number }, spec: HealthSpec): Promise<Sight> {
  return new Promise((resolve) => {
    const socket = connect({ host: target.host, port: target.port });
    const settle = (ok: boolean, detail: string): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve({ ok, detail });
    };
    const timer = setTimeout(() => settle(false, `port ${target.port} did not answer within ${spec.timeout} ms`), spec.timeout);
    let answer = Buffer.alloc(0);
    socket.once('connect', () => socket.write(loginOf('signalbox-health')));
    socket.on('data', (part: Buffer) => {
      answer = Buffer.concat([answer, part]);
      if (answer[0] === authentication) settle(true, 'takes logins');
      else if (answer[0] !== refusal) settle(false, `port ${target.port} does not speak as PostgreSQL does`);
      else if (isWhole(answer)) {
        const { message, state } = readRefusal(answer);
        // Another user or database than this server has: it looked, so it takes logins.
        settle(!notReady.has(state), `PostgreSQL says: ${message}`);
      }
    });
    socket.once('end', () => settle(false, `port ${target.port} hung up`));
    socket.once('error', (error: NodeJS.ErrnoException) => settle(false, `port ${target.port}: ${sayError(error)}`));
  });
}

const authentication = 'R'.charCodeAt(0);
const refusal = 'E'.charCodeAt(0);
/** Cannot connect now (starts, recovers, ends), too many connections, out of resources. */
const notReady: ReadonlySet<string> = new Set(['57P03', '57P02', '57P01', '53300', '53000', '53200', '']);
const protocol = 196_608;

function loginOf(user: string): Buffer {
  const body = Buffer.from(`user\0${user}\0database\0${user}\0\0`);
  const head = Buffer.alloc(8);
  head.writeInt32BE(body.length + 8, 0);
  head.writeInt32BE(protocol, 4);
  return Buffer.concat([head, body]);
}

const isWhole = (answer: Buffer): boolean => answer.length >= 5 && answer.length >= answer.readInt32BE(1) + 1;

function readRefusal(answer: Buffer): { readonly message: string; readonly state: string } {
  const fields = answer.subarray(5).toString('utf8').split('\0');
  const of = (letter: string): string => fields.find((field) => field.startsWith(letter))?.slice(1) ?? '';
  return { message: of('M') || 'no reason was given', state: of('C') };
}
