import { spawnSync } from 'node:child_process';
import { createPrivateKey } from 'node:crypto';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ConnectionOptions, TLSSocket } from 'node:tls';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import type { Issued } from '../../src/certificates/issue.ts';
import type { CertificateReport, ProxyLimits } from '../../src/proxy/protocol.ts';
import { type Bench, openBench } from './harness.ts';
import { type App, endApps, startApp, until } from './processes.ts';
import { ask2, type Certification, certify, open2, shake } from './secure.ts';
import { tableOf } from './tables.ts';

let bench: Bench;
let app: App;
let certs: Certification;
const open: (Socket | TLSSocket)[] = [];

async function start(pairs?: Readonly<Record<string, readonly string[]>>, limits: Partial<ProxyLimits> = {}): Promise<void> {
  certs = certify(pairs);
  await serve(limits);
}
async function serve(limits: Partial<ProxyLimits> = {}): Promise<void> {
  bench = await openBench({ certificates: certs.folder, limits });
  await bench.commit(tableOf({ version: 1, splits: [{ releases: { v1: { apps: [app] } } }] }));
}
beforeEach(async () => {
  app = await startApp('app');
});
afterEach(async () => {
  for (const socket of open.splice(0)) socket.destroy();
  await bench?.close();
  await endApps();
  certs?.remove();
});

const hello = async (options: ConnectionOptions = {}): Promise<TLSSocket> => {
  const socket = await shake(bench.httpsPort, { servername: 'app.test', ca: certs.authority.cert, ...options });
  socket.on('error', () => {});
  open.push(socket);
  return socket;
};
const namesShown = async (servername: string): Promise<string | undefined> =>
  (await hello({ servername, rejectUnauthorized: false })).getPeerCertificate().subjectaltname;
const reload = (): Promise<CertificateReport> => bench.worker.control.call('reload-certificates', {});
const report = (): Promise<CertificateReport> => bench.worker.control.call('certificates', {});

function talk(socket: TLSSocket | Socket, bytes: string, enough: (got: string) => boolean): Promise<string> {
  return new Promise((resolve, reject) => {
    let got = '';
    socket.on('data', (chunk: Buffer) => {
      got += chunk.toString('latin1');
      if (enough(got)) resolve(got);
    });
    socket.on('close', () => resolve(got));
    socket.on('error', reject);
    socket.write(bytes);
  });
}

describe('the certificate that a client is shown', () => {
  test('is the one made out to the host: the very name, then one level by a wildcard, whatever the case', async () => {
    await start({ exact: ['www.app.test'], star: ['*.app.test', 'app.test'], other: ['other.test'] });
    expect(await namesShown('www.app.test')).toBe('DNS:www.app.test');
    expect(await namesShown('WWW.App.Test')).toBe('DNS:www.app.test');
    expect(await namesShown('api.app.test')).toBe('DNS:*.app.test, DNS:app.test');
    expect(await namesShown('other.test')).toBe('DNS:other.test');
    for (const stranger of ['a.b.app.test', 'strange.test']) {
      await expect(namesShown(stranger)).rejects.toThrow(/unrecognized.name/i);
    }
    expect((await report()).handshakes).toMatchObject({ done: 4, unknownNames: 2 });
  });
  test('is the one called default for hosts that no other is made out to, and for clients that name none', async () => {
    await start({ app: ['app.test'], default: ['fallback.test'] });
    expect(await namesShown('strange.test')).toBe('DNS:fallback.test');
    expect((await hello({ servername: '', rejectUnauthorized: false })).getPeerCertificate().subjectaltname).toBe(
      'DNS:fallback.test',
    );
    expect(await namesShown('app.test')).toBe('DNS:app.test');
  });
  test('is the one with addresses for clients that come by address', async () => {
    await start({ app: ['app.test'], machine: ['127.0.0.1', 'box.test'] });
    const socket = await hello({ servername: '', checkServerIdentity: () => undefined });
    expect(socket.authorized).toBe(true);
    expect(socket.getPeerCertificate().subjectaltname).toContain('IP Address:127.0.0.1');
  });
  test('is a current one rather than one that has run out; alone, one that has run out is shown all the same', async () => {
    await start({});
    certs.put('early', certs.issue(['app.test', 'lonely.test'], [-60, -1]));
    certs.put('new', certs.issue(['app.test'], [-1, 30]));
    await reload();
    expect(await namesShown('app.test')).toBe('DNS:app.test');
    expect(await namesShown('lonely.test')).toBe('DNS:app.test, DNS:lonely.test');
    await expect(hello({ servername: 'lonely.test' })).rejects.toThrow(/expired/);
  });
  test('has the kind of key that the client can use: ECDSA and RSA side by side', async (context) => {
    await start({ ec: ['app.test'] });
    const rsa = byOpenssl('app.test', 'rsa:2048');
    if (!rsa) return context.skip('openssl is not here; apt-get install openssl');
    certs.put('rsa', rsa);
    expect((await reload()).certificates.map(({ key }) => key).sort()).toEqual(['ecdsa', 'rsa']);
    const kindFor = async (cipher: string): Promise<string> => {
      const socket = await hello({ maxVersion: 'TLSv1.2', ciphers: cipher, rejectUnauthorized: false });
      return (socket.getPeerCertificate() as { asn1Curve?: string }).asn1Curve === undefined ? 'rsa' : 'ecdsa';
    };
    expect(await kindFor('ECDHE-ECDSA-AES128-GCM-SHA256')).toBe('ecdsa');
    expect(await kindFor('ECDHE-RSA-AES128-GCM-SHA256')).toBe('rsa');
  });
});

describe('the protocol', () => {
  test('is TLS 1.2 or 1.3 with forward secrecy and authenticated encryption, in our order', async () => {
    await start();
    expect((await hello()).getProtocol()).toBe('TLSv1.3');
    expect((await hello({ maxVersion: 'TLSv1.2' })).getProtocol()).toBe('TLSv1.2');
    await expect(hello({ minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT:@SECLEVEL=0' })).rejects.toThrow();
    await expect(hello({ maxVersion: 'TLSv1.2', ciphers: 'ECDHE-ECDSA-AES128-SHA' })).rejects.toThrow();
    const socket = await hello({
      maxVersion: 'TLSv1.2',
      ciphers: 'ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-ECDSA-AES128-GCM-SHA256',
    });
    expect(socket.getCipher().name).toBe('ECDHE-ECDSA-AES128-GCM-SHA256');
  });
  test('cannot be negotiated anew', async () => {
    await start();
    const socket = await hello({ maxVersion: 'TLSv1.2' });
    const cause = await new Promise<Error | null>((resolve) => {
      socket.on('error', resolve);
      socket.renegotiate({}, (error) => resolve(error));
    });
    expect(cause).toBeInstanceOf(Error);
  });
  test('above it is HTTP/2 where the client speaks it, else HTTP/1.1', async () => {
    await start();
    expect((await hello({ ALPNProtocols: ['h2', 'http/1.1'] })).alpnProtocol).toBe('h2');
    expect((await hello({ ALPNProtocols: ['http/1.1'] })).alpnProtocol).toBe('http/1.1');
    expect((await hello({ ALPNProtocols: ['http/1.1', 'h2'] })).alpnProtocol).toBe('h2');
    expect((await hello()).alpnProtocol).toBe(false);
    await expect(hello({ ALPNProtocols: ['ftp'] })).rejects.toThrow();
    const got = await talk(
      await hello(),
      'GET /who HTTP/1.1\r\nhost: app.test\r\n\r\n',
      (text) => text.endsWith('\r\napp') || text.includes('0\r\n\r\n'),
    );
    expect(got).toContain('app');
  });
  test('a session is resumed, also after certificates were read again', async () => {
    await start();
    const first = await hello();
    const session = await new Promise<Buffer>((resolve) => {
      first.once('session', resolve);
      first.write('GET /who HTTP/1.1\r\nhost: app.test\r\n\r\n');
    });
    certs.put('more', certs.issue(['more.test']));
    await reload();
    expect((await hello({ session })).isSessionReused()).toBe(true);
  });
});

describe('HTTP/1.1 over TLS', () => {
  test('the app hears https, and connections are kept', async () => {
    await start();
    const socket = await hello({ ALPNProtocols: ['http/1.1'] });
    const got = await talk(
      socket,
      'GET /headers HTTP/1.1\r\nhost: app.test\r\n\r\nGET /who HTTP/1.1\r\nhost: app.test\r\nconnection: close\r\n\r\n',
      (text) => text.split('HTTP/1.1 200').length === 3 && text.includes('0\r\n\r\n', text.lastIndexOf('HTTP/1.1 200')),
    );
    expect(got).toContain('"x-forwarded-proto","https"');
  });
  test('websockets work', async () => {
    await start();
    const socket = new WebSocket(`wss://app.test:${bench.httpsPort}/chat`, {
      ca: certs.authority.cert,
      lookup: (_name, _options, done) => done(null, [{ address: '127.0.0.1', family: 4 }]),
    });
    const got: string[] = [];
    socket.on('message', (data: Buffer) => got.push(data.toString()));
    await until('the greeting', () => got.length === 1);
    socket.send('hi');
    await until('the echo', () => got.length === 2);
    socket.terminate();
    expect(got).toEqual(['hello from app', 'app: hi']);
  });
  test('slow headers end the connection', async () => {
    await start(undefined, { headersTimeoutMs: 300 });
    const socket = await hello({ ALPNProtocols: ['http/1.1'] });
    expect(await talk(socket, 'GET / HTTP/1.1\r\nhost: a', () => false)).toMatch(/^HTTP\/1.1 408 /);
  });
});

describe('a folder that changes', () => {
  test('a new pair is shown to new connections within seconds, without a word from anybody; open ones go on', async () => {
    await start();
    const client = await open2(bench.httpsPort, certs.authority);
    const before = (await hello()).getPeerCertificate().fingerprint256;
    certs.put('app', certs.issue(['app.test']));
    await until('the new one', async () => (await hello()).getPeerCertificate().fingerprint256 !== before, 8_000);
    expect((await ask2(client, { path: '/who' })).body).toBe('app');
    client.destroy();
  });
  test('the first pair takes effect on a worker that had none', async () => {
    await start({});
    await expect(hello()).rejects.toThrow(/unrecognized.name/i);
    certs.put('app', certs.issue(['app.test']));
    expect((await reload()).certificates).toMatchObject([{ name: 'app', names: ['app.test'], key: 'ecdsa', issuer: 'Test CA' }]);
    expect((await hello()).authorized).toBe(true);
  });
  test('half-written files change nothing: the pair before them is served until they are whole', async () => {
    await start();
    const before = (await hello()).getPeerCertificate().fingerprint256;
    const next = certs.issue(['app.test']);
    const file = (ending: string): string => join(certs.folder, `app.${ending}`);
    writeFileSync(file('key'), next.key.slice(0, 100));
    expect((await reload()).problems).toMatchObject([{ code: 'KEY_UNREADABLE', file: file('key') }]);
    expect((await hello()).getPeerCertificate().fingerprint256).toBe(before);
    writeFileSync(file('key'), next.key);
    expect((await reload()).problems).toMatchObject([{ code: 'KEY_MISMATCH' }]);
    expect((await hello()).getPeerCertificate().fingerprint256).toBe(before);
    writeFileSync(file('crt'), next.cert.slice(0, 300));
    expect((await reload()).problems).toMatchObject([{ code: 'CERTIFICATE_UNREADABLE' }]);
    expect((await hello()).getPeerCertificate().fingerprint256).toBe(before);
    writeFileSync(file('crt'), next.cert);
    expect((await reload()).problems).toEqual([]);
    expect((await hello()).getPeerCertificate().fingerprint256).not.toBe(before);
  });
  test('one bad pair takes nothing from the others, each is named with the way out', async () => {
    await start();
    const encrypted = certs.issue(['locked.test']);
    certs.put('locked', {
      cert: encrypted.cert,
      key: createPrivateKey(encrypted.key)
        .export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'x' })
        .toString(),
    });
    certs.put('open', certs.issue(['open.test']));
    chmodSync(join(certs.folder, 'open.key'), 0o640);
    certs.put('swapped', { cert: certs.issue(['swapped.test']).cert, key: certs.issue(['swapped.test']).key });
    writeFileSync(join(certs.folder, 'lost.key'), certs.issue(['lost.test']).key, { mode: 0o600 });
    writeFileSync(join(certs.folder, 'keyless.crt'), certs.issue(['keyless.test']).cert);
    const { certificates, problems } = await reload();
    expect(certificates.map(({ name }) => name)).toEqual(['app']);
    expect(Object.fromEntries(problems.map(({ file, code }) => [file.split('/').at(-1), code]))).toEqual({
      'locked.key': 'KEY_ENCRYPTED',
      'open.key': 'KEY_EXPOSED',
      'swapped.key': 'KEY_MISMATCH',
      'lost.key': 'CERTIFICATE_UNREADABLE',
      'keyless.crt': 'KEY_MISSING',
    });
    expect(problems.every(({ fix }) => fix.length > 10)).toBe(true);
    expect((await hello()).authorized).toBe(true);
  });
  test('a pair that is taken away is served no more', async () => {
    await start({ app: ['app.test'], gone: ['gone.test'] });
    rmSync(join(certs.folder, 'gone.crt'));
    rmSync(join(certs.folder, 'gone.key'));
    await reload();
    await expect(hello({ servername: 'gone.test' })).rejects.toThrow(/unrecognized.name/i);
    expect((await hello()).authorized).toBe(true);
  });
  test('nothing of a key is told or logged', async () => {
    await start();
    const { key } = certs.issue(['bad.test']);
    certs.put('bad', { cert: certs.issue(['bad.test']).cert, key });
    const told = JSON.stringify(await reload()) + bench.log();
    const secret = readFileSync(join(certs.folder, 'app.key'), 'utf8').split('\n')[1] ?? '';
    expect(secret.length).toBeGreaterThan(40);
    expect(told).not.toContain(secret);
    expect(told).not.toContain(key.split('\n')[1]);
  });
});

describe('handshakes', () => {
  test('that do not get on end in time, and are counted', async () => {
    await start(undefined, { handshakeTimeoutMs: 300 });
    const socket = connect(bench.httpsPort, '127.0.0.1');
    open.push(socket);
    socket.resume();
    await new Promise((resolve) => socket.once('close', resolve));
    const plain = connect(bench.httpsPort, '127.0.0.1');
    open.push(plain);
    await talk(plain, 'GET / HTTP/1.1\r\nhost: app.test\r\n\r\n', () => false);
    await until('both are counted', async () => {
      const { handshakes } = await report();
      return handshakes?.timedOut === 1 && handshakes.failed === 1;
    });
    expect(bench.log()).toBe('');
  });
  test('of a flood make room, oldest first: an honest client gets in', async () => {
    await start(undefined, { maxHandshakes: 20 });
    for (let i = 0; i < 60; i++) {
      const socket = connect(bench.httpsPort, '127.0.0.1');
      socket.on('error', () => {});
      socket.write(Buffer.from([22, 3, 1, 0, 200, 1]));
      open.push(socket);
    }
    await until('there was no room for all', async () => ((await report()).handshakes?.evicted ?? 0) >= 40);
    expect((await hello()).authorized).toBe(true);
  });
});

function byOpenssl(host: string, kind: string): Issued | undefined {
  const folder = mkdtempSync(join(tmpdir(), 'sb-rsa-'));
  const [cert, key] = [join(folder, 'c.crt'), join(folder, 'c.key')];
  try {
    const made = spawnSync('openssl', [
      'req',
      '-x509',
      '-newkey',
      kind,
      '-nodes',
      '-keyout',
      key,
      '-out',
      cert,
      '-days',
      '5',
      '-subj',
      '/CN=x',
      '-addext',
      `subjectAltName=DNS:${host}`,
    ]);
    return made.status === 0 ? { cert: readFileSync(cert, 'utf8'), key: readFileSync(key, 'utf8') } : undefined;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
