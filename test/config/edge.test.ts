import { describe, expect, test } from 'vitest';
import { loadAppSpec } from '../../src/config/load.ts';
import { defaultEdge, type EdgeSpec } from '../../src/domain/edge.ts';
import { memoryReader } from './memory-reader.ts';

const load = async (edge: string, ofService = ''): Promise<EdgeSpec> => {
  const yaml = `services:\n  web:\n    run: node s.js\n    route: /\n${ofService}${edge}`;
  const { spec } = await loadAppSpec(memoryReader({ 'signalbox.yaml': yaml }));
  return spec.services.web?.edge as EdgeSpec;
};
const refusal = (edge: string, ofService = ''): Promise<string> =>
  load(edge, ofService).then(
    () => 'accepted',
    (cause: Error) => cause.message,
  );

describe('an app that says nothing', () => {
  test('has the presets', async () => {
    expect(await load('')).toEqual(defaultEdge);
    expect(await load('edge: {}\n')).toEqual(defaultEdge);
  });
});

describe('headers', () => {
  test('are laid over the presets by name, the service over the app, and taken away by off', async () => {
    const app = 'edge:\n  headers: { x-frame-options: DENY, Content-Security-Policy: "default-src \'self\'", X-App: a }\n';
    const own = '    edge:\n      headers: { X-FRAME-OPTIONS: off, x-app: b, Referrer-Policy: false }\n';
    expect((await load(app, own)).headers).toEqual([
      { name: 'X-Content-Type-Options', value: 'nosniff' },
      { name: 'Content-Security-Policy', value: "default-src 'self'" },
      { name: 'x-app', value: 'b' },
    ]);
  });

  test.each([
    ['"X-A": "b\\r\\nset-cookie: c=d"', /web|edge\.headers/],
    ['"X-A": "b\\nc"', /one line of printable ASCII/],
    ['"X-A": "b\\0c"', /one line of printable ASCII/],
    ['"X-A": " b"', /one line of printable ASCII/],
    ['X-A: ""', /one line of printable ASCII/],
    ['X-A: grün', /one line of printable ASCII/],
    ['X-A: 5', /one line of printable ASCII/],
    ['"X A": b', /no usable name: expected the name of a header/],
    ['"X-A: b\\r\\nX-B": c', /no usable name/],
    ['"": b', /no usable name/],
    ['Content-Length: "0"', /neither frames nor describes/],
    ['transfer-encoding: chunked', /neither frames nor describes/],
    ['CONNECTION: close', /neither frames nor describes/],
    ['Set-Cookie: a=b', /cookies are set by the app/],
    ['Strict-Transport-Security: max-age=1', /comes with certificates/],
    ['X-A: b, x-a: c', /each header once/],
  ])('%s is refused with its place', async (header, reason) => {
    const message = await refusal(`edge:\n  headers: { ${header} }\n`);
    expect(message).toMatch(reason);
    expect(message).toMatch(/^signalbox\.yaml:\d+:\d+ /);
  });
});

describe('rates', () => {
  const preset = defaultEdge.rates[0];
  const rule = { requests: 10, per: 60_000, burst: 10, by: 'client', paths: ['/api/login'], local: true, service: null };

  test('for some paths come on top of the preset, one for all paths takes its place', async () => {
    const some = await load('edge:\n  rate: { requests: 10, per: 1m, paths: [/api/login/] }\n');
    expect(some.rates).toEqual([rule, preset]);
    const all = await load(
      'edge:\n  rate:\n    - { requests: 10, per: 1m, paths: [/api/login] }\n    - { requests: 50, burst: 80 }\n',
    );
    expect(all.rates).toEqual([rule, { ...rule, requests: 50, per: 1_000, burst: 80, paths: ['/'] }]);
    const together = await load('edge:\n  rate: { requests: 10, by: all, local: false }\n');
    expect(together.rates).toEqual([{ ...rule, per: 1_000, by: 'all', paths: ['/'], local: false }, preset]);
  });

  test('of a service stand in for those of the app, and off takes all away', async () => {
    const app = 'edge:\n  rate: { requests: 10, per: 1m, paths: [/api/login] }\n';
    expect((await load(app, '    edge: { rate: { requests: 5 } }\n')).rates).toEqual([
      { ...rule, requests: 5, per: 1_000, burst: 5, paths: ['/'], service: 'web' },
    ]);
    expect((await load(app, '    edge: { rate: off }\n')).rates).toEqual([]);
    expect((await load('edge: { rate: false }\n')).rates).toEqual([]);
    expect((await load('edge: { rate: off }\n', '    edge: { rate: [] }\n')).rates).toEqual([preset]);
  });

  test.each([
    ['{ per: 1m }', /requests.*is missing/],
    ['{ requests: 0 }', /whole number from 1/],
    ['{ requests: 1.5 }', /whole number from 1/],
    ['{ requests: 10, per: 60 }', /a duration with its unit/],
    ['{ requests: 10, per: 100ms }', /from 1s to 1d/],
    ['{ requests: 10, burst: -1 }', /whole number from 1/],
    ['{ requests: 10, by: user }', /client or all/],
    ['{ requests: 10, paths: [] }', /at least one path prefix/],
    ['{ requests: 10, paths: [login] }', /a path prefix that starts with \//],
    ['{ requests: 10, paths: ["/a/../b"] }', /dot segments/],
    ['{ requests: 10, paths: ["/a?b"] }', /no query/],
    ['{ request: 10 }', /did you mean requests/],
    ['often', /off, a rule/],
  ])('%s is refused', async (rate, reason) => {
    expect(await refusal(`edge:\n  rate: ${rate}\n`)).toMatch(reason);
  });
});

describe('body sizes', () => {
  const mib = 1024 ** 2;

  test('hold for all paths, or each for its own; the longest comes first', async () => {
    expect((await load('edge: { maxBody: 10MiB }\n')).maxBody).toEqual([{ path: '/', bytes: 10 * mib }]);
    expect((await load('edge: { maxBody: off }\n')).maxBody).toEqual([{ path: '/', bytes: null }]);
    const own = '    edge: { maxBody: { /api/: 1MiB, /api/upload: 2GiB } }\n';
    expect((await load('edge: { maxBody: { /api: 5MiB, /other: off } }\n', own)).maxBody).toEqual([
      { path: '/api/upload', bytes: 2048 * mib },
      { path: '/other', bytes: null },
      { path: '/api', bytes: mib },
      { path: '/', bytes: 100 * mib },
    ]);
  });

  test.each(['10', '10MB', '0MiB', '1.5MiB', '-1KiB', '10 MiB', '{ upload: 1MiB }', '{ /a: big }', '[1MiB]'])(
    '%s is refused',
    async (size) => {
      expect(await refusal(`edge:\n  maxBody: ${size}\n`)).toMatch(/a size such as|path prefix/);
    },
  );
});

describe('the time for a body', () => {
  test('is a duration within reason', async () => {
    expect((await load('edge: { bodyTimeout: 2m }\n')).bodyTimeout).toBe(120_000);
    expect(await refusal('edge: { bodyTimeout: 10 }\n')).toMatch(/write 10s/);
    expect(await refusal('edge: { bodyTimeout: 2d }\n')).toMatch(/from 1s to 1h/);
  });
});

test('an unknown key is refused with its place and the one that was meant', async () => {
  expect(await refusal('edge:\n  maxbody: 1MiB\n')).toMatch(
    /^signalbox\.yaml:6:3 edge: unknown key maxbody; did you mean maxBody\?/,
  );
});
