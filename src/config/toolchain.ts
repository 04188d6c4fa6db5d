const programs: readonly (readonly [RegExp, readonly string[]])[] = [
  [/\b(?:node|npx|tsc|vite|next)\b/, ['node']],
  [/\bnpm\b/, ['node', 'npm']],
  [/\bpnpm\b/, ['node', 'pnpm']],
  [/\byarn\b/, ['node', 'yarn']],
  [/\bbun\b/, ['bun']],
  [/\bdeno\b/, ['deno']],
  [/\b(?:python3?|pip3?|poetry|uv)\b/, ['python3']],
  [/\bgo (?:build|install|generate)\b/, ['go']],
  [/\bcargo\b/, ['cargo', 'rustc']],
  [/\b(?:bundle|ruby|rake)\b/, ['ruby']],
  [/\b(?:composer|php)\b/, ['php']],
];

/** Programs whose versions belong to a build, as far as its command names them. No command: nothing is built, so none. */
export function toolchainOf(build: string | undefined): string[] {
  if (build === undefined) return [];
  return [...new Set(programs.flatMap(([pattern, names]) => (pattern.test(build) ? names : [])))].sort();
}
