import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { statusOf } from '../../src/api/problems.ts';
import { type CatalogueEntry, catalogue, type ErrorCode } from '../../src/domain/errors.ts';
import { printErrors } from '../../src/domain/errors-page.ts';

const areas = readdirSync(new URL('../../src/domain/catalogue', import.meta.url))
  .filter((file) => file !== 'entry.ts')
  .map((file) => file.replace('.ts', ''));

describe('the error catalogue', () => {
  it('is what docs/errors.md shows; `npm run docs` prints it again', () => {
    expect(readFileSync(new URL('../../docs/errors.md', import.meta.url), 'utf8')).toBe(printErrors());
  });

  it.each(areas)('is in alphabetical order in %s', async (area) => {
    const tables = (await import(`../../src/domain/catalogue/${area}.ts`)) as Record<string, object>;
    for (const codes of Object.values(tables).map((table) => Object.keys(table))) expect(codes).toEqual([...codes].sort());
  });

  it('has every code once, in one area', async () => {
    const all: string[] = [];
    for (const area of areas)
      for (const table of Object.values((await import(`../../src/domain/catalogue/${area}.ts`)) as Record<string, object>))
        all.push(...Object.keys(table));
    expect(all.sort()).toEqual(Object.keys(catalogue).sort());
  });

  it.each(Object.entries<CatalogueEntry>(catalogue))(
    '%s has a title without full stop, a hint with one, and a status',
    (code, { title, hint }) => {
      expect(code).toMatch(/^[A-Z][A-Z_]*[A-Z]$/);
      expect(title).toMatch(/^(?:[A-Z]|signalbox\.yaml ).*[^.]$/);
      expect(hint).toMatch(/^[A-Z`].*[.`]$/);
      expect(statusOf(code as ErrorCode)).toBeGreaterThanOrEqual(400);
    },
  );
});
