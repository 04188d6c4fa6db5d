import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
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
