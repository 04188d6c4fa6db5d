import { posix } from 'node:path';
import type { AccessorySpec } from '../domain/accessories.ts';
import type { AppSpec } from '../domain/spec.ts';
import type { KeyPath } from './document.ts';
import { nearest } from './nearest.ts';
import { accessoryReferences, type Report, serviceReferences, strangeReferences } from './references.ts';
import { repositoryPath } from './repository-path.ts';
import type { AppFile } from './schema.ts';

/** Keys that only a custom accessory has a use for. */
const customOnly = ['run', 'port', 'health', 'persist'] as const;
/** Made for each accessory, and given to it. */
const secrets: ReadonlySet<string> = new Set(['POSTGRES_PASSWORD', 'REDIS_PASSWORD', 'PGADMIN_DEFAULT_PASSWORD']);
const roleName = /^[a-z_][a-z0-9_]{0,62}$/;

/** Accessories whose keys fit their type, whose names are nobody else's, and which environments change only where they exist. */
export function checkAccessories(file: AppFile, spec: AppSpec, report: Report): void {
  const accessories = spec.accessories ?? {};
  for (const [name, given] of Object.entries(file.accessories)) {
    const base = ['accessories', name];
    if (Object.hasOwn(spec.services, name)) report(base, `${name} is a service already; accessories need names of their own`);
    const accessory = accessories[name];
    if (accessory === undefined || typeof given === 'string') {
      if (given === 'custom') report(base, customNeeds);
      continue;
    }
    if (accessory.type === 'custom' && accessory.image === undefined && accessory.run === undefined) report(base, customNeeds);
    checkFields(given, accessory, base, report);
  }
  for (const [environment, given] of Object.entries(file.environments)) {
    for (const [name, changes] of Object.entries(given.accessories)) {
      const base = ['environments', environment, 'accessories', name];
      const accessory = Object.hasOwn(accessories, name) ? accessories[name] : undefined;
      if (accessory === undefined) report(base, `there is no accessory ${name}`, nearest(name, Object.keys(accessories)));
      else if (accessory.when === 'dev') report(base, `${name} is there under signalbox dev only (when: dev)`);
      else checkFields(changes, accessory, base, report);
    }
  }
}

const customNeeds = 'expected image (on Docker) or run (a command on processes), or both';

function checkFields(
  given: AppFile['environments'][string]['accessories'][string],
  accessory: AccessorySpec,
  base: KeyPath,
  report: Report,
): void {
  const { type, name } = accessory;
  if (type === 'custom') {
    if (given.version !== undefined) report([...base, 'version'], 'a custom accessory has its version in its image');
  } else {
    for (const key of customOnly)
      if (given[key] !== undefined) report([...base, key], `${type} knows its own ${key}; ${key} is for type custom`);
    if (given.image !== undefined && given.version !== undefined)
      report([...base, 'version'], 'give either version or image, which has one of its own');
  }
  for (const [variable, value] of Object.entries(given.env ?? {})) {
    const at = [...base, 'env', variable];
    if (type !== 'custom' && secrets.has(variable)) report(at, `a password is made for ${name} and given to it; leave it out`);
    if (typeof value !== 'string') continue;
    if (type === 'postgres' && (variable === 'POSTGRES_USER' || variable === 'POSTGRES_DB')) checkRole(value, at, report);
    checkOwnReferences(value, name, at, report);
  }
  for (const [index, folder] of (given.persist ?? []).entries()) checkFolder(folder, [...base, 'persist', index], report);
}

function checkRole(value: string, at: KeyPath, report: Report): void {
  if (!roleName.test(value) || value.startsWith('pg_'))
    report(at, 'expected lower-case letters, digits and _, not starting with a digit or pg_');
  else if (value === 'template0' || value === 'template1') report(at, `${value} belongs to PostgreSQL itself`);
}

function checkOwnReferences(value: string, name: string, at: KeyPath, report: Report): void {
  const own = `\${accessories.${name}.password}`;
  for (const text of strangeReferences(value)) report(at, `${text} is no reference; expected ${own}`);
  const others =
    serviceReferences(value).length > 0 || accessoryReferences(value).some((r) => r.name !== name || r.field !== 'password');
  if (others) report(at, `an accessory starts before everything else, so it may refer to ${own} only`);
}

function checkFolder(folder: string, at: KeyPath, report: Report): void {
  if (folder.startsWith('/')) {
    if (folder === '/' || posix.normalize(folder).replace(/\/$/, '') !== folder.replace(/\/$/, '') || folder.includes(':'))
      report(at, 'expected a plain absolute folder of the container, such as /var/lib/data');
    return;
  }
  const clean = repositoryPath(folder);
  if (clean === undefined || clean === '.') report(at, 'expected a folder below the one the command runs in, such as data');
}
