import type { SourceText } from '../../config/detect/folder.ts';
import type { NodeManifest } from './node-manifest.ts';

/** Programs whose package has another name. */
const packageOfProgram: Readonly<Record<string, string>> = {
  tsc: 'typescript',
  sequelize: 'sequelize-cli',
  nest: '@nestjs/cli',
  'remix-serve': '@remix-run/serve',
  'react-router-serve': '@react-router/serve',
  'vue-cli-service': '@vue/cli-service',
  ng: '@angular/cli',
  mikro: '@mikro-orm/cli',
};

/**
 * Why the packages that package.json calls development ones are needed when the app runs; undefined: they are not. Looks at the
 * commands (and the scripts that they run) and at what the code imports.
 */
export function developmentNeeded(given: {
  readonly manifest: NodeManifest;
  readonly commands: readonly string[];
  readonly sources: readonly SourceText[];
  readonly files: ReadonlySet<string>;
}): string | undefined {
  const { manifest, sources, files } = given;
  const development = new Set(manifest.development);
  const words = allWords(given.commands, manifest.scripts);
  for (const word of words) {
    const name = packageOfProgram[word] ?? word;
    const found = development.has(name) ? name : manifest.development.find((known) => word.startsWith(`${known}/`));
    if (found !== undefined) return `${found} is started in production`;
  }
  if (development.has('typescript') && files.has('next.config.ts')) return 'next.config.ts is read in production';
  for (const { file, text } of sources) {
    if (/(?:^|\/)[\w.-]+\.config\.\w+$|(?:^|\/)(?:scripts|tools|\.storybook)\//.test(file)) continue;
    for (const match of text.matchAll(
      /\b(?:(import|export)(\s+type)?\b[^;'"`]*?|require\s*\(\s*|import\s*\(\s*)['"]([^'".][^'"]*)['"]/g,
    )) {
      const wanted = /^(?:@[^/]+\/)?[^/]+/.exec(match[3] ?? '')?.[0] ?? '';
      if (match[2] === undefined && development.has(wanted)) return `${file} imports ${wanted}`;
    }
  }
  return undefined;
}

function allWords(commands: readonly string[], scripts: Readonly<Record<string, string>>): Set<string> {
  const words = new Set<string>();
  const waiting = [...commands];
  const seen = new Set<string>();
  for (let text = waiting.pop(); text !== undefined; text = waiting.pop()) {
    for (const word of text.split(/[\s'"=;&|()]+/)) {
      const name = word.replace(/^(?:\.\/)?node_modules\/(?:\.bin\/)?/, '');
      words.add(name);
      if (Object.hasOwn(scripts, name) && !seen.has(name)) {
        seen.add(name);
        waiting.push(scripts[name] ?? '');
      }
    }
  }
  return words;
}
