import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { ReleaseBody, RolloutBody, StatusBody } from '../src/api/contract.ts';
import { clearEngine, containersOf } from './kit/docker.ts';
import { type Parts, partsFinder } from './kit/parts.ts';
import { kill, waitFor } from './kit/processes.ts';
import { checkoutRoot } from './load/program.ts';

export interface Addresses {
  readonly http: number;
  readonly api: number;
}

/** The last object of `deploy --json` (product.md). */
export interface DeployOutcome {
  readonly rolloutId: string;
  readonly release: string;
  readonly phase: string;
  readonly durationMs: number;
  readonly switchMs: number | null;
  readonly requests: { readonly served: number; readonly dropped: number };
  readonly reason?: { readonly code: string; readonly message: string; readonly log?: readonly string[] };
}

export interface CliResult {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** A complete Signalbox in a temporary home, driven by its own command line. */
export interface Installation {
  readonly home: string;
  /** As the control plane printed them when it last came up. */
  addresses(): Addresses;
  /** Starts the control plane again, after it was killed. Returns when everything listens. */
  up(): Promise<Addresses>;
  cli(...words: string[]): Promise<CliResult>;
  /** @throws Error with everything that was printed unless the release went live and stayed. */
  deploy(folder: string, ...words: string[]): Promise<DeployOutcome>;
  /** @throws Error for every answer but 2xx. */
  api<Body>(method: 'GET' | 'POST', path: string, body?: unknown): Promise<Body>;
  status(): Promise<StatusBody>;
  releases(app: string): Promise<readonly ReleaseBody[]>;
  /** Waits until the rollout has ended, over restarts of the control plane. */
  ended(rolloutId: string, timeoutMs: number): Promise<RolloutBody>;
  /** Waits until all traffic is on the rollout's release, or the rollout has ended without that. */
  live(rolloutId: string, timeoutMs: number): Promise<RolloutBody>;
  parts(): Promise<Parts>;
  /** Ends everything by pid and removes the home; once. @returns how many processes, containers and networks `down --all` had left behind. */
  stop(): Promise<number>;
}

/** How long `up` may take on a busy machine, ms. */
const upMs = 60_000;

/** @param environment operator settings on top of the ports, which are all 0. */
export async function install(environment: Readonly<Record<string, string>> = {}): Promise<Installation> {
  const home = await mkdtemp(join(tmpdir(), 'signalbox-bench-'));
  // Instances of an installation that runs as root belong to another user, who must get through.
  await chmod(home, 0o755);
  const variables = {
    ...inherited(),
    SIGNALBOX_HOME: home,
    SIGNALBOX_HTTP_PORT: '0',
    SIGNALBOX_HTTPS_PORT: '0',
    SIGNALBOX_API_PORT: '0',
    NO_COLOR: '1',
    ...environment,
  };
  const program = join(checkoutRoot(), 'bin/signalbox.js');
  const { SIGNALBOX_RUNTIME: runtime, SIGNALBOX_DOCKER_HOST: engine = '' } = environment;
  const parts = runtime === 'docker' ? partsFinder(home, () => containersOf(engine, home)) : partsFinder(home);
  const upPrograms = new Set<ChildProcess>();
  let addresses: Addresses | undefined;
  let token = '';
  let stopped: Promise<number> | undefined;

  const up = async (): Promise<Addresses> => {
    const child = spawn(process.execPath, [program, 'up', '--json'], { env: variables, stdio: ['ignore', 'pipe', 'pipe'] });
    upPrograms.add(child);
    child.once('exit', () => upPrograms.delete(child));
    let printed = '';
    child.stderr.on('data', (chunk) => {
      printed = (printed + String(chunk)).slice(-4000);
    });
    const listening = new Promise<Addresses>((resolve, reject) => {
      createInterface({ input: child.stdout }).on('line', (line) => {
        const said = parsed(line);
        if (said !== undefined && typeof said['http'] === 'number' && typeof said['api'] === 'number') {
          resolve({ http: said['http'], api: said['api'] });
        } else printed = (printed + line).slice(-4000);
      });
      child.once('error', reject);
      child.once('exit', (code, signal) => reject(new Error(`signalbox up ended (${signal ?? code}): ${printed}`)));
    });
    const timer = setTimeout(() => child.kill('SIGKILL'), upMs);
    addresses = await listening.finally(() => clearTimeout(timer));
    token = (await readFile(join(home, 'keys/api-token'), 'utf8')).trim();
    return addresses;
  };

  const cli = async (...words: string[]): Promise<CliResult> => {
    const child = spawn(process.execPath, [program, ...words], { env: variables, stdio: ['ignore', 'pipe', 'pipe'] });
    const said = { stdout: '', stderr: '' };
    child.stdout.on('data', (chunk) => {
      said.stdout += String(chunk);
    });
    child.stderr.on('data', (chunk) => {
      said.stderr += String(chunk);
    });
    const [code] = (await once(child, 'close')) as [number | null];
    return { ...said, exitCode: code ?? 1 };
  };

  const api = async <Body>(method: 'GET' | 'POST', path: string, body?: unknown): Promise<Body> => {
    const answer = await fetch(`http://127.0.0.1:${addresses?.api}${path}`, {
      method,
      headers: { authorization: `Bearer ${token}`, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${method} ${path} answered ${answer.status}: ${text.slice(0, 1000)}`);
    return (text === '' ? undefined : JSON.parse(text)) as Body;
  };

  const self: Installation = {
    home,
    addresses: () => {
      if (!addresses) throw new Error('The installation has never come up.');
      return addresses;
    },
    up,
    cli,
    deploy: async (folder, ...words) => {
      const result = await cli('deploy', folder, '--json', ...words);
      const outcome = parsed(result.stdout.trim().split('\n').at(-1) ?? '') ?? parsed(result.stdout);
      if (result.exitCode !== 0 || outcome === undefined) {
        throw new Error(`deploy ended with ${result.exitCode}: ${result.stdout.slice(-4000)}${result.stderr.slice(-4000)}`);
      }
      return outcome as unknown as DeployOutcome;
    },
    api,
    status: async () => await api<StatusBody>('GET', '/v1/status'),
    releases: async (app) =>
      (await api<{ items: ReleaseBody[] }>('GET', `/v1/apps/${app}/environments/production/releases?limit=100`)).items,
    ended: async (rolloutId, timeoutMs) =>
      await waitFor(`the end of rollout ${rolloutId}`, timeoutMs, async () => {
        const rollout = await api<RolloutBody>('GET', `/v1/rollouts/${rolloutId}`).catch(() => undefined);
        return rollout?.ended || rollout?.phase === 'held' ? rollout : undefined;
      }),
    live: async (rolloutId, timeoutMs) =>
      await waitFor(`all traffic on rollout ${rolloutId}`, timeoutMs, async () => {
        const rollout = await api<RolloutBody>('GET', `/v1/rollouts/${rolloutId}`).catch(() => undefined);
        return rollout?.live || rollout?.ended || rollout?.phase === 'held' ? rollout : undefined;
      }),
    parts,
    stop: () => {
      stopped ??= end();
      return stopped;
    },
  };
  const end = async (): Promise<number> => {
    await parts();
    await cli('down', '--all');
    const left = (await parts()).all;
    for (const seen of left) await kill(seen, 'SIGKILL');
    for (const child of upPrograms) child.kill('SIGKILL');
    await waitFor('the end of every process', 10_000, async () => ((await parts()).all.length === 0 ? true : undefined));
    const inEngine = runtime === 'docker' ? await clearEngine(engine, home) : 0;
    await rm(home, { recursive: true, force: true });
    return left.length + inEngine;
  };
  try {
    await up();
    return self;
  } catch (error) {
    await self.stop();
    throw error;
  }
}

/** What a program needs of this process's environment to run at all; none of its settings. */
function inherited(): Record<string, string> {
  const names = ['PATH', 'HOME', 'LANG', 'TMPDIR', 'TZ', 'USER'];
  return Object.fromEntries(names.flatMap((name) => (process.env[name] === undefined ? [] : [[name, process.env[name]]])));
}

function parsed(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}
