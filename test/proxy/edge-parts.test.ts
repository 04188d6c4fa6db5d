import { describe, expect, test } from 'vitest';
import { Buckets } from '../../src/proxy/edge/buckets.ts';
import { addressOf, clientAddress, clientOf } from '../../src/proxy/edge/client.ts';
import { holds, plainPath, plainPrefix } from '../../src/proxy/edge/paths.ts';
import { TrustedPeers } from '../../src/proxy/trust.ts';

const clientNumber = (n: number) => ({ high: 0, low: n, local: false });

describe('a bucket', () => {
  const fill = { limit: 1, spacingMs: 1_000 / 3, burst: 7 };

  test('gives exactly its burst, then one for each spacing, over any number of them', () => {
    const buckets = new Buckets(64);
    const client = clientNumber(1);
    let passed = 0;
    for (let now = 0; now <= 60_000; now += 10) {
      while (buckets.wait(fill, client, now) === 0) {
        buckets.take(fill, client, now);
        passed += 1;
      }
    }
    expect(passed).toBe(7 + 60 * 3);
  });

  test('tells the time at which the next one passes: not before, and then for sure', () => {
    const buckets = new Buckets(64);
    const client = clientNumber(1);
    for (let i = 0; i < fill.burst; i += 1) buckets.take(fill, client, 5_000);
    const wait = buckets.wait(fill, client, 5_000);
    expect(wait).toBeCloseTo(1_000 / 3, 6);
    expect(buckets.wait(fill, client, 5_000 + wait - 1)).toBeGreaterThan(0);
    expect(buckets.wait(fill, client, 5_000 + wait)).toBe(0);
  });

  test('is as full after a long rest as at first, no fuller', () => {
    const buckets = new Buckets(64);
    const client = clientNumber(1);
    buckets.take(fill, client, 0);
    for (let i = 0; i < fill.burst; i += 1) {
      expect(buckets.wait(fill, client, 1e9)).toBe(0);
      buckets.take(fill, client, 1e9);
    }
    expect(buckets.wait(fill, client, 1e9)).toBeGreaterThan(0);
  });
});

describe('a spray of addresses', () => {
  test('of ten thousand is counted exactly', () => {
    const buckets = new Buckets();
    const fill = { limit: 3, spacingMs: 1_000, burst: 2 };
    const passed = new Uint8Array(10_000);
    for (let round = 0; round < 4; round += 1) {
      for (let n = 0; n < passed.length; n += 1) {
        if (buckets.wait(fill, clientNumber(n * 7919), 0) > 0) continue;
        buckets.take(fill, clientNumber(n * 7919), 0);
        passed[n] = (passed[n] ?? 0) + 1;
      }
    }
    expect(passed.every((count) => count === 2)).toBe(true);
  });

  test('without end needs no more room, and lets nobody off who has overdone it', () => {
    const buckets = new Buckets(1_024);
    const fill = { limit: 3, spacingMs: 1_000, burst: 5 };
    const greedy = clientNumber(42);
    for (let i = 0; i < fill.burst; i += 1) buckets.take(fill, greedy, 0);
    for (let n = 100; n < 200_000; n += 1) buckets.take(fill, clientNumber(n), 0);
    expect(buckets.wait(fill, greedy, 0)).toBeGreaterThan(0);
  });
});

describe('the client behind trusted proxies', () => {
  const trusted = new TrustedPeers(['10.0.0.0/8', '2001:db8::/32', '192.0.2.7']);
  const cases: readonly [string, string, string | undefined, string][] = [
    ['a stranger is taken for nobody else', '203.0.113.9', '1.2.3.4', '203.0.113.9'],
    ['one hop', '10.0.0.1', '1.2.3.4', '1.2.3.4'],
    ['several hops, read from the right', '10.0.0.1', '6.6.6.6, 1.2.3.4, 192.0.2.7, 10.9.9.9', '1.2.3.4'],
    ['an address that its client made up stays on the left', '10.0.0.1', '10.0.0.5, 6.6.6.6, 1.2.3.4', '1.2.3.4'],
    ['nothing said', '10.0.0.1', undefined, '10.0.0.1'],
    ['an empty list', '10.0.0.1', '', '10.0.0.1'],
    ['only trusted ones: the first', '10.0.0.1', '10.0.0.3, 10.0.0.2', '10.0.0.3'],
    ['what is no address ends the belief', '10.0.0.1', '1.2.3.4, unknown, 10.0.0.2', '10.0.0.2'],
    ['nor is an empty entry', '10.0.0.1', '1.2.3.4,,10.0.0.2', '10.0.0.2'],
    ['nor a number out of range', '10.0.0.1', '1.2.3.400', '10.0.0.1'],
    ['a trusted IPv6 peer', '2001:db8::5', '2a00:1:2:3::9', '2a00:1:2:3::9'],
    ['ports and brackets', '10.0.0.1', '[2a00:1::9]:443, 10.0.0.2:80', '2a00:1::9'],
    ['IPv4 in the clothes of IPv6', '10.0.0.1', '::ffff:1.2.3.4, ::ffff:10.0.0.2', '1.2.3.4'],
  ];
  test.each(cases)('%s', (_, peer, list, expected) => {
    expect(clientAddress(peer, list, trusted)).toBe(expected);
  });

  test('is found in a list without end without walking it whole', () => {
    const long = Array<string>(20_000).fill('10.0.0.2').join(', ');
    const from = performance.now();
    for (let i = 0; i < 100; i += 1) clientAddress('10.0.0.1', long, trusted);
    expect(performance.now() - from).toBeLessThan(1_000);
  });

  test('is an address and nothing else', () => {
    for (const text of [
      '',
      'unknown',
      '_hidden',
      '1.2.3',
      '1.2.3.4.5',
      '[::1',
      '::1]:5',
      '1.2.3.4:',
      'localhost',
      '1.2.3.4:99999999',
    ])
      expect(addressOf(text), text).toBeUndefined();
  });
});

describe('an address as a key', () => {
  test('is the same for the same client and another for others', () => {
    const same = (a: string, b: string): boolean => clientOf(a).high === clientOf(b).high && clientOf(a).low === clientOf(b).low;
    expect(same('2001:db8:1:2::1', '2001:0db8:0001:0002:ffff::')).toBe(true);
    expect(same('2001:db8:1:2::1', '2001:db8:1:3::1')).toBe(false);
    expect(same('2001:db8::1', '2001:db8:0:0:1::')).toBe(true);
    expect(same('::ffff:1.2.3.4', '1.2.3.4')).toBe(true);
    expect(same('1.2.3.4', '1.2.4.3')).toBe(false);
    expect(same('255.255.255.255', '127.255.255.255')).toBe(false);
    expect(same('2001:db8:1:2:3:4:5:6', '2001:db8:1:2::')).toBe(true);
    expect(same('64:ff9b::1.2.3.4', '64:ff9b::')).toBe(true);
  });

  test('knows what is local', () => {
    const local = [
      '127.0.0.1',
      '10.255.0.1',
      '172.16.0.1',
      '172.31.9.9',
      '192.168.0.1',
      '169.254.1.1',
      '100.64.0.1',
      '::1',
      'fe80::1%eth0',
      'fd12::1',
      '',
    ];
    const foreign = ['172.15.0.1', '172.32.0.1', '192.169.0.1', '100.128.0.1', '11.0.0.1', '2001:db8::1', 'fec0::1', '8.8.8.8'];
    for (const address of local) expect(clientOf(address).local, address).toBe(true);
    for (const address of foreign) expect(clientOf(address).local, address).toBe(false);
  });
});

describe('a path in plain spelling', () => {
  test.each([
    ['/a/b', '/a/b'],
    ['/a/b?c=/D', '/a/b'],
    ['/A/%62/', '/a/b'],
    ['//a///b//', '/a/b'],
    ['/a/./b/../c', '/a/c'],
    ['/../../a', '/a'],
    ['/a;x=1/b;y', '/a/b'],
    ['/a\\b', '/a/b'],
    ['/a%2fb', '/a/b'],
    ['/a/%2e%2E/b', '/b'],
    ['/%', '/%'],
    ['/', '/'],
    ['/.well-known/x', '/.well-known/x'],
  ])('%s is %s', (target, plain) => {
    expect(plainPath(target)).toBe(plain);
  });

  test('is compared on segment borders, also beyond ASCII', () => {
    expect(holds('/a/b', '/a/b')).toBe(true);
    expect(holds('/a/b', '/a/b/c')).toBe(true);
    expect(holds('/a/b', '/a/bc')).toBe(false);
    expect(holds('/', '/a')).toBe(true);
    expect(holds(plainPrefix('/größe/'), plainPath('/gr%C3%B6%c3%9fe/x'))).toBe(true);
  });
});
