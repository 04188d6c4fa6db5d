import { describe, expect, test } from 'vitest';
import { loadAppSpec } from '../../src/config/load.ts';
import type { ContainerSpec } from '../../src/domain/spec.ts';
import { memoryReader } from './memory-reader.ts';

const repository = { 'web/Dockerfile': 'FROM x\n', 'web/index.js': '', 'docker/web.Dockerfile': 'FROM x\n' };

async function load(service: string, files: Readonly<Record<string, string>> = repository) {
  const { spec } = await loadAppSpec(memoryReader({ ...files, 'signalbox.yaml': `services:\n  web: { ${service} }\n` }));
  const [web] = Object.values(spec.services);
  if (web === undefined) throw new Error('a service was expected');
  return web;
}
const container = async (service: string): Promise<ContainerSpec | undefined> => (await load(service)).container;

describe('a service in a container', () => {
  test('needs no command when it has a Dockerfile, which may lie anywhere in the repository', async () => {
    const web = await load('path: web, dockerfile: docker/web.Dockerfile, context: ., target: prod, port: 3000, route: /');
    expect(web.run).toBeUndefined();
    expect(web.container).toEqual({ dockerfile: 'docker/web.Dockerfile', context: '.', target: 'prod', port: 3000 });
  });

  test('finds the Dockerfile of its folder when nothing else says how it starts', async () => {
    expect(await container('path: web, route: /')).toEqual({ dockerfile: 'web/Dockerfile' });
    expect(await container('path: web, run: node index.js, route: /')).toBeUndefined();
  });

  test('may be an image made elsewhere, at a version', async () => {
    for (const image of ['redis:7.2', 'ghcr.io/acme/api:v1', 'localhost:5000/api:1', `acme/api@sha256:${'a'.repeat(64)}`])
      expect(await container(`image: '${image}', route: /`)).toEqual({ image });
  });

  test('is a worker without a route', async () => {
    expect((await load("image: 'acme/mailer:3'")).kind).toBe('worker');
  });
});

describe('what is refused, with its place', () => {
  test.each([
    ['an image without a version', 'image: redis, route: /', /services\.web\.image: expected the name of an image/],
    ['an image and a build', "image: 'a:1', build: make, route: /", /services\.web\.build: an image made elsewhere/],
    ['an image and build variables', "image: 'a:1', buildEnv: { A: b }, route: /", /services\.web\.buildEnv/],
    ['a Dockerfile and a build without run', 'path: web, dockerfile: web/Dockerfile, build: make, route: /', /leave build out/],
    ['a Dockerfile of a static site', 'path: web, static: ., dockerfile: web/Dockerfile', /static service is served by/],
    ['a port of a worker', "image: 'a:1', port: 80", /nobody connects to it/],
    ['a port that is none', "image: 'a:1', route: /, port: 70000", /a port from 1 to 65535/],
    ['a Dockerfile outside the repository', 'path: web, dockerfile: ../Dockerfile, route: /', /inside the repository/],
    ['nothing to start', 'path: web2, route: /', /expected run .*on Docker dockerfile or image/],
  ])('%s', async (_, service, message) => {
    await expect(load(service, { ...repository, 'web2/a': '' })).rejects.toThrow(message);
  });

  test('a Dockerfile that is not there, with the one that was meant', async () => {
    await expect(load('path: web, dockerfile: Dockerfile, route: /')).rejects.toThrow(
      /the repository has no file Dockerfile .*did you mean web\/Dockerfile\?/,
    );
  });
});
