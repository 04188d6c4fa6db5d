import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { request } from 'node:http';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** Operator settings of an installation that runs on this runtime. @throws Error saying what is missing, for a Docker engine that is not there. */
export function runtimeSettings(runtime: 'process' | 'docker'): Readonly<Record<string, string>> {
  if (runtime === 'process') return {};
  const host = process.env['SIGNALBOX_TEST_DOCKER_HOST'] ?? process.env['SIGNALBOX_DOCKER_HOST'] ?? 'unix:///var/run/docker.sock';
  if (!existsSync(host.replace(/^unix:\/\//, '')))
    throw new Error(
      `No Docker engine listens at ${host}. As root: export SIGNALBOX_TEST_DOCKER_HOST=unix://$(node scripts/docker-engine.js start /var/tmp/engine --stand-ins)`,
    );
  return { SIGNALBOX_RUNTIME: 'docker', SIGNALBOX_DOCKER_HOST: host };
}

/** As the control plane names its home to keeper and engine. */
export const homeIdOf = (home: string): string => createHash('sha256').update(home).digest('hex').slice(0, 12);

/**
 * Running containers of an installation: id -> the instance or one-off that it is. None while the engine is away.
 * @param host of the engine, e.g. `unix:///tmp/engine/docker.sock`.
 */
export async function containersOf(host: string, home: string): Promise<ReadonlyMap<string, string>> {
  const filters = JSON.stringify({ label: [`signalbox.installation=${homeIdOf(home)}`] });
  const text = await new Promise<string>((resolve) => {
    const path = `/containers/json?filters=${encodeURIComponent(filters)}`;
    const asked = request({ socketPath: host.replace(/^unix:\/\//, ''), path, timeout: 5000 }, (answer) => {
      let body = '';
      answer.on('data', (chunk) => {
        body += String(chunk);
      });
      answer.on('end', () => resolve(answer.statusCode === 200 ? body : '[]'));
      answer.on('error', () => resolve('[]'));
    });
    asked.on('timeout', () => asked.destroy());
    asked.on('error', () => resolve('[]'));
    asked.end();
  });
  const found = JSON.parse(text) as { readonly Id: string; readonly Labels: Readonly<Record<string, string>> }[];
  return new Map(found.map(({ Id, Labels }) => [Id, Labels['signalbox.instance'] ?? Labels['signalbox.run'] ?? Id] as const));
}

/**
 * Removes what an installation has left in its engine: containers, networks, volumes and images with its label.
 * @returns how many containers and networks there still were: `down --all` should have left none.
 */
export async function clearEngine(host: string, home: string): Promise<number> {
  const docker = async (...words: string[]): Promise<string[]> =>
    (await run('docker', ['--host', host, ...words], { maxBuffer: 16 * 1024 * 1024 })).stdout
      .split('\n')
      .filter((line) => line !== '');
  const label = `label=signalbox.installation=${homeIdOf(home)}`;
  const containers = await docker('ps', '--all', '--quiet', '--no-trunc', '--filter', label);
  if (containers.length > 0) await docker('rm', '--force', '--volumes', ...containers);
  const networks = await docker('network', 'ls', '--quiet', '--filter', label);
  if (networks.length > 0) await docker('network', 'rm', ...networks);
  const volumes = await docker('volume', 'ls', '--quiet', '--filter', label);
  if (volumes.length > 0) await docker('volume', 'rm', '--force', ...volumes);
  const images = new Set(await docker('images', '--all', '--quiet', '--no-trunc', '--filter', label));
  for (const image of images) await docker('rmi', '--force', image).catch(() => []);
  return containers.length + networks.length;
}
