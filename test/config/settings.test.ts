import { expect, test } from 'vitest';
import { readSettings } from '../../src/config/settings.ts';
import { hasCode } from '../../src/domain/errors.ts';

const user = { root: false, homeFolder: '/home/ada', cwd: '/srv' };
const root = { ...user, root: true, homeFolder: '/root' };

test('without any variable everything listens on loopback, on ports an ordinary user may have', () => {
  expect(readSettings({}, user)).toEqual({
    home: '/home/ada/.signalbox',
    http: { host: '127.0.0.1', port: 8080, httpsPort: 8443, publicHttpsPort: null },
    api: { host: '127.0.0.1', port: 7070 },
    remote: null,
    proxyWorkers: 1,
    trustedProxies: [],
    edge: {},
    forge: { plainLoopback: false },
    retention: { releases: 10, artifactBytes: 20 * 1024 ** 3 },
    runtime: 'process',
    secrets: { provider: 'files', passphrase: null },
    docker: {
      socket: '/var/run/docker.sock',
      baseImages: {},
      registry: null,
      configFile: '/home/ada/.docker/config.json',
    },
    color: true,
  });
});

test('root gets the ports of the web, still on loopback', () => {
  expect(readSettings({}, root).http).toEqual({ host: '127.0.0.1', port: 80, httpsPort: 443, publicHttpsPort: null });
});

test('an empty variable is an unset one', () => {
  expect(readSettings({ SIGNALBOX_HTTP_PORT: '', SIGNALBOX_HOME: ' ', NO_COLOR: '' }, user)).toEqual(readSettings({}, user));
});

test('the home may be relative or start with ~', () => {
  expect(readSettings({ SIGNALBOX_HOME: 'box' }, user).home).toBe('/srv/box');
  expect(readSettings({ SIGNALBOX_HOME: '~/box' }, user).home).toBe('/home/ada/box');
});

test('values are read as documented', () => {
  const settings = readSettings(
    {
      SIGNALBOX_HTTP_PORT: '0',
      SIGNALBOX_URL: 'https://box.example/',
      SIGNALBOX_TOKEN: 't',
      SIGNALBOX_KEEP_ARTIFACT_BYTES: '500MiB',
      SIGNALBOX_TRUSTED_PROXIES: '10.0.0.0/8, ::1',
      SIGNALBOX_HEADERS_TIMEOUT: '5s',
      SIGNALBOX_MAX_HEADERS: '32KiB',
      NO_COLOR: '1',
    },
    user,
  );
  expect(settings).toMatchObject({
    http: { port: 0 },
    remote: { url: 'https://box.example', token: 't' },
    trustedProxies: ['10.0.0.0/8', '::1'],
    edge: { headersTimeoutMs: 5_000, maxHeaderBytes: 32 * 1024 },
    color: false,
  });
  expect(settings.retention.artifactBytes).toBe(500 * 1024 ** 2);
});

test('the base of generated Dockerfiles may be another one for each stack', () => {
  const bases = (value: string) => readSettings({ SIGNALBOX_BASE_IMAGE: value }, user).docker.baseImages;
  expect(bases('python=registry.test:5000/py:3.12, node=node:22')).toEqual({
    python: 'registry.test:5000/py:3.12',
    node: 'node:22',
  });
  expect(bases('python=python:3.13-slim')).toEqual({ python: 'python:3.13-slim' });
});

test('a registry has a host, what comes before the names, and perhaps a login of its own', () => {
  const settings = readSettings(
    {
      SIGNALBOX_RUNTIME: 'docker',
      SIGNALBOX_DOCKER_HOST: 'unix:///run/other.sock',
      SIGNALBOX_BASE_IMAGE: 'node:22-bookworm-slim',
      SIGNALBOX_REGISTRY: '127.0.0.1:5000/team/apps/',
      SIGNALBOX_REGISTRY_USER: 'ada',
      SIGNALBOX_REGISTRY_PASSWORD_FILE: 'secret',
      DOCKER_CONFIG: '/etc/docker-logins',
    },
    user,
  );
  expect(settings.runtime).toBe('docker');
  expect(settings.docker).toEqual({
    socket: '/run/other.sock',
    baseImages: { node: 'node:22-bookworm-slim', python: 'node:22-bookworm-slim' },
    registry: { host: '127.0.0.1:5000', prefix: 'team/apps', login: { user: 'ada', passwordFile: '/srv/secret' } },
    configFile: '/etc/docker-logins/config.json',
  });
  expect(readSettings({ SIGNALBOX_REGISTRY: 'registry.example.com' }, user).docker.registry).toEqual({
    host: 'registry.example.com',
    prefix: '',
    login: null,
  });
});

test.each([
  ['SIGNALBOX_HTTP_PORT', '70000'],
  ['SIGNALBOX_RUNTIME', 'podman'],
  ['SIGNALBOX_DOCKER_HOST', 'tcp://10.0.0.1:2375'],
  ['SIGNALBOX_BASE_IMAGE', 'node'],
  ['SIGNALBOX_BASE_IMAGE', 'node:20,python=python:3'],
  ['SIGNALBOX_BASE_IMAGE', 'ruby=ruby:3'],
  ['SIGNALBOX_REGISTRY', 'team'],
  ['SIGNALBOX_REGISTRY_USER', 'ada'],
  ['SIGNALBOX_API_PORT', '7070x'],
  ['SIGNALBOX_PROXY_WORKERS', '0'],
  ['SIGNALBOX_URL', 'box.example'],
  ['SIGNALBOX_KEEP_ARTIFACT_BYTES', '5'],
  ['SIGNALBOX_TRUSTED_PROXIES', '10.0.0.0/40'],
  ['SIGNALBOX_HEADERS_TIMEOUT', '10'],
  ['SIGNALBOX_IDLE_TIMEOUT', '2h'],
  ['SIGNALBOX_MAX_HEADERS', '64'],
  ['SIGNALBOX_MAX_CONNECTIONS', '0'],
  ['SIGNALBOX_API_HOST', 'http://x'],
])('%s=%s is one clear error that names the variable', (name, value) => {
  let caught: unknown;
  try {
    readSettings({ [name]: value }, user);
  } catch (error) {
    caught = error;
  }
  expect(hasCode(caught, 'BAD_SETTING') && caught.message).toContain(name);
});
