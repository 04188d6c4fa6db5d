import type { RepositoryReader } from '../reader.ts';
import { joinPath } from '../repository-path.ts';
import type { Folder } from './folder.ts';
import type { PackageJson } from './package-json.ts';

/** Packages that build one page with its own router, and those that build a page per address. */
const onePage = ['react-scripts', 'vite', '@angular/cli', '@vue/cli-service', 'parcel', 'webpack', '@rsbuild/core', 'preact-cli'];
const manyPages = [
  'astro',
  '@11ty/eleventy',
  'gatsby',
  'next',
  'nuxt',
  'vitepress',
  'vuepress',
  '@docusaurus/core',
  'hexo',
  '@sveltejs/kit',
  'vite-ssg',
  'vike',
];

/** Whether unknown paths of a static service should get /index.html: its one page does the routing in the browser. */
export async function servesSinglePage(reader: RepositoryReader, site: { path: string; built: boolean }): Promise<boolean> {
  // A folder of plain files says by itself what there is; a page that is missing has to be missing.
  if (!site.built) return false;
  const names = dependencyNames(await reader.read(joinPath(site.path, 'package.json')));
  return names.some((name) => onePage.includes(name)) && !names.some((name) => manyPages.includes(name));
}

function dependencyNames(text: string | null): string[] {
  if (text === null) return [];
  try {
    const parsed = JSON.parse(text) as { dependencies?: object; devDependencies?: object } | null;
    return [...Object.keys(parsed?.dependencies ?? {}), ...Object.keys(parsed?.devDependencies ?? {})];
  } catch {
    return [];
  }
}

export interface Site {
  readonly kind: string;
  /** Folder of the built files. */
  readonly folder: string;
  readonly singlePage: boolean;
  /** True: whatever its start script does, it is a site; false: a server in the same package comes first. */
  readonly certain: boolean;
}

/** Site builders: package, name, output folder, one page or many. */
const builders: readonly (readonly [string, string, string, boolean])[] = [
  ['react-scripts', 'Create React App', 'build', true],
  ['@vue/cli-service', 'Vue CLI', 'dist', true],
  ['gatsby', 'Gatsby', 'public', false],
  ['@docusaurus/core', 'Docusaurus', 'build', false],
  ['@11ty/eleventy', 'Eleventy', '_site', false],
  ['vitepress', 'VitePress', 'docs/.vitepress/dist', false],
  ['@sveltejs/adapter-static', 'SvelteKit site', 'build', false],
  ['astro', 'Astro', 'dist', false],
  ['@angular/cli', 'Angular', 'dist', true],
  ['vite', 'Vite', 'dist', true],
  ['@rsbuild/core', 'Rsbuild', 'dist', true],
  ['parcel', 'Parcel', 'dist', true],
];
/** With one of these the same package brings its own server. */
const ownServer = [
  'next',
  'nuxt',
  '@sveltejs/adapter-node',
  '@astrojs/node',
  '@remix-run/serve',
  '@react-router/serve',
  '@nestjs/core',
  'express',
  'fastify',
  'hono',
  'koa',
];

/** The static site that a package builds. */
export async function siteOf(folder: Folder, manifest: PackageJson): Promise<Site | undefined> {
  if (manifest.scripts.build === undefined) return undefined;
  const next = await firstText(folder, ['next.config.js', 'next.config.mjs', 'next.config.ts']);
  if (manifest.dependencies.has('next') && /output\s*:\s*['"]export['"]/.test(next))
    return { kind: 'Next.js export', folder: 'out', singlePage: false, certain: true };
  const builder = builders.find(([name]) => manifest.dependencies.has(name));
  if (builder === undefined) return undefined;
  const [name, kind, preset, singlePage] = builder;
  const kit = manifest.dependencies.has('@sveltejs/kit') && name !== '@sveltejs/adapter-static';
  const certain =
    !kit &&
    !ownServer.some((server) => manifest.runtime.has(server) || (server.includes('/') && manifest.dependencies.has(server)));
  return { kind, folder: (await outputFolder(folder, name, manifest)) ?? preset, singlePage, certain };
}

async function outputFolder(folder: Folder, builder: string, manifest: PackageJson): Promise<string | undefined> {
  const named = /--(?:outDir|output|dist-dir|out-dir)[= ](\S+)/.exec(manifest.scripts.build ?? '')?.[1];
  if (named !== undefined) return inside(named);
  if (builder === '@angular/cli') {
    const settings = (await folder.read('angular.json')) ?? '';
    const path =
      /"outputPath"\s*:\s*"([^"]+)"/.exec(settings)?.[1] ?? `dist/${/"projects"\s*:\s*\{\s*"([^"]+)"/.exec(settings)?.[1] ?? ''}`;
    return inside(/@angular(?:-devkit)?\/build(?:-angular)?:application/.test(settings) ? `${path}/browser` : path);
  }
  const settings = await firstText(folder, [
    'vite.config.ts',
    'vite.config.js',
    'vite.config.mjs',
    'astro.config.mjs',
    'eleventy.config.js',
    '.eleventy.js',
  ]);
  return inside(/\b(?:outDir|output)\s*:\s*['"`]([^'"`]+)['"`]/.exec(settings)?.[1]);
}

const inside = (path: string | undefined): string | undefined => {
  const clean = path?.replace(/^\.\//, '').replace(/\/$/, '');
  return clean === undefined || clean === '' || clean.startsWith('..') || clean.startsWith('/') || clean === 'server'
    ? undefined
    : clean;
};

async function firstText(folder: Folder, files: readonly string[]): Promise<string> {
  for (const file of files) if (folder.has(file)) return withoutComments((await folder.read(file)) ?? '');
  return '';
}

/** What is commented out in a settings file is not set. Slashes inside of addresses stay. */
const withoutComments = (text: string): string => text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/(^|[^:'"`\w])\/\/.*$/gm, '$1');

/** A folder of plain files: index.html in it or in one of the usual places. */
export const plainSite = (folder: Folder): string | undefined =>
  ['.', 'public', 'site', 'www', 'static', 'html', 'docs', 'dist', 'build'].find((place) =>
    folder.has(joinPath(place, 'index.html')),
  );
