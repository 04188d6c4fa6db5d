import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type DeployOutcome, install, type Installation } from '../../../bench/installation.ts';
import { waitFor } from '../../../bench/kit/processes.ts';
import { type Load, startLoad } from '../../../bench/load/start.ts';
import type { LoadReport } from '../../../bench/load/contract.ts';
import type { EnvironmentStatusBody } from '../../../src/api/contract.ts';
import { type App, makeApp } from './apps.ts';
import { type Answer, ask as askPort } from './ask.ts';

export interface Attempt {
  readonly exitCode: number;
  readonly outcome: DeployOutcome;
}

/** Requests that `visit` has in flight at most. */
export const visitors = 6;

/** An installation, a folder for repositories, and the ways tests look at both. */
export interface Site {
  readonly installation: Installation;
  readonly folder: string;
  /** A new repository in the folder. */
  app(name: string): Promise<App>;
  /** `deploy --json`, whatever comes of it. @throws Error when it printed no result. */
  attempt(app: App, ...words: string[]): Promise<Attempt>;
  ask(host: string, path?: string, options?: { readonly method?: string; readonly port?: number }): Promise<Answer>;
  /** The JSON body of a 200. */
  json<Body>(host: string, path?: string): Promise<Body>;
  /** Light traffic that expects 200 from `/`, judged by status and framing alone. */
  visit(host: string, path?: string): Promise<Load>;
  environment(app: string, environment?: string): Promise<EnvironmentStatusBody>;
  /** Main processes and children of every instance, oldest first. */
  instancePids(): Promise<number[]>;
  /** Waits until exactly these instances' processes are left. */
  untilOnly(pids: readonly number[]): Promise<void>;
  /** Ends everything. @returns how many processes `down --all` left behind. */
  stop(): Promise<number>;
}

export async function openSite(environment: Readonly<Record<string, string>> = {}): Promise<Site> {
  const folder = await mkdtemp(join(tmpdir(), 'signalbox-e2e-'));
  await chmod(folder, 0o755);
  const installation = await install(environment);
  const ask: Site['ask'] = async (host, path = '/', { method = 'GET', port = installation.addresses().http } = {}) =>
    await askPort(port, { host, path, method });
  const instancePids = async (): Promise<number[]> => {
    const { instances } = await installation.parts();
    return instances.toSorted((a, b) => a.startTicks - b.startTicks || a.pid - b.pid).map((seen) => seen.pid);
  };
  return {
    installation,
    folder,
    app: async (name) => await makeApp(join(folder, name)),
    attempt: async (app, ...words) => {
      const { exitCode, stdout, stderr } = await installation.cli('deploy', app.folder, '--json', ...words);
      const lines = stdout.trim().split('\n');
      if (lines.length !== 1 || lines[0] === '') throw new Error(`deploy --json printed (${exitCode}): ${stdout}${stderr}`);
      return { exitCode, outcome: JSON.parse(lines[0] ?? '') as DeployOutcome };
    },
    ask,
    json: async (host, path) => {
      const answer = await ask(host, path);
      if (answer.status !== 200) throw new Error(`${host}${path ?? '/'} answered ${answer.status}: ${answer.body.slice(0, 500)}`);
      return JSON.parse(answer.body) as never;
    },
    visit: async (host, path = '/') =>
      await startLoad({
        target: { host: '127.0.0.1', port: installation.addresses().http },
        hostHeader: host,
        mix: [{ name: 'visit', weight: 1, method: 'GET', path, check: 'status' }],
        rate: 60,
        connections: visitors,
        newConnections: 0.3,
        appHeader: null,
      }),
    environment: async (app, environment = 'production') => {
      const found = (await installation.status()).environments.find((e) => e.app === app && e.environment === environment);
      if (!found) throw new Error(`status knows no ${app}/${environment}`);
      return found;
    },
    instancePids,
    untilOnly: async (pids) => {
      const wanted = JSON.stringify(pids.toSorted((a, b) => a - b));
      await waitFor(`nothing but the instances ${wanted}`, 20_000, async () =>
        JSON.stringify((await instancePids()).toSorted((a, b) => a - b)) === wanted ? true : undefined,
      );
    },
    stop: async () => {
      const left = await installation.stop();
      await rm(folder, { recursive: true, force: true });
      return left;
    },
  };
}

/** What a client that expects nothing but success may not have seen. */
export const losses = (report: LoadReport) => ({
  dropped: report.dropped,
  appErrors: report.appErrors,
  clientFaults: report.clientFaults,
  first: report.firstDrops.slice(0, 3),
});
export const noLosses = { dropped: 0, appErrors: 0, clientFaults: 0, first: [] };
