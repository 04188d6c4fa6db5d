import type { PackageJson } from './package-json.ts';

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
  given: { manager: string; install: string | undefined; optional: boolean; emptyFiles: readonly string[] },
): NodeBuild {
  const script = manifest.scripts['heroku-postbuild'] ?? manifest.scripts.build;
  const name = manifest.scripts['heroku-postbuild'] === undefined ? 'build' : 'heroku-postbuild';
  const usable = script !== undefined && !/\bdocker\b|^\s*echo\b/.test(script);
  const legacyHashes = newHashesSince.some(([bundler, since]) => (manifest.majors.get(bundler) ?? since) < since);
  const variables = [
    ...(manifest.dependencies.has('react-scripts') ? ['CI=false'] : []),
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
