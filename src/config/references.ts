import type { AppSpec } from '../domain/spec.ts';
import type { KeyPath } from './document.ts';
import { nearest } from './nearest.ts';

/** Says that something at a path of the document is wrong. */
export type Report = (path: KeyPath, text: string, nearest?: string) => void;

/** `${services.NAME.url}`: the release-local address of another service. */
const reference = /\$\{services\.([a-z0-9-]+)\.url\}/g;
/** Anything that looks as if it were meant as a reference. */
const dotted = /\$\{[^}]*\.[^}]*\}/g;

/** Names of the services that a variable refers to. */
export const serviceReferences = (value: string): string[] => [...value.matchAll(reference)].map((match) => match[1] ?? '');

/** Text of the form `${a.b}` that is no reference we know. */
export const strangeReferences = (value: string): string[] =>
  [...value.matchAll(dotted)].map((match) => match[0]).filter((text) => serviceReferences(text).length === 0);

/** Variables may refer to services of this app that have an address. */
export function checkReferences(env: Readonly<Record<string, unknown>>, base: KeyPath, spec: AppSpec, report: Report): void {
  for (const [name, value] of Object.entries(env)) {
    if (typeof value !== 'string') continue;
    for (const text of strangeReferences(value))
      report([...base, name], `${text} is no reference; expected \${services.NAME.url}`);
    for (const target of serviceReferences(value)) {
      const service = Object.hasOwn(spec.services, target) ? spec.services[target] : undefined;
      if (service === undefined)
        report([...base, name], `there is no service ${target}`, nearest(target, Object.keys(spec.services)));
      else if (service.kind === 'worker') report([...base, name], `${target} is a worker, it has no address; give it a route`);
    }
  }
}
