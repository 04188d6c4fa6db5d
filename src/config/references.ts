import { accessoryFields } from '../domain/accessories.ts';
import type { AppSpec } from '../domain/spec.ts';
import type { KeyPath } from './document.ts';
import { nearest } from './nearest.ts';

/** Says that something at a path of the document is wrong. */
export type Report = (path: KeyPath, text: string, nearest?: string) => void;

/** `${services.NAME.url}`: the release-local address of another service. */
const reference = /\$\{services\.([a-z0-9-]+)\.url\}/g;
/** `${accessories.NAME.FIELD}`: where an accessory is, and how to get in. */
const toAccessory = /\$\{accessories\.([a-z0-9-]+)\.([A-Za-z0-9_]+)\}/g;
/** Anything that looks as if it were meant as a reference. */
const dotted = /\$\{[^}]*\.[^}]*\}/g;

/** Names of the services that a variable refers to. */
export const serviceReferences = (value: string): string[] => [...value.matchAll(reference)].map((match) => match[1] ?? '');

/** Accessories and fields that a variable refers to. */
export const accessoryReferences = (value: string): { readonly name: string; readonly field: string }[] =>
  [...value.matchAll(toAccessory)].map((match) => ({ name: match[1] ?? '', field: match[2] ?? '' }));

/** Text of the form `${a.b}` that is no reference we know. */
export const strangeReferences = (value: string): string[] =>
  [...value.matchAll(dotted)]
    .map((match) => match[0])
    .filter((text) => serviceReferences(text).length + accessoryReferences(text).length === 0);

function checkAccessoryReference(
  { name, field }: { readonly name: string; readonly field: string },
  at: KeyPath,
  spec: AppSpec,
  report: Report,
): void {
  const accessories = spec.accessories ?? {};
  const accessory = Object.hasOwn(accessories, name) ? accessories[name] : undefined;
  if (accessory === undefined) {
    report(at, `there is no accessory ${name}`, nearest(name, Object.keys(accessories)));
    return;
  }
  const fields = accessoryFields[accessory.type];
  if (!fields.includes(field))
    report(at, `${accessory.type} has no ${field}; it has ${fields.join(', ')}`, nearest(field, fields));
  else if (accessory.when === 'dev') report(at, `${name} is there under signalbox dev only (when: dev)`);
}

/** Variables may refer to services of this app that have an address, and to its accessories. */
export function checkReferences(env: Readonly<Record<string, unknown>>, base: KeyPath, spec: AppSpec, report: Report): void {
  for (const [name, value] of Object.entries(env)) {
    if (typeof value !== 'string') continue;
    for (const text of strangeReferences(value))
      report([...base, name], `${text} is no reference; expected \${services.NAME.url} or \${accessories.NAME.url}`);
    for (const target of serviceReferences(value)) {
      const service = Object.hasOwn(spec.services, target) ? spec.services[target] : undefined;
      if (service === undefined)
        report([...base, name], `there is no service ${target}`, nearest(target, Object.keys(spec.services)));
      else if (service.kind === 'worker') report([...base, name], `${target} is a worker, it has no address; give it a route`);
    }
    for (const target of accessoryReferences(value)) checkAccessoryReference(target, [...base, name], spec, report);
  }
}
