import { lineAt, type SourceText } from '../../config/detect/folder.ts';

/** A variable that source code reads. */
export interface ReadVariable {
  readonly name: string;
  /** Path as it was given, counted from line 1. */
  readonly file: string;
  readonly line: number;
  /** The code goes on without it. */
  readonly optional: boolean;
  /** What the code takes instead, where that stands there as a literal. */
  readonly preset?: string;
  /** Read when the app is built, not when it runs. */
  readonly atBuild: boolean;
}

/** Set by the platform, the runtime or the shell: nobody has to write them down. */
const given = new Set(
  'PORT HOST HOSTNAME NODE_ENV NODE_OPTIONS CI TZ HOME PATH PWD USER SHELL LANG TERM TMPDIR DEBUG FORCE_COLOR NO_COLOR INIT_CWD NEXT_RUNTIME NEXT_PHASE NEXT_TELEMETRY_DISABLED VERCEL VERCEL_ENV VERCEL_URL DEV PROD MODE SSR BASE_URL'.split(
    ' ',
  ),
);
const isGiven = (name: string): boolean =>
  given.has(name) || /^(?:npm_|SIGNALBOX_|NODE_V8|VITEST|JEST|AWS_LAMBDA_|__)/.test(name);

const literal = /^\s*(?:\?\?|\|\|)\s*(?:'([^'\n]*)'|"([^"\n]*)"|`([^`$\n]*)`|(-?\d[\w.]*|true|false))/;
const fallback = /^\s*(?:\?\?|\|\||\?)/;
const argument = /^\s*,\s*(?:default\s*=\s*)?(?:'([^'\n]*)'|"([^"\n]*)"|(-?\d[\w.]*|[Tt]rue|[Ff]alse))/;

/** Variables that the code of a service reads, in the order of their places. Tests and settings of tools are not asked. */
export function variablesRead(sources: readonly SourceText[], place: (file: string) => string): ReadVariable[] {
  const whole = sources.some(({ text }) => /\bprocess\.env(?![.\w[])|\bNodeJS\.ProcessEnv\b/.test(text));
  const found: ReadVariable[] = [];
  for (const { file, text } of sources) {
    if (/(?:^|\/)[\w.-]+\.config\.\w+$/.test(file)) continue;
    const reads = file.endsWith('.py') ? pythonReads(text) : [...nodeReads(text, whole), ...(whole ? tableReads(text) : [])];
    for (const { index, ...variable } of reads)
      if (!isGiven(variable.name)) found.push({ ...variable, file: place(file), line: lineAt(text, index) });
  }
  return found;
}

type Read = Omit<ReadVariable, 'file' | 'line'> & { readonly index: number };

function nodeReads(text: string, whole: boolean): Read[] {
  const reads: Read[] = [];
  const direct = /\b(process\.env|import\.meta\.env)(?:\.([A-Za-z_]\w*)|\[\s*['"`]([A-Za-z_]\w*)['"`]\s*\])/g;
  const passed = /\benv(?:\.([A-Z][A-Z0-9_]{2,})\b|\[\s*['"`]([A-Z]\w*)['"`]\s*\])|\(\s*env\s*,\s*['"`]([A-Z][A-Z0-9_]*)['"`]/g;
  const add = (name: string, match: RegExpExecArray, atBuild: boolean): void => {
    const rest = text.slice(match.index + match[0].length, match.index + match[0].length + 200);
    if (/^\s*=(?!=)/.test(rest)) return;
    const preset = literal.exec(rest) ?? (match[0].startsWith('(') ? argument.exec(rest) : null);
    const value = preset?.slice(1).find((one) => one !== undefined);
    reads.push({
      name,
      index: match.index,
      optional: value !== undefined || fallback.test(rest) || goesOnWithout(text, match),
      atBuild,
      ...(value === undefined || value === '' ? {} : { preset: value }),
    });
  };
  for (const match of text.matchAll(direct)) add(match[2] ?? match[3] ?? '', match, match[1] === 'import.meta.env');
  if (whole)
    for (const match of text.matchAll(passed))
      if (!/process\.$|meta\.$/.test(text.slice(Math.max(0, match.index - 8), match.index)))
        add(match[1] ?? match[2] ?? match[3] ?? '', match, false);
  for (const match of text.matchAll(/\b(?:const|let|var)\s*\{([^}]*)\}\s*=\s*process\.env\b/g))
    for (const part of (match[1] ?? '').split(',')) {
      const [, name, preset] = /^\s*([A-Za-z_]\w*)(?:\s*:\s*\w+)?(?:\s*=\s*(.+?))?\s*$/s.exec(part) ?? [];
      const value = /^['"`](.*)['"`]$|^(-?\d[\w.]*|true|false)$/.exec(preset ?? '');
      const taken = value?.[1] ?? value?.[2];
      if (name !== undefined)
        reads.push({
          name,
          index: match.index,
          optional: preset !== undefined,
          atBuild: false,
          ...(taken === undefined ? {} : { preset: taken }),
        });
    }
  return reads;
}

/**
 * A table of variables that is gone through, or a schema that the whole environment is checked against: `{ PORT: z.string() }`,
 * `{ variable: 'PORT', fallback: '1' }`.
 */
function tableReads(text: string): Read[] {
  const schema = /(?:[pP]arse|cleanEnv|createEnv|validate\w*)\w*\s*\(\s*process\.env|runtimeEnv\s*:\s*process\.env/.test(text);
  const looped = /\benv\[\s*[a-z]\w*\s*\]/.test(text);
  if (!schema && !looped) return [];
  const names = schema ? /^[ \t]*['"]?([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)*)['"]?\s*:/gm : /['"`]([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+)['"`]/g;
  return [...text.matchAll(names)].map((match) => {
    const rest = text.slice(match.index + match[0].length);
    const entry = rest.slice(0, /\n\s*[\w'"]+\s*:|\n\s*[}\]]/.exec(rest)?.index ?? rest.length).slice(0, 400);
    const preset = /\b(?:fallback|default)\s*[:(]\s*(?:'([^'\n]*)'|"([^"\n]*)"|(-?\d[\w.]*|true|false))/.exec(entry);
    const value = preset?.slice(1).find((one) => one !== undefined);
    return {
      name: match[1] ?? '',
      index: match.index,
      optional: /\b(?:fallback|default|optional|nullish|catch)\b/.test(entry),
      atBuild: false,
      ...(value === undefined || value === '' ? {} : { preset: value }),
    };
  });
}

/** `const url = process.env.X` and later `if (url)`: without it something else is done. */
function goesOnWithout(text: string, match: RegExpExecArray): boolean {
  const name = /\b(?:const|let|var)\s+(\w+)\s*=\s*$/.exec(text.slice(Math.max(0, match.index - 100), match.index))?.[1];
  return name !== undefined && new RegExp(`\\bif\\s*\\(\\s*${name}\\s*\\)|\\b${name}\\s*(?:\\?|&&|\\|\\|)`).test(text);
}

function pythonReads(text: string): Read[] {
  const reads: Read[] = [];
  const pattern = /\b(?:os\.)?(environ\[\s*|environ\.get\(\s*|getenv\(\s*)['"](\w+)['"]/g;
  const settings = /\b(?:from decouple|import environ|from environs)\b/.test(text)
    ? /\b(config|env(?:\.\w+)?)\(\s*['"]([A-Z]\w*)['"]/g
    : undefined;
  for (const match of [...text.matchAll(pattern), ...(settings === undefined ? [] : text.matchAll(settings))]) {
    const rest = text.slice(match.index + match[0].length, match.index + match[0].length + 200);
    if (/^\s*\]\s*=(?!=)/.test(rest)) continue;
    const value = argument
      .exec(rest)
      ?.slice(1)
      .find((one) => one !== undefined);
    const asks =
      (match[1] ?? '').startsWith('environ[') ||
      (settings !== undefined && /^(?:config|env)/.test(match[1] ?? '') && !match[1]?.startsWith('environ'));
    reads.push({
      name: match[2] ?? '',
      index: match.index,
      optional: !asks || /^\s*,/.test(rest),
      atBuild: false,
      ...(value === undefined || value === '' ? {} : { preset: value }),
    });
  }
  return reads;
}
