import { accessoryId } from '../domain/accessories.ts';
import { stableRelease } from '../domain/environment-state.ts';
import { SignalboxError } from '../domain/errors.ts';
import type { Release } from '../domain/release.ts';
import type { AppName, EnvironmentName, WorkloadId } from '../domain/values.ts';
import type { LogBody } from './contract.ts';
import type { EventStream } from './event-stream.ts';
import type { ApiOptions } from './options.ts';
import { releaseName } from './present-rollout.ts';
import { keyOf, releaseNamed, requireEnvironment } from './reads.ts';

export interface LogRequest {
  readonly app: AppName;
  readonly environment: EnvironmentName;
  readonly service?: string | undefined;
  readonly release?: string | undefined;
  readonly tail: number;
  readonly follow: boolean;
}

interface LogSource {
  /** Null: an accessory, which belongs to none. */
  readonly release: Release | null;
  readonly services: readonly { readonly service: string; readonly workload: { readonly id: WorkloadId } }[];
}

/**
 * Which output is meant: of the named release, else of the one with traffic, else of the newest; or of an accessory.
 * @throws NOT_FOUND for a release or service that there is not.
 */
export async function findLogs({ store }: ApiOptions, request: LogRequest): Promise<LogSource> {
  const key = keyOf(request.app, request.environment);
  const environment = await requireEnvironment(store, key);
  if (
    request.service !== undefined &&
    request.release === undefined &&
    environment.accessories?.[request.service] !== undefined
  ) {
    const id = accessoryId(request.app, request.environment, request.service);
    return { release: null, services: [{ service: request.service, workload: { id } }] };
  }
  const id =
    request.release === undefined ? stableRelease(environment) : releaseNamed(request.app, request.environment, request.release);
  const release = id === null ? ((await store.releases(key, { limit: 1 }))[0] ?? null) : await store.release(id);
  if (release === null)
    throw new SignalboxError('NOT_FOUND', `${key} has no release ${request.release ?? ''}.`.replace(' .', '.'), {
      hint: 'List them with `signalbox releases`.',
    });
  const running = release.services.filter((service) => service.workload.kind !== 'static');
  const services = request.service === undefined ? running : running.filter((one) => one.service === request.service);
  if (services.length > 0 || request.service === undefined) return { release, services };
  const names = running.map((one) => one.service).join(', ');
  throw new SignalboxError(
    'NOT_FOUND',
    `${releaseName(release.id)} of ${key} runs no service ${request.service}; it runs ${names}.`,
  );
}

/** Sends the lines of all the services as they come; waits for a slow reader rather than losing lines. */
export async function streamLogs(
  stream: EventStream,
  on: { options: ApiOptions; source: LogSource; request: LogRequest },
): Promise<void> {
  const { runtime } = on.options;
  const { release, services } = on.source;
  const follow = on.request.follow ? { follow: stream.gone } : {};
  await Promise.all(
    services.map(async ({ service, workload }) => {
      for await (const line of runtime.logs(workload.id, { tail: on.request.tail, ...follow })) {
        const body: LogBody = {
          service,
          release: release === null ? '' : releaseName(release.id),
          instance: line.instance,
          text: line.text,
        };
        if (!stream.send('line', body)) return;
        await stream.ready();
      }
    }),
  );
}
