import { Buffer } from 'node:buffer';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createMasker, maskTexts, noMask } from '../../src/domain/masking.ts';

const secret = 'hunter2 & "Ünï/cödé+?~';
const surround = (text: string): string => `before ${text} after`;
const masked = surround('***');

/** How programs write a value; each gives the whole of it. */
const encodings: Readonly<Record<string, (value: string) => string>> = {
  'as it is': (v) => v,
  'base64, padded': (v) => Buffer.from(v).toString('base64'),
  'base64, not padded': (v) => Buffer.from(v).toString('base64').replaceAll('=', ''),
  'base64, safe in URLs': (v) => Buffer.from(v).toString('base64url'),
  'hex, lower': (v) => Buffer.from(v).toString('hex'),
  'hex, upper': (v) => Buffer.from(v).toString('hex').toUpperCase(),
  'URL-encoded': (v) => encodeURIComponent(v),
  'URL-encoded, lower hex': (v) => encodeURIComponent(v).replaceAll(/%[0-9A-F]{2}/g, (c) => c.toLowerCase()),
  'as a form': (v) => new URLSearchParams({ v }).toString().slice(2),
  'every byte URL-encoded': (v) => Buffer.from(v).toString('hex').replaceAll(/../g, '%$&'),
  'in JSON': (v) => JSON.stringify(v).slice(1, -1),
  'in JSON of ASCII': (v) =>
    JSON.stringify(v)
      .slice(1, -1)
      .replaceAll(/[\u0080-\uffff]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`),
};

describe('a masker', () => {
  it.each(Object.entries(encodings))('takes out a value %s', (_name, encode) => {
    expect(createMasker([secret]).mask(surround(encode(secret)))).toBe(masked);
  });

  it.each([0, 1, 2, 3, 4, 5])('takes a value out of base64 with %i bytes before and more behind', (before) => {
    const value = 'correct-horse-battery-staple';
    for (const behind of ['', '\n', ':more', '::']) {
      const encoded = Buffer.from('#'.repeat(before) + value + behind).toString('base64');
      const out = createMasker([value]).mask(encoded);
      expect(out).toContain('***');
      // Of what is left not three characters of the value can be read.
      const left = out.split('***').map((part) => Buffer.from(part, 'base64').toString('latin1'));
      for (const part of left) expect(part).not.toMatch(/cor|orr|rre|tap|apl|ple/);
    }
  });

  it('takes out every line of base64 that a program has broken', () => {
    const value = 'x'.repeat(20) + 'Abc123'.repeat(30);
    const lines = Buffer.from(value).toString('base64').replaceAll(/.{76}/g, '$&\n').split('\n');
    const masker = createMasker([value]);
    for (const line of lines) expect(masker.mask(line)).toBe('***');
  });

  it('takes out each line of a value of several lines, and leaves lines that say nothing', () => {
    const key = '-----BEGIN KEY-----\nMIIEvQIBADANBgkq\n  hkiG9w0BAQEFAASC  \n}\n-----END KEY-----\n';
    const masker = createMasker([key]);
    expect(masker.mask('> MIIEvQIBADANBgkq <')).toBe('> *** <');
    expect(masker.mask('> hkiG9w0BAQEFAASC <')).toBe('> *** <');
    expect(masker.mask('if (a) { b }')).toBe('if (a) { b }');
    expect(masker.mask(key)).toBe('***');
  });

  it('masks a cut-off beginning of a long value as far as it goes', () => {
    const long = Array.from({ length: 300 }, (_, i) => `part${i};`).join('');
    const out = createMasker([long]).mask(long.slice(0, 1000));
    expect(out.startsWith('***')).toBe(true);
    expect(out.length).toBeLessThan(3 + 256);
  });

  it('covers values that overlap or touch with one mask, longest first', () => {
    const masker = createMasker(['abcdef', 'defghi', 'abcd', 'xyzw']);
    expect(masker.mask('1abcdefghi2')).toBe('1***2');
    expect(masker.mask('1abcdefxyzw2')).toBe('1***2');
    expect(masker.mask('1abcd2')).toBe('1***2');
  });

  it('leaves values of fewer than four characters alone, and masks nothing without values', () => {
    expect(createMasker(['abc', '']).mask('abc')).toBe('abc');
    expect(createMasker([])).toBe(noMask);
  });

  it('looks for bytes that are no text in their encodings', () => {
    const bytes = new Uint8Array([0xff, 0xfe, 0, 1, 2, 250]);
    const masker = createMasker([bytes]);
    for (const encoding of ['hex', 'base64'] as const) expect(masker.mask(Buffer.from(bytes).toString(encoding))).toBe('***');
  });

  it('never holds back more of a stream than could be the beginning of a value', () => {
    const stream = createMasker(['password']).stream();
    expect(stream.push('hello pass')).toBe('hello ');
    expect(stream.push('age, ')).toBe('passage, ');
    expect(stream.push('pass')).toBe('');
    expect(stream.push('word!')).toBe('***!');
    expect(stream.push('pas')).toBe('');
    expect(stream.end()).toBe('pas');
  });
});

const value = fc.string({
  unit: fc.constantFrom('a', 'b', 'A', '/', '+', ' ', '"', 'é', '\n', '%'),
  minLength: 4,
  maxLength: 12,
});
const noise = fc.string({ unit: fc.constantFrom('a', 'b', 'A', '/', '+', ' ', '"', 'é', '\n', '%', '\\', '='), maxLength: 30 });

describe('whatever the values and the text', () => {
  it('a stream gives the same as the whole, wherever it is cut', () => {
    fc.assert(
      fc.property(
        fc.array(value, { maxLength: 4 }),
        fc.array(fc.tuple(noise, fc.nat(), fc.nat()), { maxLength: 5 }),
        fc.infiniteStream(fc.integer({ min: 0, max: 7 })),
        (values, parts, cuts) => {
          const encode = Object.values(encodings);
          const text = parts
            .map(([plain, v, e]) => plain + (encode[e % encode.length]?.(values[v % values.length] ?? '') ?? ''))
            .join('');
          const masker = createMasker(values);
          const stream = masker.stream();
          let out = '';
          for (let at = 0; at < text.length; ) {
            const length = cuts.next().value ?? 1;
            out += stream.push(text.slice(at, at + length));
            at += length;
          }
          expect(out + stream.end()).toBe(masker.mask(text));
        },
      ),
      { numRuns: 500 },
    );
  });

  it('no value is left, in none of its encodings', () => {
    fc.assert(
      fc.property(value, noise, noise, fc.constantFrom(...Object.values(encodings)), (one, before, after, encode) => {
        const out = createMasker([one]).mask(before + encode(one) + after);
        expect(out).toContain('***');
        expect(out).not.toContain(encode(one));
        expect(out).not.toContain(one);
      }),
      { numRuns: 500 },
    );
  });

  it('a text without any value is left as it is', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 200 }), (text) => {
        fc.pre(!/[\u00b6]/.test(text));
        expect(createMasker(['\u00b6\u00b6\u00b6\u00b6\u00b6']).mask(text)).toBe(text);
      }),
    );
  });
});

it('masks 10 MB with 100 secrets in less than a second', () => {
  const values = Array.from({ length: 100 }, (_, i) => `${i}-Secret/value+${i * 7919}-of some length`);
  const masker = createMasker(values);
  const line = 'GET /api/projects?page=2&sort=name 200 12ms Secret/value of nobody {"ok":true,"id":1234567890}\n';
  const text = line.repeat(Math.ceil((10 * 1024 * 1024) / line.length));
  expect(leastOf(5, () => void masker.mask(text), 1000)).toBeLessThan(1000);
});

it('masks three values of 64 KiB without running out of memory or patience', () => {
  const values = Array.from({ length: 3 }, (_, i) =>
    Array.from({ length: 4096 }, (_x, n) => `${(n * 2654435761 + i) >>> 0}`.padStart(16, '0')).join(''),
  );
  const work = (): void => {
    const masker = createMasker(values);
    expect(masker.mask(`> ${values[2]} <`)).toBe('> *** <');
  };
  expect(leastOf(3, work, 10_000)).toBeLessThan(10_000);
});

it('leaves names alone inside of an answer, and masks the texts beside them', () => {
  const body = { app: 'shop1', note: 'shop1 says hi', list: [{ name: 'shop1', text: 'x shop1' }], count: 4, none: null };
  expect(maskTexts(body, createMasker(['shop1']))).toEqual({
    app: 'shop1',
    note: '*** says hi',
    list: [{ name: 'shop1', text: 'x ***' }],
    count: 4,
    none: null,
  });
});

/** Least processor time of some attempts, ms: others may keep the machine busy. Stops once it is below the limit. */
function leastOf(attempts: number, work: () => void, limit: number): number {
  let least = Number.POSITIVE_INFINITY;
  for (let attempt = 0; attempt < attempts && least >= limit; attempt += 1) {
    const before = process.cpuUsage();
    work();
    const { user, system } = process.cpuUsage(before);
    least = Math.min(least, (user + system) / 1000);
  }
  return least;
}
