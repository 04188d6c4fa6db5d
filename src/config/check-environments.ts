import { resolveEnvironment } from '../domain/environment.ts';
import type { AppSpec } from '../domain/spec.ts';
import type { EnvironmentName } from '../domain/values.ts';
import { nearest } from './nearest.ts';
import { checkReferences, type Report } from './references.ts';
import type { AppFile } from './schema.ts';
import { checkSchedule } from './schema-environments.ts';

const production = 'production' as EnvironmentName;

/** Environments name services that exist, have hosts of their own, and never claim what another environment serves. */
export function checkEnvironments(file: AppFile, spec: AppSpec, report: Report): void {
  const names = Object.keys(spec.services);
  for (const [environment, given] of Object.entries(file.environments)) {
    const base = ['environments', environment];
    checkReferences(given.env, [...base, 'env'], spec, report);
    checkSchedule(given, base, report);
    for (const name of Object.keys(given.hosts)) {
      const service = Object.hasOwn(spec.services, name) ? spec.services[name] : undefined;
      if (service === undefined) report([...base, 'hosts', name], `there is no service ${name}`, nearest(name, names));
      else if (service.routes.length === 0) report([...base, 'hosts', name], `${name} has no route, so it has no host`);
    }
    for (const name of Object.keys(given.replicas)) {
      const service = Object.hasOwn(spec.services, name) ? spec.services[name] : undefined;
      if (service === undefined) report([...base, 'replicas', name], `there is no service ${name}`, nearest(name, names));
      else if (service.kind === 'static') report([...base, 'replicas', name], `${name} is static, it has no instances`);
      else if (service.single === true && (given.replicas[name] ?? 1) > 1)
        report([...base, 'replicas', name], `${name} is single, it has one instance`);
    }
    if (environment !== production) checkOwnHosts(environment, given, spec, report);
  }
  checkClaims(file, spec, report);
}

function checkOwnHosts(environment: string, given: AppFile['environments'][string], spec: AppSpec, report: Report): void {
  const base = ['environments', environment];
  const routed = Object.values(spec.services).filter((service) => service.routes.length > 0);
  if (routed.length === 0) return;
  if (Object.keys(given.hosts).length === 0) {
    report(
      base,
      `expected hosts: an environment besides production needs hosts of its own, e.g. hosts: { ${routed[0]?.name}: ${environment}.example.com }`,
    );
    return;
  }
  const resolved = resolveEnvironment(spec, environment as EnvironmentName).services;
  for (const service of resolved)
    if (service.routes.some((route) => route.host === '*') && !Object.hasOwn(given.hosts, service.name))
      report([...base, 'hosts'], `expected a host for ${service.name}: its route takes every host`);
}

/** Host and path pairs over all environments have one owner each; production's are reported on production by the route check. */
function checkClaims(file: AppFile, spec: AppSpec, report: Report): void {
  const owners = new Map<string, { environment: string; service: string }>();
  const environments = [production, ...Object.keys(spec.environments).filter((name) => name !== production)];
  for (const environment of environments) {
    for (const service of resolveEnvironment(spec, environment as EnvironmentName).services) {
      for (const route of service.routes) {
        const claim = `${route.host}${route.path}`;
        const owner = owners.get(claim);
        if (owner === undefined) owners.set(claim, { environment, service: service.name });
        else if (environment !== production && !(route.host === '*')) {
          const hosts = file.environments[environment]?.hosts ?? {};
          const at = ['environments', environment, 'hosts', ...(Object.hasOwn(hosts, service.name) ? [service.name] : [])];
          report(at, `${claim} of ${service.name} is already served by ${owner.service} in ${owner.environment}`);
        }
      }
    }
  }
}
