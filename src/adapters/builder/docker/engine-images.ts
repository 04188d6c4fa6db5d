import type { Engine } from '../../../engine/client.ts';

/** What this builder asks the engine about images, and tells it to do with them. */

export const labels = {
  installation: 'signalbox.installation',
  app: 'signalbox.app',
  service: 'signalbox.service',
  key: 'signalbox.key',
} as const;

export interface InspectedImage {
  readonly Id: string;
  readonly RepoTags: readonly string[] | null;
  readonly RepoDigests: readonly string[] | null;
  readonly Size: number;
  readonly Config: { readonly Labels?: Readonly<Record<string, string>> | null } | null;
}

/** By id, tag or digest; null when the engine has none. @throws EngineError */
export async function inspectImage(engine: Engine, reference: string): Promise<InspectedImage | null> {
  const answer = await engine.call<InspectedImage>('GET', `/images/${encodeURIComponent(reference)}/json`);
  return answer.ok ? answer.body : null;
}

/** @throws EngineError; false when the image has gone meanwhile. */
export async function tagImage(engine: Engine, id: string, name: { repo: string; tag: string }): Promise<boolean> {
  return (await engine.call('POST', `/images/${encodeURIComponent(id)}/tag`, { query: name })).ok;
}

/** Removes one name, or an image without names; what is in use or built upon stays. False when it stayed. @throws EngineError */
export async function removeImage(engine: Engine, reference: string): Promise<boolean> {
  const answer = await engine.call('DELETE', `/images/${encodeURIComponent(reference)}`, {
    query: { force: false, noprune: true },
    timeoutMs: 60_000,
  });
  return answer.ok || answer.status === 404;
}

/** Ids of the images that any container, running or not, was made from. @throws EngineError */
export async function imagesInUse(engine: Engine): Promise<ReadonlySet<string>> {
  const answer = await engine.call<readonly { readonly ImageID: string }[]>('GET', '/containers/json', { query: { all: true } });
  return new Set(answer.ok ? answer.body.map((container) => container.ImageID) : []);
}

/** Where the engine keeps images, and what it is. @throws EngineError */
export async function engineInfo(engine: Engine): Promise<EngineInfo> {
  const answer = await engine.call<EngineInfo>('GET', '/info');
  if (!answer.ok) throw new Error(answer.message);
  return answer.body;
}

export interface EngineInfo {
  readonly DockerRootDir: string;
  readonly ServerVersion: string;
  readonly CgroupDriver: string;
  readonly CgroupVersion?: string;
  readonly LiveRestoreEnabled: boolean;
  readonly MemTotal: number;
  readonly NCPU: number;
}
