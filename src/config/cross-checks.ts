import { resolveEnvironment } from '../domain/environment.ts';
import type { AppSpec, ServiceSpec } from '../domain/spec.ts';
import { checkAccessories } from './check-accessories.ts';
import { checkEnvironments } from './check-environments.ts';
import { checkSecrets } from './check-secrets.ts';
import { checkPipeline } from './check-pipeline.ts';
import { canStart, checkContainer } from './container-keys.ts';
import type { ConfigDocument, KeyPath } from './document.ts';
import type { Mistake } from './mistakes.ts';
import { accessoryReferences, checkReferences, type Report, serviceReferences } from './references.ts';
import { isWithin } from './repository-path.ts';
import type { AppFile, ServiceFile, StrategyFile } from './schema.ts';
import { dotted } from './validate.ts';

/** What no single key can show to be wrong: services, routes, references and environments that do not fit together. */
export function crossChecks(file: AppFile, spec: AppSpec, document: ConfigDocument): readonly Mistake[] {
  const mistakes: Mistake[] = [];
  const report: Report = (path, text, meant) =>
    mistakes.push({ ...document.place(path), at: dotted(path), text, ...(meant === undefined ? {} : { nearest: meant }) });
  for (const [name, service] of Object.entries(file.services ?? {})) {
    const completed = spec.services[name];
    if (completed === undefined) continue;
    const base = ['services', name];
    checkKind(service, base, report);
    checkVariables(service, base, spec, report);
    checkPersist(service, completed, base, report);
  }
  checkAccessories(file, spec, report);
  checkRoutes(spec, file, report);
  checkStrategy(file.strategy, ['strategy'], spec, report);
  checkEnvironments(file, spec, report);
  checkSecrets(file, report);
  checkPipeline(file, spec, report);
  for (const [name, environment] of Object.entries(file.environments))
    if (environment.strategy !== undefined) checkStrategy(environment.strategy, ['environments', name, 'strategy'], spec, report);
  return mistakes;
}

function checkKind(service: ServiceFile, base: KeyPath, report: Report): void {
  if (!canStart(service))
    report(base, 'expected run (a start command) or static (a folder to serve); on Docker dockerfile or image');
  checkContainer(service, base, report);
  const refuse = (key: keyof ServiceFile, why: string): void => {
    if (service[key] !== undefined) report([...base, key], why);
  };
  if (service.static !== undefined) {
    refuse('run', 'a service has either run or static: a static one is served by Signalbox itself');
    refuse('replicas', 'a static service has no instances, so it has no replicas');
    refuse('health', 'a static service has no instances to check; list pages under smoke instead');
    refuse('overlap', 'overlap is for workers');
    refuse('single', 'a static service has no instances: its release is an atomic switch');
    refuse('release', 'a static service has no place to run a release command; give it to a service with run');
    if (service.persist.length > 0)
      report([...base, 'persist'], 'a static service writes nothing, so there is nothing to persist');
    if (Object.keys(service.env).length > 0)
      report([...base, 'env'], 'a static service has no run time; variables of the build go under buildEnv');
    if (service.requires.length > 0) report([...base, 'requires'], 'a static service has no run time that could lack a variable');
  } else if (service.route === undefined) {
    const path = typeof service.health === 'string' ? service.health : service.health?.path;
    if (path !== undefined)
      report(
        [...base, 'health'],
        'a service without route is a worker: it has no port to ask; give it a route, or health: { upFor }',
      );
  } else {
    refuse('overlap', 'overlap is for workers; a service with a route always overlaps, unless it is single');
  }
  if (service.single !== true) return;
  if (service.overlap === true) refuse('overlap', 'a single service never overlaps');
  if ((service.replicas ?? 1) > 1) refuse('replicas', 'a single service has one instance');
}

function checkVariables(service: ServiceFile, base: KeyPath, spec: AppSpec, report: Report): void {
  for (const [name, value] of Object.entries(service.buildEnv))
    if (typeof value === 'string' && serviceReferences(value).length + accessoryReferences(value).length > 0)
      report([...base, 'buildEnv', name], 'addresses of services and accessories are known only at run time; use env');
  checkReferences(service.env, [...base, 'env'], spec, report);
}

function checkPersist(service: ServiceFile, completed: ServiceSpec, base: KeyPath, report: Report): void {
  for (const [index, folder] of completed.persist.entries()) {
    const at = [...base, 'persist', index];
    if (folder === '.') report(at, 'expected a folder inside the service folder: the whole of it is replaced by each release');
    else if (folder.split('/')[0] === 'node_modules' || folder.split('/')[0] === '.venv')
      report(at, `${folder} belongs to the build, it cannot outlive a release`);
    const outer = completed.persist.findIndex(
      (other, position) => position !== index && isWithin(folder, other) && (other !== folder || position < index),
    );
    if (outer >= 0) report(at, `${folder} is already part of ${String(service.persist[outer])}`);
  }
}

function checkRoutes(spec: AppSpec, file: AppFile, report: Report): void {
  const owners = new Map<string, string>();
  for (const service of resolveEnvironment(spec, spec.environments.production?.name ?? ('production' as never)).services) {
    for (const [index, route] of service.routes.entries()) {
      const claim = `${route.host}${route.path}`;
      const owner = owners.get(claim);
      const given = file.services?.[service.name]?.route;
      const at =
        given === undefined
          ? ['services', service.name]
          : ['services', service.name, 'route', ...(Array.isArray(given) ? [index] : [])];
      if (owner !== undefined) report(at, `${claim} is already the route of ${owner}; two services cannot share a host and path`);
      else owners.set(claim, service.name);
    }
  }
}

function checkStrategy(given: StrategyFile, base: KeyPath, spec: AppSpec, report: Report): void {
  const type = typeof given === 'string' ? given : given.type;
  const at = typeof given === 'string' ? base : [...base, 'type'];
  if (type === 'canary' && !Object.values(spec.services).some((service) => service.routes.length > 0))
    report(at, 'a canary needs traffic to share, and no service has a route; use blue-green or rolling');
  const single = Object.values(spec.services).find((service) => service.single === true);
  if (single !== undefined && type !== 'blue-green')
    report(at, `${single.name} is single, and ${type} runs two releases side by side; use blue-green`);
  if (typeof given === 'string') return;
  if (given.steps !== undefined && type !== 'canary') report([...base, 'steps'], `steps are for canary; ${type} moves no shares`);
  const shares = (given.steps ?? []).map((step) => Number.parseFloat(step));
  for (const [index, value] of shares.entries())
    if (index > 0 && value <= (shares[index - 1] ?? 0))
      report([...base, 'steps', index], `expected more than ${shares[index - 1]}%: steps rise`);
  if (given.gate !== undefined && given.gate.p1Floor <= given.gate.p0Floor)
    report([...base, 'gate', 'p1Floor'], `expected more than p0Floor (${given.gate.p0Floor}): broken is worse than normal`);
}
