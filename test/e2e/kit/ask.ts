import { request } from 'node:http';

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
}

/** One request on a connection of its own, whatever its answer. @throws Error when there is none within 20 s. */
export function ask(
  port: number,
  what: { readonly host: string; readonly path: string; readonly method?: string },
): Promise<Answer> {
  const { host, path, method = 'GET' } = what;
  return new Promise((resolve, reject) => {
    const asked = request(
      { host: '127.0.0.1', port, path, method, headers: { host }, agent: false, timeout: 20_000 },
      (answer) => {
        let body = '';
        answer.setEncoding('utf8');
        answer.on('data', (text: string) => {
          body += text;
        });
        answer.on('end', () => resolve({ status: answer.statusCode ?? 0, headers: answer.headers, body }));
        answer.on('error', reject);
      },
    );
    asked.on('timeout', () => asked.destroy(new Error(`${host}${path} did not answer within 20 s.`)));
    asked.on('error', reject);
    asked.end();
  });
}
