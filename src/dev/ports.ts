import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';
import { answers as answersAt } from '../wire/answers.ts';

/** Where services of a stack are put: below the ports of outgoing connections, above those that people type. */
const range = { from: 20_000, to: 31_999 };

/** A port that nobody listens on. @throws Error when none of 200 drawn ones is free. */
export async function freePort(): Promise<number> {
  for (let draw = 0; draw < 200; draw++) {
    const port = randomInt(range.from, range.to + 1);
    if ((await canBind('127.0.0.1', port)) && (await canBind('0.0.0.0', port))) return port;
  }
  throw new Error(`No port between ${range.from} and ${range.to} is free.`);
}

function canBind(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen({ host, port, exclusive: true }, () => server.close(() => resolve(true)));
  });
}

/** Whether somebody accepts connections there. */
export const answers = (port: number, host = '127.0.0.1'): Promise<boolean> => answersAt({ host, port, withinMs: 1000 });
