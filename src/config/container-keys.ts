import type { ContainerSpec, ServiceKind } from '../domain/spec.ts';
import type { KeyPath } from './document.ts';
import type { Report } from './references.ts';
import { repositoryPath } from './repository-path.ts';
import type { ServiceFile } from './schema.ts';

/** What a file says about containers: completed, and checked against the other keys of its service. */

export function completeContainer(service: ServiceFile, kind: ServiceKind): { readonly container?: ContainerSpec } {
  if (kind === 'static') return {};
  const container: ContainerSpec = {
    ...(service.dockerfile === undefined ? {} : { dockerfile: clean(service.dockerfile) }),
    ...(service.context === undefined ? {} : { context: clean(service.context) }),
    ...(service.target === undefined ? {} : { target: service.target }),
    ...(service.image === undefined ? {} : { image: service.image }),
    ...(service.port === undefined ? {} : { port: service.port }),
  };
  return Object.keys(container).length === 0 ? {} : { container };
}

/** Whether anything in the file says what an instance is. */
export const canStart = (service: ServiceFile): boolean =>
  service.run !== undefined || service.static !== undefined || service.dockerfile !== undefined || service.image !== undefined;

const ofContainers = ['dockerfile', 'context', 'target', 'image', 'port'] as const;
const ofBuilds = ['build', 'dockerfile', 'context', 'target', 'inputs'] as const;

export function checkContainer(service: ServiceFile, base: KeyPath, report: Report): void {
  const refuse = (keys: readonly (keyof ServiceFile)[], why: (key: string) => string): void => {
    for (const key of keys) if (service[key] !== undefined) report([...base, key], why(key));
  };
  if (service.static !== undefined)
    refuse(ofContainers, (key) => `a static service is served by Signalbox itself; ${key} is for services with run or an image`);
  else if (service.image !== undefined) {
    refuse(ofBuilds, (key) => `an image made elsewhere is not built here; give either image or ${key}`);
    if (Object.keys(service.buildEnv).length > 0)
      report([...base, 'buildEnv'], 'an image made elsewhere is not built here; variables of the run time go under env');
  } else if (service.dockerfile !== undefined && service.run === undefined && service.build !== undefined)
    report(
      [...base, 'build'],
      'without run this service exists only as the image of its Dockerfile, which does the building; leave build out, or add run',
    );
  if (service.static !== undefined || service.route !== undefined) return;
  if (service.port !== undefined)
    report([...base, 'port'], 'a service without route is a worker: nobody connects to it; give it a route, or leave port out');
}

const clean = (text: string): string => repositoryPath(text) ?? '.';
