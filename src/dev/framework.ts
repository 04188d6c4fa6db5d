/** Development servers by framework: how each is recognised and how it is told where to listen. Pure tables. */
export interface DevTool {
  readonly name: string;
  /** Package that brings it. */
  readonly package: string;
  /** Its words at the start of a script: the development server, not a build. */
  readonly words: RegExp;
  /** The whole command; `$PORT` and `$HOST` are the shell's. */
  readonly run: string;
  /** Options that put it on PORT and HOST; undefined: it reads PORT itself. */
  readonly options?: string;
}

const portAndHost = '--port "$PORT" --host "$HOST"';

/** The first whose package is there wins: frameworks stand before the bundlers they are made with. */
export const devTools: readonly DevTool[] = [
  { name: 'Next.js', package: 'next', words: /^next(?:\s+dev)?$/, run: 'next dev', options: '-p "$PORT" -H "$HOST"' },
  { name: 'Nuxt', package: 'nuxt', words: /^(?:nuxt|nuxi)(?:\s+dev)?$/, run: 'nuxt dev', options: portAndHost },
  { name: 'Astro', package: 'astro', words: /^astro\s+dev$/, run: 'astro dev', options: portAndHost },
  {
    name: 'React Router',
    package: '@react-router/dev',
    words: /^react-router\s+dev$/,
    run: 'react-router dev',
    options: portAndHost,
  },
  { name: 'Remix', package: '@remix-run/dev', words: /^remix\s+vite:dev$/, run: 'remix vite:dev', options: portAndHost },
  { name: 'Create React App', package: 'react-scripts', words: /^react-scripts\s+start$/, run: 'react-scripts start' },
  {
    name: 'Vue CLI',
    package: '@vue/cli-service',
    words: /^vue-cli-service\s+serve$/,
    run: 'vue-cli-service serve',
    options: portAndHost,
  },
  { name: 'Angular', package: '@angular/cli', words: /^ng\s+(?:serve|s)$/, run: 'ng serve', options: portAndHost },
  { name: 'Gatsby', package: 'gatsby', words: /^gatsby\s+develop$/, run: 'gatsby develop', options: '-p "$PORT" -H "$HOST"' },
  {
    name: 'Eleventy',
    package: '@11ty/eleventy',
    words: /^eleventy\s+--serve$/,
    run: 'eleventy --serve --quiet',
    options: '--port="$PORT"',
  },
  { name: 'VitePress', package: 'vitepress', words: /^vitepress\s+dev$/, run: 'vitepress dev docs', options: portAndHost },
  {
    name: 'Docusaurus',
    package: '@docusaurus/core',
    words: /^docusaurus\s+start$/,
    run: 'docusaurus start --no-open',
    options: portAndHost,
  },
  {
    name: 'Vite',
    package: 'vite',
    words: /^vite(?:\s+(?:dev|serve))?$/,
    run: 'vite',
    options: '--port "$PORT" --strictPort --host "$HOST"',
  },
  {
    name: 'webpack',
    package: 'webpack-dev-server',
    words: /^webpack(?:-dev-server|\s+(?:serve|s))$/,
    run: 'webpack serve',
    options: portAndHost,
  },
  { name: 'Parcel', package: 'parcel', words: /^parcel(?:\s+(?:serve|watch))?$/, run: 'parcel', options: portAndHost },
  { name: 'Rsbuild', package: '@rsbuild/core', words: /^rsbuild\s+dev$/, run: 'rsbuild dev', options: portAndHost },
];

/** Names in front of a program that do not change what runs. */
const before = /^(?:(?:npx|pnpm|yarn|bunx|cross-env|dotenv|--|exec)\s+|[A-Za-z_]\w*=(?:"[^"]*"|'[^']*'|\S*)\s+)+/;
/** Several programs side by side, or by another tool: nothing can be added to such a line. */
const several = /[|;`]|(?:^|[^&])&(?:[^&]|$)|(?:^|\s)(?:concurrently|npm-run-all|run-p|turbo|lerna|nx|wireit)\b/;

/** The last program of a script, without what stands around it; undefined where there are several at once. */
export function lastProgram(script: string): string | undefined {
  if (several.test(script)) return undefined;
  const last = script.split('&&').at(-1)?.trim() ?? '';
  return last.replace(before, '').replace(/^(?:\.\/)?node_modules\/\.bin\//, '');
}

/** The development server that a script ends with. */
export function toolOfScript(script: string): DevTool | undefined {
  const program = lastProgram(script);
  if (program === undefined) return undefined;
  const words = program
    .split(/\s+/)
    .filter((word, index) => index < 2 && (index === 0 || !word.startsWith('-') || word === '--serve'))
    .join(' ');
  const first = words.split(' ')[0] ?? '';
  return devTools.find(({ words: pattern }) => pattern.test(words) || (pattern.test(first) && !isOtherVerb(words)));
}

/** `vite build` is no server; `vite src` is one of another folder. */
const isOtherVerb = (words: string): boolean =>
  /^\S+\s+(?:build|preview|start|lint|test|export|check|info|telemetry|generate|deploy|optimize|inspect)$/.test(words);

/** A plain interpreter: it does not look at its files again by itself. */
const plainRuns =
  /^(?:node|tsx|ts-node|babel-node|python3?|ruby|php|deno\s+run|bun(?:\s+run)?)\s+(?!.*(?:--watch|--hot|\bwatch\b|--reload|-S))\S/;
export const isPlainRun = (script: string): boolean => {
  const program = lastProgram(script);
  return program !== undefined && plainRuns.test(program) && !/\bmanage\.py\s+runserver\b(?!.*--noreload)/.test(program);
};
