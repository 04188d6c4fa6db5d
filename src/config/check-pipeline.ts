import { pipelineFault } from '../domain/pipeline/checks.ts';
import type { AppSpec } from '../domain/spec.ts';
import { nearest } from './nearest.ts';
import type { Report } from './references.ts';
import type { AppFile } from './schema.ts';

/** Steps that name services and steps that there are, and that can end. */
export function checkPipeline(file: AppFile, spec: AppSpec, report: Report): void {
  const services = Object.keys(spec.services);
  const steps = spec.pipeline?.steps ?? [];
  for (const [name, step] of Object.entries(file.pipeline?.steps ?? {})) {
    const base = ['pipeline', 'steps', name];
    const service = typeof step === 'string' ? undefined : step.service;
    if (service === undefined && services.length > 1)
      report(base, `say whose build it runs in: service: ${services.join(' or ')}`);
    if (service !== undefined && spec.services[service] === undefined)
      report([...base, 'service'], `${service} is no service`, nearest(service, services));
    if (service !== undefined && spec.services[service]?.container?.image !== undefined)
      report([...base, 'service'], `${service} is an image made elsewhere; a step runs in what was built from the source`);
  }
  const fault = pipelineFault(steps);
  if (fault !== null) report(['pipeline', 'steps', fault.step, 'needs'], fault.message);
}
