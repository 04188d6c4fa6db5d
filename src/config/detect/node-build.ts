import type { Folder } from './folder.ts';
import { type PackageJson, readPackageJson } from './package-json.ts';

export interface NodeBuild {
  readonly command?: string;
  /** The OpenSSL of today refuses a hash that the bundler uses; the build is told to allow it. */
  readonly legacyHashes: boolean;
}

/** Packages whose versions below this one bundle with webpack 4 or older. */
const newHashesSince: readonly (readonly [string, number])[] = [
  ['react-scripts', 5],
  ['@vue/cli-service', 5],
  ['@angular-devkit/build-angular', 12],
  ['webpack', 5],
  ['gatsby', 3],
  ['nuxt', 3],
  ['next', 11],
  ['laravel-mix', 6],
];

/**
 * Install and build in one line. A repository's build for hosts (`heroku-postbuild`) wins over `build`. CRA takes warnings for errors
 * where CI is set.
 */
export function nodeBuild(
  manifest: PackageJson,
  given: {
    manager: string;
    install: string | undefined;
    optional: boolean;
    emptyFiles: readonly string[];
    /** Packages in other folders that its build builds too. */
    parts: readonly PackageJson[];
  },
): NodeBuild {
  const script = buildScript(manifest);
  const all = [manifest, ...given.parts];
  const name = manifest.scripts['heroku-postbuild'] === undefined ? 'build' : 'heroku-postbuild';
  const usable = script !== undefined && !/\bdocker\b|^\s*echo\b/.test(script);
  const legacyHashes = newHashesSince.some(([bundler, since]) =>
    all.some(({ majors }) => (majors.get(bundler) ?? since) < since),
  );
  const variables = [
    ...(all.some(({ dependencies }) => dependencies.has('react-scripts')) ? ['CI=false'] : []),
    ...(legacyHashes ? ['NODE_OPTIONS=--openssl-legacy-provider'] : []),
  ];
  const run = usable ? [...variables, `${given.manager} run ${name}`].join(' ') : undefined;
  const generate =
    manifest.dependencies.has('prisma') && !/prisma generate/.test(`${script ?? ''}${manifest.scripts.postinstall ?? ''}`)
      ? 'npx prisma generate'
      : undefined;
  const framework = given.optional && manifest.dependencies.has('next') ? 'npx next build' : undefined;
  const files = given.emptyFiles.length === 0 ? undefined : `touch ${given.emptyFiles.join(' ')}`;
  const steps = [given.install, generate, run ?? framework, files].filter((step) => step !== undefined);
  return { ...(steps.length === 0 ? {} : { command: steps.join(' && ') }), legacyHashes: legacyHashes && run !== undefined };
}

const buildScript = (manifest: PackageJson): string | undefined => manifest.scripts['heroku-postbuild'] ?? manifest.scripts.build;

/** The packages of other folders that the build script of a package goes into. */
export async function partsOfBuild(folder: Folder, manifest: PackageJson): Promise<PackageJson[]> {
  const named = [...(buildScript(manifest) ?? '').matchAll(/(?:\bcd|--prefix|--cwd|-C)[ =](?:\.\/)?([\w.-]+(?:\/[\w.-]+)*)/g)];
  const read = [...new Set(named.map((match) => match[1] ?? ''))].map((part) =>
    readPackageJson({ ...folder, read: (file) => folder.read(`${part}/${file}`) }),
  );
  return (await Promise.all(read)).filter((part) => part !== null);
}
