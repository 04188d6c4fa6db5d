import type { AccessorySpec } from '../../../../domain/accessories.ts';
import { SignalboxError } from '../../../../domain/errors.ts';
import { findPostgres, findRedis, fits, type Found } from './programs.ts';

/** Why the accessory cannot run from this system's own programs, or null. */
export function accessoryObstacle(spec: AccessorySpec, path: string): SignalboxError | null {
  switch (spec.type) {
    case 'postgres':
      return lacking(spec, findPostgres(path), { program: 'PostgreSQL server', debian: 'postgresql' });
    case 'redis':
      return lacking(spec, findRedis(path), { program: 'redis-server', debian: 'redis-server' });
    case 'mailcatcher':
      return null;
    case 'pgadmin':
      return unavailable(
        `${spec.name}: pgAdmin runs from its image (dpage/pgadmin4) only`,
        'Start Signalbox with SIGNALBOX_RUNTIME=docker, or leave the accessory out (`when: dev`); psql reaches the database too.',
      );
    case 'custom':
      if (spec.run !== undefined) return null;
      return unavailable(
        `${spec.name} has an image and no run, so it needs Docker`,
        'Start Signalbox with SIGNALBOX_RUNTIME=docker, or give it `run`.',
      );
  }
}

function lacking(
  { name, version }: AccessorySpec,
  found: readonly Found[],
  what: { readonly program: string; readonly debian: string },
): SignalboxError | null {
  const { program, debian } = what;
  if (found.some((one) => fits(one.version, version))) return null;
  if (found.length === 0)
    return unavailable(`${name}: this system has no ${program}`, `Install it, on Debian and Ubuntu: apt-get install ${debian}`);
  const there = found.map((one) => one.version).join(', ');
  return unavailable(
    `${name} asks for version ${version}; the ${program} of this system is ${there}`,
    `Install that version, say \`version: '${Number.parseInt(found[0]?.version ?? '', 10)}'\` (or none), or use SIGNALBOX_RUNTIME=docker.`,
  );
}

const unavailable = (message: string, hint: string): SignalboxError =>
  new SignalboxError('ACCESSORY_UNAVAILABLE', `${message}.`, { hint });
