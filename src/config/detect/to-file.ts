import type { DetectedService, Detection } from './finding.ts';

/** A detection in the words of signalbox.yaml, defaults left out; what `init` writes and what a deploy without a file uses. */
export function detectedFile(detection: Detection): { services: Record<string, Record<string, unknown>>; smoke: string[] } {
  return {
    services: Object.fromEntries(detection.services.map((service) => [service.name, serviceEntry(service)])),
    smoke: [],
  };
}

function serviceEntry(service: DetectedService): Record<string, unknown> {
  return {
    ...(service.path === '.' ? {} : { path: service.path }),
    ...(service.build === undefined ? {} : { build: service.build }),
    ...(service.static === undefined ? {} : { static: service.static }),
    ...(service.release === undefined ? {} : { release: service.release }),
    ...(service.run === undefined ? {} : { run: service.run }),
    ...(service.health === undefined ? {} : { health: service.health }),
    ...(service.route === undefined ? {} : { route: { path: service.route } }),
    ...(service.env === undefined ? {} : { env: service.env }),
    ...(service.persist.length === 0 ? {} : { persist: [...service.persist] }),
  };
}
