import { readdirSync, readFileSync } from 'node:fs';
import { get } from 'node:http';
import { setTimeout as wait } from 'node:timers/promises';
import { type Running, startCli } from '../cli/run-cli.ts';

export interface DevSession {
  readonly running: Running;
  readonly port: number;
  /** Null without --https. */
  readonly https: number | null;
  /** Log entries so far. */
  readonly entries: () => Entry[];
  /** Waits for an entry whose text fits. @throws with the whole output when it does not come */
  readonly said: (pattern: RegExp) => Promise<Entry>;
  readonly ready: () => Promise<{ readonly ready: boolean; readonly down: readonly string[] }>;
  /** Ctrl-C, and waits for the end. */
  readonly stop: () => Promise<void>;
}

export interface Entry {
  readonly source: string;
  readonly text: string;
  readonly kind: 'output' | 'note';
}

/** A machine that does much else takes its time. */
const patienceMs = 50_000;

type Line = Partial<Entry> & {
  readonly url?: string;
  readonly port?: number;
  readonly https?: number | null;
  readonly ready?: boolean;
  readonly down?: string[];
};

const linesOf = (running: Running): Line[] =>
  running
    .out()
    .split('\n')
    .filter((line) => line.startsWith('{') && line.endsWith('}'))
    .map((line) => JSON.parse(line) as Line);

/** `signalbox dev --json` as a program of its own, once it has an address. @throws with what it said when it ends before. */
export async function startDev(
  folder: string,
  options: { readonly home: string; readonly words?: readonly string[]; readonly env?: Record<string, string> },
): Promise<DevSession> {
  const running = startCli(['dev', folder, '--json', '--port', '0', ...(options.words ?? [])], {
    home: options.home,
    cwd: folder,
    ...(options.env === undefined ? {} : { env: options.env }),
  });
  const find = async <Found>(what: string, look: () => Found | undefined): Promise<Found> => {
    const deadline = performance.now() + patienceMs;
    for (;;) {
      const found = look();
      if (found !== undefined) return found;
      if (running.child.exitCode !== null || performance.now() > deadline)
        throw new Error(`${what} did not come:\n${running.out()}\n${running.err()}`);
      await wait(20);
    }
  };
  const { port = 0, https = null } = await find('its address', () => linesOf(running).find((line) => line.port !== undefined));
  const entries = (): Entry[] => linesOf(running).filter((line): line is Entry & Line => line.source !== undefined);
  return {
    running,
    port,
    https,
    entries,
    said: (pattern) => find(String(pattern), () => entries().find(({ text }) => pattern.test(text))),
    ready: () =>
      find('ready', () => linesOf(running).find((line) => line.ready !== undefined)).then(({ ready = false, down = [] }) => ({
        ready,
        down,
      })),
    stop: async () => {
      running.child.kill('SIGINT');
      await running.done;
    },
  };
}

export interface Answer {
  readonly status: number;
  readonly body: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
}

/** One GET on a connection of its own. */
export function ask(port: number, path = '/', headers: Record<string, string> = {}): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const request = get({
      host: '127.0.0.1',
      port,
      path,
      headers: { host: `localhost:${port}`, ...headers },
      agent: false,
      timeout: patienceMs,
    });
    request.on('timeout', () => request.destroy(new Error(`no answer to ${path}`)));
    request.on('error', reject);
    request.on('response', (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (text: string) => {
        body += text;
      });
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body, headers: response.headers }));
      response.on('error', reject);
    });
  });
}

/** Asks until the answer fits. @throws with the last answer when none does */
export async function until(
  port: number,
  fits: (answer: Answer) => boolean,
  path = '/',
  headers: Record<string, string> = {},
): Promise<Answer> {
  const deadline = performance.now() + patienceMs;
  for (;;) {
    const answer = await ask(port, path, headers).catch((cause: unknown) => ({ status: 0, body: String(cause), headers: {} }));
    if (fits(answer)) return answer;
    if (performance.now() > deadline) throw new Error(`last answer: ${answer.status} ${answer.body}`);
    await wait(30);
  }
}

/** Pids of programs that carry `text` in their command line or environment. */
export function processesWith(text: string): number[] {
  return readdirSync('/proc').flatMap((name) => {
    const pid = Number(name);
    if (!Number.isInteger(pid) || pid === process.pid) return [];
    try {
      const state = readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ')[1]?.[0];
      const seen = readFileSync(`/proc/${pid}/cmdline`, 'latin1') + readFileSync(`/proc/${pid}/environ`, 'latin1');
      return state !== 'Z' && seen.includes(text) ? [pid] : [];
    } catch {
      return [];
    }
  });
}

/** A server that answers with `text`, its PORT and one variable. */
export const server = (text: string): string => `
import { createServer } from 'node:http';
createServer((req, res) => {
  if (req.url.endsWith('/env')) return res.end(JSON.stringify(process.env));
  if (req.url.endsWith('/crash')) { console.error('I was told to crash'); process.exit(7); }
  res.end(${JSON.stringify(text)});
}).listen(process.env.PORT, process.env.HOST, () => console.log('listening'));
`;
