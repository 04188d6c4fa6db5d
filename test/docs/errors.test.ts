import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { statusOf } from '../../src/api/problems.ts';
import { type CatalogueEntry, catalogue, type ErrorCode } from '../../src/domain/errors.ts';
import { printErrors } from '../../src/domain/errors-page.ts';

describe('the error catalogue', () => {
  it('is what docs/errors.md shows; `npm run docs` prints it again', () => {
    expect(readFileSync(new URL('../../docs/errors.md', import.meta.url), 'utf8')).toBe(printErrors());
  });

  it('is in alphabetical order', () => {
    const codes = Object.keys(catalogue);
    expect(codes).toEqual([...codes].sort());
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
