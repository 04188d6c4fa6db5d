import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { createServer } from 'vite';
import { dist } from './support/site.js';

if (!existsSync(join(dist, 'index.html'))) throw new Error('There is no build to test. Run "npm run build" first.');

test('the page refers to fingerprinted files alone, and has nothing inline', () => {
  const page = readFileSync(join(dist, 'index.html'), 'utf8');
  assert.match(page, /<title>Tasks<\/title>/);
  const files = [...page.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, file]) => file);
  assert.ok(files.length >= 3);
  for (const file of files) {
    assert.ok(existsSync(join(dist, file)), file);
    assert.match(file, /^\/(?:icon\.svg|assets\/index-[\w-]{8}\.(?:js|css))$/);
  }
  assert.doesNotMatch(page, /<style|style=|<script(?![^>]*\bsrc=)/);
});

let vite;
before(async () => {
  vite = await createServer({ server: { middlewareMode: true, hmr: false, watch: null }, appType: 'custom', logLevel: 'error' });
});
after(() => vite.close());

test('dates are said as people say them', async () => {
  const { daysUntil, inWords, today } = await vite.ssrLoadModule('/src/dates.ts');
  const from = '2026-12-28';
  const said = ['2026-12-27', '2026-12-28', '2026-12-29', '2026-12-30', '2027-01-03', '2027-01-04', '2026-12-21', '2031-02-03'].map((day) => inWords(day, from));
  assert.deepEqual(said, ['Yesterday', 'Today', 'Tomorrow', 'Wednesday', 'Sunday', '4 Jan 2027', '21 Dec', '3 Feb 2031']);
  assert.equal(daysUntil('2026-03-30', '2026-03-28'), 2, 'over the change to summer time');
  assert.equal(today(new Date(2026, 0, 5, 23, 59)), '2026-01-05');
});
