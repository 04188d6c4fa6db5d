import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, createServer } from 'node:tls';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { readFolder } from '../../src/certificates/folder.ts';
import { issueCertificate } from '../../src/certificates/issue.ts';
import { ensureLocalCertificate, openLocalAuthority } from '../../src/certificates/local-authority.ts';
import { covers, namesOf } from '../../src/certificates/names.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'sb-local-ca-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const now = new Date();
const day = 86_400_000;
const open = () => openLocalAuthority(join(folder, 'ca'), now);
const make = async (hosts: readonly string[], at = now): Promise<boolean> => {
  const { authority } = await open();
  return ensureLocalCertificate({ authority, folder: join(folder, 'certs'), name: 'local', hosts, now: at });
};

/** What a client that trusts the authority says of a server with the pair: undefined is trust. */
function verdict(
  pair: { readonly cert: string; readonly key: string },
  ca: string,
  servername: string,
): Promise<string | undefined> {
  return new Promise((resolve) => {
    const server = createServer(pair);
    server.on('tlsClientError', () => {});
    server.listen(0, '127.0.0.1', () => {
      const client = connect({ host: '127.0.0.1', port: (server.address() as AddressInfo).port, ca, servername });
      const done = (outcome: string | undefined): void => {
        client.destroy();
        server.close(() => resolve(outcome));
      };
      client.on('secureConnect', () => done(undefined));
      client.on('error', (cause) => done(cause.message));
    });
  });
}

test('a certificate is made once, and anew only when it lacks a host or runs out soon', async () => {
  expect(await make(['localhost', '127.0.0.1', 'shop.localhost'])).toBe(true);
  expect(await make(['shop.localhost'])).toBe(false);
  expect(await make(['api.shop.localhost'])).toBe(true);
  expect(await make(['api.shop.localhost'], new Date(now.getTime() + 300 * day))).toBe(false);
  expect(await make(['api.shop.localhost'], new Date(now.getTime() + 340 * day))).toBe(true);
});

test('its keys are for their owner alone, and the authority stays the same', async () => {
  await make(['localhost']);
  const before = readFileSync(join(folder, 'ca/ca.crt'), 'utf8');
  for (const file of ['ca/ca.key', 'certs/local.key']) expect(statSync(join(folder, file)).mode & 0o777).toBe(0o600);
  expect(statSync(join(folder, 'ca')).mode & 0o777).toBe(0o700);
  await make(['other.localhost']);
  expect(readFileSync(join(folder, 'ca/ca.crt'), 'utf8')).toBe(before);
  writeFileSync(join(folder, 'ca/ca.crt'), 'spoilt');
  await expect(open()).rejects.toThrow();
  expect(readFileSync(join(folder, 'ca/ca.crt'), 'utf8')).toBe('spoilt');
});

test('clients that trust the authority trust its certificates for local names', async () => {
  await make(['localhost', 'shop.localhost', '127.0.0.1']);
  const [pair] = (await readFolder(join(folder, 'certs'))).pairs;
  if (!pair) throw new Error('no pair');
  const { authority } = await open();
  expect(await verdict(pair, authority.cert, 'shop.localhost')).toBeUndefined();
  expect(await verdict(pair, authority.cert, 'other.localhost')).toContain('does not match certificate');
});

test('the authority is worth nothing for public names, even to those who trust it and hold its key', async () => {
  await expect(make(['example.com'])).rejects.toThrow('example.com');
  await expect(make(['8.8.8.8'])).rejects.toThrow('8.8.8.8');
  const { authority } = await open();
  const term = { notBefore: new Date(now.getTime() - day), notAfter: new Date(now.getTime() + day) };
  const forged = issueCertificate(authority, { names: ['example.com'], term });
  expect(await verdict(forged, authority.cert, 'example.com')).toBe('permitted subtree violation');
});

test('openssl finds nothing wrong with them in strict mode', async (context) => {
  if (spawnSync('openssl', ['version']).status !== 0) return context.skip('openssl is not here; apt-get install openssl');
  await make(['localhost', '::1']);
  const done = spawnSync(
    'openssl',
    ['verify', '-x509_strict', '-purpose', 'sslserver', '-verify_ip', '::1', '-CAfile', 'ca/ca.crt', 'certs/local.crt'],
    { cwd: folder, encoding: 'utf8' },
  );
  expect([done.status, done.stderr]).toEqual([0, '']);
});

test('names of a certificate are read whatever stands beside them', () => {
  expect(namesOf('DNS:a.test, DNS:*.B.test, IP Address:127.0.0.1, IP Address:0:0:0:0:0:0:0:1, URI:http://x')).toEqual({
    names: ['a.test', '*.b.test'],
    addresses: ['127.0.0.1', '::1'],
  });
  expect(namesOf('DNS:"a.test, DNS:evil.test", DNS:good.test').names).toEqual(['good.test']);
  expect(namesOf(undefined)).toEqual({ names: [], addresses: [] });
  expect([
    covers('*.a.test', 'x.a.test'),
    covers('*.a.test', 'x.y.a.test'),
    covers('*.a.test', 'a.test'),
    covers('*.test', 'a.test'),
  ]).toEqual([true, false, false, false]);
});
