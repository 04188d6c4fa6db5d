import { SignalboxError } from './errors.ts';
import type { BuildRecipe, PromotedFrom, Release, ReleasedService } from './release.ts';

/**
 * What is promoted is what was tested, bit by bit: each service has the build key that it had there.
 * @throws PROMOTION_CHANGED naming each service that differs, and in what.
 */
export function promotedFrom(tested: Release, services: readonly ReleasedService[]): PromotedFrom {
  const before = new Map(tested.services.map((s) => [s.service as string, s]));
  const after = new Map(services.map((s) => [s.service as string, s]));
  const changes = [...new Set([...before.keys(), ...after.keys()])].flatMap((name) => {
    const why = difference(before.get(name), after.get(name));
    return why === null ? [] : [{ service: name, why }];
  });
  if (changes.length > 0)
    throw new SignalboxError(
      'PROMOTION_CHANGED',
      `${tested.id} cannot be promoted as it was tested: ${changes.map(({ service, why }) => `${service} ${why}`).join('; ')}.`,
      { details: { release: tested.id, changes } },
    );
  return {
    environment: tested.environment,
    release: tested.id,
    keys: Object.fromEntries(services.map((s) => [s.service, s.build.key])),
  };
}

function difference(before: ReleasedService | undefined, after: ReleasedService | undefined): string | null {
  if (before === undefined) return 'was no part of it';
  if (after === undefined) return 'is no part of the target';
  return before.build.key === after.build.key ? null : `would be another build (${differenceOf(before.build, after.build)})`;
}

/** Values of variables are not said: some are secrets. */
function differenceOf(before: BuildRecipe, after: BuildRecipe): string {
  const parts: string[] = [];
  if (before.path !== after.path) parts.push(`its folder is ${after.path}, was ${before.path}`);
  if (before.command !== after.command) parts.push('its build command differs');
  if (sorted(before.inputs) !== sorted(after.inputs)) parts.push('other files belong to its build');
  const variables = differingNames(before.env, after.env);
  if (variables.length > 0) parts.push(`buildEnv ${variables.join(', ')}`);
  if (before.given?.image !== after.given?.image)
    parts.push(`its image is ${after.given?.image ?? 'built'}, was ${before.given?.image ?? 'built'}`);
  if (JSON.stringify(before.image) !== JSON.stringify(after.image)) parts.push('its image is made in another way');
  return parts.length === 0 ? 'the programs that build it have other versions by now' : parts.join(', ');
}

const sorted = (texts: readonly string[]): string => [...texts].sort().join('\n');

/** Names whose values differ or that only one of the two has, in order. */
export const differingNames = (
  before: Readonly<Record<string, string>>,
  after: Readonly<Record<string, string>>,
): readonly string[] =>
  [...new Set([...Object.keys(before), ...Object.keys(after)])].filter((name) => before[name] !== after[name]).sort();
