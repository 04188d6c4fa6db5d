import { delimiter } from 'node:path';

/** Variables of the operator that a build keeps: programs, languages, networks and caches. Nothing else reaches it, no secret by accident. */
const kept =
  /^(?:PATH|HOME|USER|LOGNAME|SHELL|LANG|LANGUAGE|LC_\w+|TZ|(?:https?|no|all|HTTPS?|NO|ALL)_(?:proxy|PROXY)|SSL_CERT_(?:FILE|DIR)|NODE_EXTRA_CA_CERTS|REQUESTS_CA_BUNDLE|CURL_CA_BUNDLE|(?:npm_config|NPM_CONFIG|PIP|UV|COREPACK|YARN|PNPM|POETRY)_\w+|XDG_(?:CACHE|CONFIG|DATA)_HOME|(?:GO|CARGO|RUSTUP|JAVA|NVM|VOLTA|ASDF)_\w+|GO(?:PATH|PROXY|CACHE|FLAGS))$/;
/** What npm and npx add for the package they run, which is not the one that is built. */
const dropped = /^npm_config_(?:local_prefix|global_prefix|prefix|user_agent|node_gyp|init_module|npm_version|noproxy)$/;

/** Nobody is there to answer, count or be counted. */
const quiet = {
  CI: '1',
  NO_COLOR: '1',
  TERM: 'dumb',
  DO_NOT_TRACK: '1',
  NEXT_TELEMETRY_DISABLED: '1',
  NUXT_TELEMETRY_DISABLED: '1',
  ASTRO_TELEMETRY_DISABLED: '1',
  GATSBY_TELEMETRY_DISABLED: '1',
  NG_CLI_ANALYTICS: 'false',
  TURBO_TELEMETRY_DISABLED: '1',
  COREPACK_ENABLE_DOWNLOAD_PROMPT: '0',
  HUSKY: '0',
  PIP_DISABLE_PIP_VERSION_CHECK: '1',
  // npm only warns when package.json asks for another Node than there is; so does Yarn 1 then.
  YARN_IGNORE_ENGINES: 'true',
  PYTHONUNBUFFERED: '1',
  npm_config_fund: 'false',
  npm_config_audit: 'false',
  npm_config_update_notifier: 'false',
};

/** Without a network pip gives up soon, so that the packages of the machine can be tried. The operator's own setting wins. */
const patience = { PIP_RETRIES: '1', PIP_TIMEOUT: '10' };

/**
 * Variables of a build. NODE_ENV stays unset, so that development dependencies, which builds need, are installed. Folders of other
 * packages' programs (`node_modules/.bin`) are taken off PATH.
 */
export function buildEnvironment(given: {
  readonly operator: Readonly<Record<string, string>>;
  readonly recipe: Readonly<Record<string, string>>;
  readonly temporary: string;
  /** Folders put in front of PATH. */
  readonly programs: readonly string[];
}): Record<string, string> {
  const base = Object.fromEntries(Object.entries(given.operator).filter(([name]) => kept.test(name) && !dropped.test(name)));
  const path = (base.PATH ?? '/usr/local/bin:/usr/bin:/bin')
    .split(delimiter)
    .filter((folder) => folder !== '' && !/node_modules\/\.bin\/?$/.test(folder) && !folder.includes('node-gyp-bin'));
  return {
    ...patience,
    ...base,
    ...quiet,
    TMPDIR: given.temporary,
    ...given.recipe,
    PATH: [...given.programs, ...path].join(delimiter),
  };
}
