import { request } from 'node:http';
import type { Installation } from '../installation.ts';
import { instanceOf } from '../kit/parts.ts';
import { waitFor } from '../kit/processes.ts';
import type { Repository } from '../kit/repository.ts';
import { benchedHost } from '../load/standard-mix.ts';

/** Where the killing happens: an installation with the benched app on it. */
export interface Scene {
  readonly installation: Installation;
  readonly repository: Repository;
  /** Ports stay when the control plane dies. */
  readonly http: number;
}

const settleMs = 45_000;

/** One request on a connection of its own; undefined when it failed in whatever way. */
export function ask(port: number, path: string): Promise<{ status: number; app: string; body: string } | undefined> {
  return new Promise((resolve) => {
    const asked = request(
      { host: '127.0.0.1', port, path, headers: { host: benchedHost }, agent: false, timeout: 2000 },
      (answer) => {
        let body = '';
        answer.on('data', (chunk) => {
          body += String(chunk);
        });
        answer.on('error', () => resolve(undefined));
        answer.on('end', () => resolve({ status: answer.statusCode ?? 0, app: String(answer.headers['x-app']), body }));
      },
    );
    asked.on('timeout', () => asked.destroy());
    asked.on('error', () => resolve(undefined));
    asked.end();
  });
}

/** @returns ms from now until this path is answered with 200. */
export async function backAfter(port: number, path: string): Promise<number> {
  const started = performance.now();
  await waitFor(`${path} being served again`, 60_000, async () => ((await ask(port, path))?.status === 200 ? true : undefined));
  return performance.now() - started;
}

/**
 * Waits until what runs is what was declared: every instance known, none missing, no drift.
 * @returns what is wrong after 45 s, undefined when all is well.
 */
export async function unsettled({ installation }: Scene): Promise<string | undefined> {
  let wrong: string | undefined = 'never looked';
  await waitFor('what runs being what was declared', settleMs, async () => {
    wrong = await fault(installation).catch((error: unknown) => String(error));
    return wrong === undefined ? true : undefined;
  }).catch(() => undefined);
  return wrong;
}

async function fault(installation: Installation): Promise<string | undefined> {
  const [environment] = (await installation.status()).environments;
  if (!environment) return 'no environment';
  if (environment.rollout && !environment.rollout.ended) return `a rollout is ${environment.rollout.phase}`;
  if (environment.drift.length > 0) return `drift: ${environment.drift.join('; ')}`;
  const running = new Set((await installation.parts()).instances.map(instanceOf));
  const known = environment.services.reduce((sum, service) => sum + service.running, 0);
  if (running.size !== known) return `${running.size} instances run, ${known} are known: ${[...running].join(', ')}`;
  const missing = environment.services.filter((service) => service.running !== service.declared);
  return missing.length > 0 ? `declared but not running: ${missing.map((service) => service.service).join(', ')}` : undefined;
}
