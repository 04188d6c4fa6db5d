import { joinedByAnd } from './start-command.ts';

/** Where nothing but the package manager and its files decides. */
const installs = /^(?:npm (?:ci|clean-install|install|i)|pnpm (?:install|i)|yarn(?: install)?|bun (?:install|i))(?=\s|$)(.*)$/;
/** Arguments that only change how it is done. */
const harmless =
  /^(?:\s+--?(?:frozen-lockfile|immutable|no-audit|no-fund|silent|quiet|prefer-offline|legacy-peer-deps|force|production|prod|P|omit=dev|include=dev|production=false|loglevel[= ]\w+|ignore-scripts|no-optional|no-progress|non-interactive|network-timeout[= ]\d+))*\s*$/;

export interface SplitBuild {
  /** Installs what the lock file says; undefined: the build begins with something else. */
  readonly install?: string;
  readonly rest: readonly string[];
  /** The install already leaves development packages out. */
  readonly productionOnly: boolean;
}

/** A build as its install and the rest, where it begins with an install of everything. */
export function splitBuild(build: string | undefined): SplitBuild {
  if (build === undefined) return { rest: [], productionOnly: false };
  const [first = '', ...rest] = joinedByAnd(build);
  const match = installs.exec(first);
  if (match === null || !harmless.test(match[1] ?? '')) return { rest: joined(build), productionOnly: false };
  return { install: first, rest, productionOnly: /--(?:prod|production|omit=dev)(?:\s|$)|\s-P\b/.test(first) };
}

/** One step for each command, but as a whole where one changes the folder or the variables of the next. */
function joined(build: string): string[] {
  const parts = joinedByAnd(build);
  return parts.some((part) => /^(?:cd|export|set|\.|source)\s|^[A-Za-z_]\w*=\S*$/.test(part)) ? [build.trim()] : parts;
}

const known: readonly (readonly [RegExp, string | undefined])[] = [
  [/^(?:npx )?husky(?: install)?(?: \|\| (?:true|exit 0|:))?$/, undefined],
  [/^(?:npx )?only-allow \w+$/, undefined],
  [/^patch-package$/, 'patches'],
  [/^(?:npx )?prisma generate$/, 'prisma'],
  [/^(?:npx )?simple-git-hooks$/, undefined],
];

/**
 * Folders that the scripts which run with an install need; undefined: nobody knows, so the whole source has to be there.
 */
export function neededByScripts(scripts: Readonly<Record<string, string>>): string[] | undefined {
  const folders: string[] = [];
  for (const name of ['preinstall', 'install', 'postinstall', 'preprepare', 'prepare', 'postprepare', 'prepublish']) {
    const script = scripts[name];
    if (script === undefined) continue;
    for (const part of joinedByAnd(script)) {
      const rule = known.find(([pattern]) => pattern.test(part));
      if (rule === undefined) return undefined;
      if (rule[1] !== undefined) folders.push(rule[1]);
    }
  }
  return folders;
}
