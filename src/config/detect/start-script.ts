import type { PackageJson } from './package-json.ts';

export interface StartCommand {
  readonly run: string;
  /** The port that the script would have taken whatever PORT says. */
  readonly fixedPort?: string;
}

/** `-p 3000`, `--port=3000`, and `-l 3000` of the `serve` program. */
const portOption = /(\s(?:-p|--port)(?:\s+|=))(\d{2,5})\b|(\bserve\b[^&|;]*\s(?:-l|--listen)(?:\s+|=))(\d{2,5})\b/;
const portVariable = /(^|\s)PORT=(\d{2,5})\s+/;
/** A script of the same package by a package manager that is there only while it is built. */
const byOther = /(^|[\s;&|(])(?:yarn|pnpm|bun)(?:\s+run)?\s+([\w:.-]+)/g;

/**
 * How a script of package.json is started: by npm, or in its own words where npm would not do. Those are a port of its own, which
 * would keep two releases from running side by side, and other scripts by a package manager that need not be installed.
 */
export function startCommand(name: string, manifest: PackageJson): StartCommand {
  const { scripts } = manifest;
  const script = scripts[name] ?? '';
  const run = name === 'start' ? 'npm start' : `npm run ${name}`;
  if (scripts[`pre${name}`] !== undefined || scripts[`post${name}`] !== undefined) return { run };
  const option = portOption.exec(script);
  const fixedPort = option?.[2] ?? option?.[4] ?? portVariable.exec(script)?.[2];
  const words = script
    .replace(portOption, (_, before?: string, _port?: string, listen?: string) => `${before ?? listen ?? ''}"$PORT"`)
    .replace(portVariable, '$1')
    .replace(byOther, (whole, before: string, other: string, at: number) => {
      if (scripts[other] === undefined) return whole;
      const given = /^\s+[^\s&|;)]/.test(script.slice(at + whole.length));
      return `${before}npm run ${other}${given ? ' --' : ''}`;
    });
  if (words === script) return { run };
  return {
    run: words,
    ...(fixedPort === undefined ? {} : { fixedPort }),
  };
}

/** Files of variables that a start command cannot do without and that are not in the repository. */
export function missingVariableFiles(run: string, manifest: PackageJson, has: (file: string) => boolean): string[] {
  const name = /^npm (?:run )?([\w:.-]+)$/.exec(run)?.[1];
  const command = name === undefined ? run : (manifest.scripts[name] ?? '');
  const named = [...command.matchAll(/--env-file[= ]([\w./-]+)/g)].map((match) => (match[1] ?? '').replace(/^\.\//, ''));
  return [...new Set(named)].filter((file) => !file.startsWith('/') && !file.includes('..') && !has(file));
}
