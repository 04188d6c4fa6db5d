import { isWithin } from '../../config/repository-path.ts';
import type { CheckFacts } from '../checks/facts.ts';
import type { PackedService } from '../image-files.ts';
import type { BlueprintInput } from '../input.ts';

/** Services of one folder: tested once, and shipped one after the other, the one with a release command first. */
export interface ServiceGroup {
  /** Name of the workflow and of its file. */
  readonly name: string;
  readonly packed: readonly PackedService[];
  readonly checks: CheckFacts;
  /** Changes of what make it run; undefined: of everything. */
  readonly paths: readonly string[] | undefined;
}

/** Images that are made elsewhere have no source here, and no workflow. */
export function serviceGroups(input: BlueprintInput): ServiceGroup[] {
  const own = input.packed.filter((one) => !('image' in one));
  const folders = [...new Set(own.map(({ service }) => service.path))];
  return folders.map((path) => {
    const packed = own
      .filter(({ service }) => service.path === path)
      .sort((a, b) => Number(b.service.release !== undefined) - Number(a.service.release !== undefined));
    const name = packed[0]?.service.name ?? path;
    const checks = input.checks[name] ?? nothing;
    return { name, packed, checks, paths: pathsOf(path, packed, { checks, others: folders }) };
  });
}

const nothing: CheckFacts = { language: undefined, version: '', tools: [], build: [], elsewhere: [], testVariables: [] };

/**
 * Patterns of what belongs to a folder's services. A workspace without declared inputs depends on everything: nobody knows which of the
 * other folders it takes packages from.
 */
function pathsOf(
  path: string,
  packed: readonly PackedService[],
  { checks, others }: { readonly checks: CheckFacts; readonly others: readonly string[] },
): readonly string[] | undefined {
  const inputs = packed.flatMap(({ service }) => service.inputs ?? []);
  const contexts = packed.flatMap((one) => ('own' in one ? [one.own.context] : 'facts' in one ? [one.facts.context] : []));
  const dockerfiles = packed.flatMap((one) => ('own' in one ? [one.own.dockerfile] : []));
  const declared = inputs.length > 0;
  if (!declared && path !== '.' && contexts.includes('.')) return undefined;
  const folders = [path, ...(declared ? contexts.filter((context) => context !== '.') : contexts)];
  const wanted = [...new Set([...folders, ...inputs, ...dockerfiles, ...checks.elsewhere])];
  if (!wanted.includes('.'))
    return wanted
      .filter((one) => !wanted.some((other) => other !== one && isWithin(one, other)))
      .flatMap((one) => [
        ...(folders.includes(one) ? [] : [escaped(one)]),
        // Whether it is a file or a folder cannot be seen from every name.
        ...(dockerfiles.includes(one) || /\.(?:json|ya?ml|lock|lockb|toml)$/.test(one) ? [] : [`${escaped(one)}/**`]),
      ]);
  const apart = others.filter((other) => other !== '.' && !inputs.some((one) => isWithin(other, one) || isWithin(one, other)));
  return apart.length === 0 ? undefined : ['**', ...apart.map((folder) => `!${escaped(folder)}/**`)];
}

/** Signs that mean something in GitHub's patterns. */
const escaped = (path: string): string => path.replace(/[*?+[\]!\\]/g, '\\$&');
