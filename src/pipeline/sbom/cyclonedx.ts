import { createHash } from 'node:crypto';
import type { LockedPackage, LockedSet } from './locked.ts';

/** What a bill is about. */
export interface BillSubject {
  readonly name: string;
  /** Of the release, or the commit. */
  readonly version?: string;
}

/** A bill of materials, CycloneDX 1.6. The same locks give the same bytes: no time, no chance. */
export interface Bill {
  readonly bomFormat: 'CycloneDX';
  readonly specVersion: '1.6';
  readonly serialNumber: string;
  readonly version: 1;
  readonly metadata: { readonly component: Component };
  readonly components: readonly Component[];
  readonly dependencies: readonly { readonly ref: string; readonly dependsOn: readonly string[] }[];
  readonly compositions: readonly { readonly aggregate: 'complete' | 'incomplete'; readonly assemblies: readonly string[] }[];
}

interface Component {
  readonly type: 'application' | 'library';
  readonly 'bom-ref': string;
  readonly name: string;
  readonly group?: string;
  readonly version?: string;
  readonly purl?: string;
  readonly scope?: 'required' | 'optional' | 'excluded';
  readonly hashes?: readonly { readonly alg: string; readonly content: string }[];
  readonly licenses?: readonly ({ readonly license: { readonly name: string } } | { readonly expression: string })[];
}

/** Pure. Sets of several lock files become one bill; a package in two of them stands there once. */
export function billOf(subject: BillSubject, sets: readonly LockedSet[]): Bill {
  const refs = new Map<string, string>();
  const merged = new Map<string, LockedPackage>();
  for (const found of sets.flatMap(({ packages }) => packages)) {
    const ref = purlOf(found);
    refs.set(`${found.name}@${found.version}`, ref);
    const before = merged.get(ref);
    merged.set(
      ref,
      before === undefined ? found : { ...before, ...dev(before, found), needs: [...before.needs, ...found.needs] },
    );
  }
  const dependsOn = (needs: readonly string[]): readonly string[] =>
    [...new Set(needs.flatMap((need) => refs.get(need) ?? []))].toSorted();
  const sorted = [...merged].toSorted(([a], [b]) => (a < b ? -1 : 1));
  const app: Component = {
    type: 'application',
    'bom-ref': `app:${subject.name}`,
    name: subject.name,
    ...(subject.version === undefined ? {} : { version: subject.version }),
  };
  const body = {
    metadata: { component: app },
    components: sorted.map(([ref, found]) => componentOf(ref, found)),
    dependencies: [
      { ref: app['bom-ref'], dependsOn: dependsOn(sets.flatMap(({ direct }) => direct)) },
      ...sorted.map(([ref, { needs }]) => ({ ref, dependsOn: dependsOn(needs) })),
    ],
    compositions: [
      {
        aggregate: sets.some(({ gaps }) => gaps.length > 0) ? ('incomplete' as const) : ('complete' as const),
        assemblies: [app['bom-ref']],
      },
    ],
  };
  return { bomFormat: 'CycloneDX', specVersion: '1.6', serialNumber: serialOf(JSON.stringify(body)), version: 1, ...body };
}

/** For development alone only when it is so everywhere. */
const dev = (one: LockedPackage, other: LockedPackage): { dev?: boolean } =>
  one.dev === undefined && other.dev === undefined ? {} : { dev: one.dev === true && other.dev === true };

function componentOf(ref: string, found: LockedPackage): Component {
  const [scope, name] =
    found.name.startsWith('@') && found.name.includes('/') ? found.name.split('/', 2) : [undefined, found.name];
  return {
    type: 'library',
    'bom-ref': ref,
    ...(scope === undefined ? {} : { group: scope }),
    name: name ?? found.name,
    version: found.version,
    purl: ref,
    ...(found.dev === undefined && found.optional === undefined
      ? {}
      : {
          scope:
            found.dev === true ? ('excluded' as const) : found.optional === true ? ('optional' as const) : ('required' as const),
        }),
    ...(found.hashes === undefined ? {} : { hashes: found.hashes }),
    ...(found.license === undefined ? {} : { licenses: [licenseOf(found.license)] }),
  };
}

/** An expression only where it can be nothing else; a name is always allowed. */
const licenseOf = (license: string): { license: { name: string } } | { expression: string } =>
  /^\(?[A-Za-z0-9.+-]+(?: (?:AND|OR|WITH) [A-Za-z0-9.+-]+)+\)?$/.test(license)
    ? { expression: license }
    : { license: { name: license } };

/** https://github.com/package-url/purl-spec */
function purlOf({ ecosystem, name, version }: LockedPackage): string {
  const path = name.split('/').map(encodeURIComponent).join('/');
  return `pkg:${ecosystem}/${path}@${encodeURIComponent(version)}`;
}

/** A UUID of the form for names, by the content. */
function serialOf(content: string): string {
  const hex = createHash('sha256').update(content).digest('hex');
  const variant = ((Number.parseInt(hex[16] ?? '0', 16) & 3) | 8).toString(16);
  return `urn:uuid:${hex.slice(0, 8)}-${hex.slice(8, 12)}-5${hex.slice(13, 16)}-${variant}${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}
