import type { RepositoryReader } from '../reader.ts';
import { joinPath } from '../repository-path.ts';

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
export async function servesSinglePage(
  reader: RepositoryReader,
  site: { path: string; folder: string; built: boolean },
): Promise<boolean> {
  const folder = joinPath(site.path, site.folder);
  const files = await reader.list(folder, 2000);
  const pages = files.filter((file) => /\.html?$/.test(file));
  if (pages.length > 0 && !site.built)
    return pages.length === 1 && /(?:^|\/)index\.html$/.test(pages[0] ?? '') && files.some((file) => file.endsWith('.js'));
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
