import { type EnvironmentView, resolveEnvironment } from '../domain/environment.ts';
import type { AppSpec, EnvironmentSpec, ServiceSpec } from '../domain/spec.ts';
import type { EnvironmentName } from '../domain/values.ts';

/** Names under which a repository may say what is different at the desk. */
const declaredNames = ['development', 'dev', 'local'] as const;

/**
 * The app as it is at the desk: `environments.development` (or `dev`, `local`) where it is declared, else the app without what
 * production changes.
 */
export function developmentView(
  spec: AppSpec,
  { accessories = true }: { readonly accessories?: boolean } = {},
): EnvironmentView & { readonly own: Readonly<Record<string, string>> } {
  const declared = declaredNames.find((name) => Object.hasOwn(spec.environments, name));
  const name = 'production' as EnvironmentName;
  const bare: EnvironmentSpec = { name, hosts: {}, replicas: {}, env: {} };
  const chosen = declared === undefined ? undefined : spec.environments[declared];
  // Resolved as production is: hosts without the environment's name in front.
  const seen = {
    ...spec,
    ...(accessories ? {} : { accessories: {} }),
    environments: { production: chosen === undefined ? bare : { ...chosen, name, env: {} } },
  };
  const view = resolveEnvironment(seen, name, { dev: true });
  return { ...view, environment: (declared ?? 'development') as EnvironmentName, own: chosen?.env ?? {} };
}

const reference = /\$\{services\.([a-z0-9-]+)\.url\}/g;

/** Services that the variables refer to. */
export const referredBy = ({ env }: ServiceSpec): string[] => [
  ...new Set(Object.values(env).flatMap((value) => [...value.matchAll(reference)].map((match) => match[1] ?? ''))),
];

/** What is referred to comes first; in a circle the order of the file decides. */
export function startOrder(services: readonly ServiceSpec[]): ServiceSpec[] {
  const order: ServiceSpec[] = [];
  const visit = (service: ServiceSpec, above: readonly string[]): void => {
    if (order.includes(service) || above.includes(service.name)) return;
    for (const name of referredBy(service)) {
      const target = services.find((other) => other.name === name);
      if (target !== undefined) visit(target, [...above, service.name]);
    }
    order.push(service);
  };
  for (const service of services) visit(service, []);
  return order;
}
