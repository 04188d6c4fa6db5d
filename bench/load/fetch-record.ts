import { get, type IncomingMessage } from 'node:http';
import { createInterface } from 'node:readline';

export interface RecordSource {
  readonly host: string;
  readonly port: number;
  readonly hostHeader: string;
  readonly path: string;
}

/** The app's own record of executed orders, line by line, fetched when iteration starts. @throws Error for any answer but a complete 200. */
export async function* fetchRecord(source: RecordSource): AsyncGenerator<string> {
  const { host, port, path } = source;
  const answer = await new Promise<IncomingMessage>((resolve, reject) => {
    get({ host, port, path, headers: { host: source.hostHeader }, agent: false }, resolve).on('error', reject);
  });
  if (answer.statusCode !== 200) throw new Error(`The record of orders answered ${answer.statusCode}.`);
  yield* createInterface({ input: answer, crlfDelay: Number.POSITIVE_INFINITY });
  if (!answer.complete) throw new Error('The record of orders was cut short.');
}
